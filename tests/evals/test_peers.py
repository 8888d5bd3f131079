"""Other packages beside us: their environments, their scripts, and that both sides compute the same."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from gadfly import settings
from gadfly.errors import GadflyError, MissingExtraError, UsageError
from gadfly.evals.bench import __main__ as bench
from gadfly.evals.bench import peer_patch, peer_steer
from gadfly.evals.bench import ruff as ruff_rules
from gadfly.evals.measuring.cases import Case, Remark, packaged
from gadfly.evals.peers import environment
from gadfly.evals.peers.environment import PYVENE, REPENG, TRANSFORMER_LENS, Peer
from gadfly.evals.peers.running import SCRIPTS, ask

# Where the benchmark makes them, by this shell's own settings: a test gets a data folder of its own.
MADE = settings.home() / "peers"


@pytest.fixture
def tiny(tmp_path: Path) -> Peer:
    """A peer whose package is a wheel in a folder: pip needs no network for it."""
    wheel = tmp_path / "tinypeer-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as packed:
        packed.writestr("tinypeer.py", "VALUE = 7\n")
        about = "tinypeer-1.0.dist-info"
        packed.writestr(
            f"{about}/METADATA", "Metadata-Version: 2.1\nName: tinypeer\nVersion: 1.0\n"
        )
        packed.writestr(
            f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        packed.writestr(f"{about}/RECORD", "")
    return Peer("tiny", ("--no-index", str(wheel)), shared=())


SCRIPT = """
import json, sys
import tinypeer
asked = json.load(sys.stdin)
if asked.get("fails"):
    raise ValueError("no such layer")
