"""The command line as a user meets it: real processes, a data folder of their own, exit codes."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from support.cli import GADFLY, gadfly, surroundings

from gadfly.agent.faces.cli.main import run
from gadfly.tools.registry import all_tools

PAIRS = '[{"clean": "a b", "corrupt": "a c", "answer": "d", "wrong": "e"}]'


def one_line(done: subprocess.CompletedProcess[str]) -> str:
    """The error, which must be one line and no traceback."""
    assert "Traceback" not in done.stderr, done.stderr
    lines = [line for line in done.stderr.splitlines() if line.startswith("gadfly: ")]
    assert len(lines) == 1, done.stderr
    return lines[0]


def test_search_prints_document_heading_and_id(ready: Path) -> None:
    done = gadfly("corpus", "search", "denoising and noising", "-k", "3", home=ready)
    assert done.returncode == 0
    assert "guide/techniques/activation-patching" in done.stdout


def test_search_json_is_one_object_with_the_promised_fields(ready: Path) -> None:
    done = gadfly("corpus", "search", "logit lens", "-k", "2", "--json", home=ready)
    found = json.loads(done.stdout)
    assert found["answerable"] is True
    assert len(found["results"]) == 2
    assert {"id", "document", "title", "heading", "text", "start", "end", "score"} <= set(
        found["results"][0]
    )


def test_ask_offline_answers_with_verified_receipts(ready: Path) -> None:
    pytest.importorskip("torch")
    question = "Where does a model recall the capital of a country, and how do I show it causally?"
    done = gadfly("ask", question, "--json", home=ready)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    kinds = {receipt["kind"] for claim in answer["claims"] for receipt in claim["receipts"]}
    assert kinds == {"quote", "run"}
    assert answer["struck"] == 0
    assert not answer["abstained"]
    assert all(claim["grade"] == "verified" for claim in answer["claims"]), answer["claims"]
    assert "No LLM key found" in answer["notices"][0]
    again = gadfly("rerun", answer["runs"][0], "--json", home=ready)
    assert json.loads(again.stdout)["moved"] == []


def test_ask_says_when_the_corpus_has_nothing(ready: Path) -> None:
    done = gadfly("ask", "What did the football cup final cost in Lisbon?", "--json", home=ready)
    answer = json.loads(done.stdout)
    assert answer["abstained"]
    assert answer["claims"] == []
    assert answer["answer"].startswith("Not in the corpus.")


def test_context_comes_from_standard_input(ready: Path) -> None:
    done = gadfly(
        "ask",
        "What is this about?",
        "--json",
        home=ready,
        stdin="The logit lens and the tuned lens",
    )
    documents = [r["document"] for r in json.loads(done.stdout)["receipts"]]
    assert any(document and "lens" in document for document in documents)


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["ask", ""], 2, "the question is empty"),
        (["ask", "   "], 2, "the question is empty"),
        (["ask", "x" * 9000], 2, "at most 8,000"),
        (["ask", "--llm", "openai/gpt-5.6", "what?"], 2, "OPENAI_API_KEY"),
        (["ask", "--llm", "gpt", "what?"], 2, "names no provider"),
        (["corpus", "show", "guide/nothing"], 1, "no document 'guide/nothing'"),
        (["runs", "show", "rffffffff"], 1, "no run 'rffffffff'"),
        (["rerun", "rffffffff"], 1, "no run 'rffffffff'"),
        (["patch", "--behaviour", "telepathy"], 2, "telepathy"),
        (
            ["patch", "--behaviour", "capital-of", "--model", "/no/such/folder"],
            1,
            "/no/such/folder",
        ),
        (["patch", "--data", PAIRS, "--model", "no/such-model"], 1, "no/such-model"),
        (["patch", "--pairs", "{broken"], 2, "not valid JSON"),
    ],
)
def test_bad_input_is_one_clear_line(
    ready: Path, arguments: list[str], code: int, says: str
) -> None:
    done = gadfly(*arguments, home=ready)
    assert says in one_line(done)
    assert done.returncode == code


def test_an_error_with_json_is_json_too(ready: Path) -> None:
    done = gadfly("runs", "show", "rffffffff", "--json", home=ready)
    assert "no run" in json.loads(done.stdout)["error"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_no_permission_to_write(tmp_path: Path) -> None:
    tmp_path.chmod(stat.S_IRUSR | stat.S_IXUSR)
    done = gadfly("corpus", "list", home=tmp_path / "home")
    tmp_path.chmod(stat.S_IRWXU)
    assert "set GADFLY_HOME to a folder you can write to" in one_line(done)


def test_a_home_that_cannot_be_a_folder(tmp_path: Path) -> None:
    blocker = tmp_path / "file"
    blocker.write_text("in the way")
    done = gadfly("corpus", "list", home=blocker / "home")
    assert "set GADFLY_HOME to a folder you can write to" in one_line(done)
    assert done.returncode == 1


def test_a_damaged_index_is_named_and_rebuilt(tmp_path: Path) -> None:
    home = tmp_path / "home"
    note = tmp_path / "note.md"
    note.write_text("# A note\n\nThe quick note that a user added by hand stays readable.\n")
    assert gadfly("corpus", "add", str(note), home=home).returncode == 0
    index = home / "corpus" / "corpus.sqlite"
    index.write_bytes(b"SQLite format 3\x00" + b"\xff" * 3000)
    done = gadfly("corpus", "search", "anything", home=home)
    assert "gadfly corpus rebuild" in one_line(done)
    assert gadfly("corpus", "rebuild", home=home).returncode == 0
    assert list(index.parent.glob("damaged-*")), "the damaged file is kept"
    assert gadfly("corpus", "search", "logit lens", home=home).returncode == 0


def test_two_processes_at_once_both_finish(tmp_path: Path) -> None:
    home = tmp_path / "home"
    both = [
        subprocess.Popen(
            [*GADFLY, "corpus", "search", "logit lens", "--json"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=surroundings(home),
        )
        for _ in range(2)
    ]
    outputs = [process.communicate(timeout=300) for process in both]
    assert [process.returncode for process in both] == [0, 0], outputs
    one, two = (json.loads(out)["results"][0]["id"] for out, _ in outputs)
    assert one == two


def test_ctrl_c_while_indexing_keeps_what_is_done(tmp_path: Path) -> None:
    home = tmp_path / "home"
    process = subprocess.Popen(
        [*GADFLY, "corpus", "list", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=surroundings(home),
    )
    index = home / "corpus" / "corpus.sqlite"
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not index.exists():
        time.sleep(0.02)
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    if process.returncode == 0:
        pytest.skip("indexing was done before the signal came")
    assert process.returncode == 130
    assert "Traceback" not in err
    assert "stopped" in err
    done = gadfly("corpus", "search", "logit lens", "--json", home=home)
    assert json.loads(done.stdout)["results"]


@pytest.mark.parametrize("command", ["ask", "corpus", "runs", "rerun", "patch"])
def test_help_has_examples_or_options(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        run([command, "--help"])
    assert not stop.value.code
    assert "--help" in capsys.readouterr().out


def test_every_argument_of_an_experiment_is_an_option(capsys: pytest.CaptureFixture[str]) -> None:
    for tool in all_tools():
        if not tool.is_experiment:
            continue
        with pytest.raises(SystemExit):
            run([tool.name, "--help"])
        text: Any = capsys.readouterr().out
        for name in tool.args.model_fields:
            assert f"--{name.replace('_', '-')}" in text


def test_a_mistake_of_our_own_is_one_line_and_a_file_without_keys(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def wrong(*_: object, **__: object) -> None:
        raise ValueError("sk-very-secret does not fit")

    monkeypatch.setenv("GADFLY_HOME", str(tmp_path))
    monkeypatch.setenv("OPENROUTER_API_KEY", "sk-very-secret")
    monkeypatch.setattr("gadfly.tools.ledger.Ledger.recent", wrong)
    with pytest.raises(SystemExit) as ended:
        run(["runs", "--json"])
    assert ended.value.code == 70
    shown = capsys.readouterr()
    kept = (tmp_path / "errors" / "last.txt").read_text()
    assert "mistake of Gadfly's own (ValueError: *** does not fit)" in shown.err
    assert shown.err.count("\n") == 1
    assert "error" in json.loads(shown.out)
    assert "Traceback" in kept
    assert "sk-very-secret" not in kept + shown.err + shown.out
