"""The sandbox: what its command allows, that nothing runs without one, and real runs where bubblewrap is."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gadfly.corpus.progress import Silent
from gadfly.errors import ToolInputError
from gadfly.tools.kernel import python, sandbox
from gadfly.tools.kernel.process import Kernel
from gadfly.tools.ledger import Ledger

works = pytest.mark.skipif(bool(sandbox.missing()), reason=f"needs bubblewrap: {sandbox.missing()}")


def _binds(line: list[str]) -> dict[str, str]:
    return {line[i + 1]: flag for i, flag in enumerate(line) if "bind" in flag}


def test_the_command_allows_reading_and_nothing_else(tmp_path: Path) -> None:
    line = sandbox.command(["python"], [tmp_path], {"A": "1"})
    assert "--unshare-all" in line
    assert "--share-net" not in line
    assert "--clearenv" in line
    assert {"--die-with-parent", "--new-session"} <= set(line)
    binds = _binds(line)
    assert binds[str(tmp_path)] == "--ro-bind"
    writable = {place for place, flag in binds.items() if not flag.startswith("--ro")}
    assert all(place.startswith("/dev/") for place in writable)
    assert "/" not in binds
    assert str(Path.home()) not in binds
    assert line[-1] == "python"
    assert "enter.py" in line[line.index("--") + 4]  # first the walls are proved
    assert sys.prefix in binds or any(sys.prefix.startswith(place) for place in binds)


def test_the_hubs_token_is_not_in_reach(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    (tmp_path / "hub").mkdir()
    (tmp_path / "token").write_text("hf_secret")
    _, readable = Kernel("demo")._prepare()
    assert tmp_path / "hub" in readable
    assert all(place not in (tmp_path, *tmp_path.parents) for place in readable)


def test_without_a_sandbox_nothing_runs_and_the_way_out_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    sandbox.missing.cache_clear()
    monkeypatch.setattr(shutil, "which", lambda _: None)
    try:
        with pytest.raises(ToolInputError, match="apt install bubblewrap") as caught:
            python(code=f"open({str(tmp_path / 'ran')!r}, 'w')")
        assert "\n" not in str(caught.value)
        assert not (tmp_path / "ran").exists()
        assert [run.status for run in Ledger().recent()] == ["failed"]
    finally:
        sandbox.missing.cache_clear()


def test_a_bubblewrap_that_may_not_make_namespaces_counts_as_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fake = tmp_path / "bwrap"
    fake.write_text("#!/bin/sh\necho 'No permissions to create new namespace' >&2\nexit 1\n")
    fake.chmod(0o755)
    monkeypatch.setattr(shutil, "which", lambda _: str(fake))
    sandbox.missing.cache_clear()
    try:
        assert "No permissions to create new namespace" in sandbox.missing()
    finally:
        sandbox.missing.cache_clear()


def test_the_tool_has_side_effects_so_that_somebody_is_asked() -> None:
    assert not python.read_only
    assert python.is_experiment  # each execution is in the ledger


def test_the_worker_shows_values_keeps_variables_and_survives_errors() -> None:
    """The worker's own logic, in process: it is the same inside the sandbox."""
    from gadfly.tools.kernel import worker

    space: dict[str, Any] = {}
    assert worker._run("x = 6\nprint('hi')\nx * 7", space, {"n": 1.0}) == {
        "output": "hi\n",
        "value": "42",
        "error": "",
        "numbers": {"n": 1.0},
    }
    assert worker._run("x", space, {})["value"] == "6"
    for code, said in (
        ("1 / 0", "ZeroDivisionError"),
        ("1 +", "SyntaxError"),
        ("exit()", "SystemExit"),
    ):
        assert said in worker._run(code, space, {})["error"]


@works
class TestInside:
    def test_variables_stay_and_the_run_is_recorded(self) -> None:
        python(code="x = 41")
        done: Any = python(code="keep(answer=x + 1)\nprint('hi')\nx + 1")
        assert (done.output, done.value) == ("hi\n", "42")
        assert done.verdict == "inconclusive"
        run = Ledger().get(done.run)
        assert run.value("answer") == 42
        assert (Ledger().artifacts(done.run) / "code.py").read_text().startswith("keep(")

    @pytest.mark.parametrize(
        ("code", "said"),
        [
            ("import socket; socket.create_connection(('1.1.1.1', 80), 2)", "unreachable"),
            ("open('/usr/evil', 'w')", "Read-only"),
            ("import gadfly; open(gadfly.__file__, 'a')", "Read-only"),
            ("open(__import__('os').path.expanduser('~') + '/.ssh/id_rsa')", "No such file"),
            ("bytearray(1 << 45)", "MemoryError"),
        ],
    )
    def test_the_outside_is_out_of_reach(self, code: str, said: str) -> None:
        result: Any = python(code=code)
        assert said in result.error

    def test_no_key_is_in_its_environment(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("OPENROUTER_API_KEY", "sk-or-secret")
        kernel = Kernel("demo")
        try:
            done = kernel.run("import os; dict(os.environ)", 30, Silent())
            shown = kernel.run("open('/proc/1/environ').read()", 30, Silent())
        finally:
            kernel.close()
        assert "GADFLY_HOME" in done.value
        assert "sk-or-secret" not in done.value + shown.value

    def test_what_takes_too_long_is_killed_and_said(self) -> None:
        result: Any = python(code="y = 1\nimport time\ntime.sleep(60)", seconds=1)
        assert "stopped after 1 s" in result.error
        after: Any = python(code="y")
        assert "NameError" in after.error

    def test_a_process_that_ends_is_started_again(self) -> None:
        ended: Any = python(code="import os; os._exit(3)")
        assert "the process ended" in ended.error
        assert python(code="1 + 1").value == "2"  # type: ignore[attr-defined]

    def test_a_program_of_ours_leaves_neither_process_nor_folder(self, tmp_path: Path) -> None:
        code = (
            "from gadfly.leaving import program\n"
            "def main():\n"
            "    from gadfly.tools.kernel.process import kernel\n"
            "    from gadfly.corpus.progress import Silent\n"
            "    assert kernel('demo').run('1 + 1', 60, Silent()).value == '2'\n"
            "program(main)\n"
        )
        places = {**os.environ, "TMPDIR": str(tmp_path)}
        subprocess.run([sys.executable, "-c", code], check=True, env=places)
        assert list(tmp_path.glob("gadfly-kernel-*")) == []

    @pytest.mark.slow
    def test_the_model_and_earlier_results_are_at_hand(self) -> None:
        pytest.importorskip("torch")
        first: Any = python(code="keep(n=3)")
        kernel = Kernel("demo")  # a fresh process reads the ledger as it is now
        try:
            done = kernel.run(
                "load().num_layers, results[" + repr(first.run) + "]['values']", 120, Silent()
            )
        finally:
            kernel.close()
        assert done.value == "(6, {'n': 3.0})", done.error