json.dump({"value": tinypeer.VALUE * asked["times"]}, sys.stdout)
"""


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "script.py"
    path.write_text(SCRIPT)
    return path


def test_an_environment_is_made_once_and_again_when_it_is_not_whole(
    tiny: Peer, script: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "peers"
    assert environment.existing(tiny, place) is None
    python = environment.interpreter(tiny, place)
    assert ask("tiny", python, script, {"times": 6}) == {"value": 42}
    with pytest.raises(GadflyError, match="tiny failed: ValueError: no such layer"):
        ask("tiny", python, script, {"fails": True})

    made: list[Path] = []
    monkeypatch.setattr(environment, "_make", lambda _, where: made.append(where))
    assert environment.interpreter(tiny, place) == python and not made
    # Another version is wanted: what is there will not do.
    assert environment.existing(tiny._replace(pins=("tinypeer==2.0",)), place) is None
    # Half made: everything is there but the mark.
    (place / "tiny" / "ready").unlink()
    environment.interpreter(tiny, place)
    assert made == [place / "tiny"]


def test_where_pip_fails_one_line_says_why_and_nothing_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = subprocess.run

    def without_venv(command: list[str], **how: Any) -> Any:  # a venv takes seconds to make
        if "venv" in command:
            (tmp_path / "peers" / "absent" / "bin").mkdir(parents=True)
            return run([sys.executable, "-c", ""], **how)
        return run([sys.executable, *command[1:]], **how)

    monkeypatch.setattr(subprocess, "run", without_venv)
    peer = Peer("absent", ("--no-index", "--target", str(tmp_path / "t"), "no-such-pkg==1"), ())
    with pytest.raises(GadflyError) as failed:
        environment.interpreter(peer, tmp_path / "peers")
    said = str(failed.value)
    assert "cannot set up an environment for absent: No matching distribution" in said
    assert "--python" in said and "\n" not in said
    assert not (tmp_path / "peers" / "absent").exists()


def test_a_stop_leaves_nothing_that_passes_for_ready(
    tiny: Peer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(_: Peer, command: list[str]) -> None:
        if "venv" in command:
            (tmp_path / "tiny" / "bin").mkdir(parents=True)
            return
        raise KeyboardInterrupt

    monkeypatch.setattr(environment, "_run", stopped)
    with pytest.raises(KeyboardInterrupt):
        environment.interpreter(tiny, tmp_path)
    assert not (tmp_path / "tiny").exists()
    assert environment.existing(tiny, tmp_path) is None


def test_torch_is_of_the_version_that_runs_here() -> None:
    from importlib.metadata import version

    wanted = PYVENE.wanted()
    assert wanted[0] == f"torch=={version('torch').split('+')[0]}"
    assert wanted[-1].startswith("pyvene==")
    with pytest.raises(MissingExtraError, match=r"\[interp\]"):
        Peer("x", (), shared=("no-such-package",)).wanted()


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("import sys; sys.exit(3)", "odd failed: it ended with status 3"),
        ("print('not json')", "odd answered no JSON object: 'not json"),
        ("print('[1]')", "odd answered no JSON object"),
    ],
)
def test_a_script_that_does_not_answer_is_an_error(tmp_path: Path, source: str, said: str) -> None:
    path = tmp_path / "odd.py"
    path.write_text(source)
    with pytest.raises(GadflyError, match=said):
        ask("odd", Path(sys.executable), path, {})


def test_an_interpreter_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(GadflyError, match=r"cannot run .*nowhere .*--python"):
        ask("odd", tmp_path / "nowhere", tmp_path / "odd.py", {})


def test_what_a_package_prints_is_not_taken_for_the_answer(tmp_path: Path) -> None:
    wire = Path(SCRIPTS) / "wire.py"
    (tmp_path / "wire.py").write_text(wire.read_text(encoding="utf-8"))
    (tmp_path / "loud.py").write_text(
        "import os, wire\nprint('{}')\nos.system('echo from below')\nwire.answer({'a': 1})\nprint('bye')\n"
    )
    assert ask("loud", Path(sys.executable), tmp_path / "loud.py", {}) == {"a": 1}


def test_peers_are_chosen_by_name() -> None:
    with pytest.raises(UsageError, match="no peer 'repeng'; there are: transformer-lens, pyvene"):
        peer_patch.measure(("repeng",))
    with pytest.raises(UsageError, match="of one peer"):
        peer_patch.measure(("transformer-lens", "pyvene"), python=Path("python"))


def test_a_peer_that_fails_is_a_row_and_absent_peers_are_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fails(_: str) -> list[bench.Row]:
        raise GadflyError("pyvene failed: out of memory")

    monkeypatch.setattr(bench, "_PARTS", {"quick": lambda _: []})
    monkeypatch.setattr(bench, "_PEERS", {"pyvene": fails})
    (row,) = bench.measure("cpu", peers=True)["rows"]
    assert row["ratio"] is None and row["note"] == "not measured: pyvene failed: out of memory"
    (row,) = bench.measure("cpu")["rows"]
    assert row["beside"] == "pyvene" and "--peers" in row["note"]
    with pytest.raises(UsageError, match="no benchmark 'pivene'; there are: quick, pyvene"):
        bench.measure("cpu", ("pivene",))


@pytest.mark.slow
@pytest.mark.parametrize("peer", [TRANSFORMER_LENS, PYVENE], ids=lambda peer: peer.name)
def test_patching_agrees(peer: Peer) -> None:
    found = peer_patch.compare(peer, "demo", "capital-of", 2, 1, "cpu", _made(peer))
    assert found["difference"] < 1e-3 < found["spread"]
    assert found["logit_difference"] < 1e-3


@pytest.mark.slow
def test_steering_agrees() -> None:
    found = peer_steer.measure("demo", 2, 4, 6, 1, "cpu", _made(REPENG))
    assert found["difference"] < 1e-3 < found["effect"]
    assert found["same_tokens"] == 1.0


def _made(peer: Peer) -> Path:
    python = environment.existing(peer, MADE)
    if python is None:
        pytest.skip(f"no environment with {peer.name}: python -m gadfly.evals.bench --peers")
    return python


def test_a_bug_counts_as_named_reacted_to_and_touched(tmp_path: Path) -> None:
    for part, code in (("cases", "a\nb\nc\n"), ("fixed", "a\nB\nc\n")):
        (tmp_path / part / "one").mkdir(parents=True)
        (tmp_path / part / "one" / "m.py").write_text(code)
    about = {
        "id": "one",
        "file": "one/m.py",
        "has_bug": True,
        "bug_lines": [2, 2],
        "match_regex": "leak",
    }
    case = Case(tmp_path, about)

    def of(bug: list[Remark], repaired: list[Remark]) -> tuple[int, int, int, int]:
        said = {case.path: bug, case.twin: repaired}
        found = ruff_rules.score("t", lambda paths: {path: said[path] for path in paths}, [case])
        return found.named, found.gone, found.touched, found.quiet

    style = Remark("W1", 2, 2, "line too long")
    assert of([], []) == (0, 0, 0, 1)
    assert of([Remark("L", 4, 4, "a leak")], []) == (1, 0, 0, 1)
    assert of([Remark("L", 2, 2, "a leak")], []) == (1, 1, 1, 1)
    assert of([style], [style]) == (0, 0, 1, 0)
    assert of([Remark("L", 9, 9, "a leak")], []) == (0, 0, 0, 1)


def test_ruff_and_the_rules_are_counted_alike() -> None:
    with packaged() as folder:
        ours, default, everything = ruff_rules.compare(folder, excerpts=True)
    assert ours.bugs == default.bugs == everything.bugs == ours.others
    assert ours.named > default.named
    assert default.quiet > everything.quiet == 0
    assert default.by_case["hook"]["gone"] == ["F841"]  # the one bug of these that ruff is made for
    text = ruff_rules.shown([ours, default, everything])
    assert "ruff, all rules" in text and "F841" in text
