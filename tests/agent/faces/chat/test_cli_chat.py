"""``gadfly chat -p``, ``gadfly sessions`` and the shell's completion, as a user without a key meets them."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from support.chat import FakeSession, answer
from support.cli import gadfly

from gadfly.agent.answers.answer import Answer, Claim
from gadfly.agent.faces.chat.once import once
from gadfly.agent.faces.cli import show
from gadfly.agent.faces.cli.console import err
from gadfly.agent.turn.events import ApprovalRequest, Final, PendingCall, Stopped
from gadfly.errors import Cancelled, LLMError
from gadfly.leaving import Ended

QUESTION = "What is selectivity in probing?"


@pytest.fixture(scope="module")
def asked(ready: Path) -> subprocess.CompletedProcess[str]:
    return gadfly("-p", QUESTION, "--no-experiment", "--json", home=ready)


def test_the_answer_is_on_stdout_alone(asked: subprocess.CompletedProcess[str]) -> None:
    assert asked.returncode == 0, asked.stderr
    found = json.loads(asked.stdout)
    assert found["question"] == QUESTION
    assert found["struck"] == 0
    assert found["receipts"]
    assert found["session"].startswith("s")


def test_a_session_goes_on_lists_shows_and_exports(
    asked: subprocess.CompletedProcess[str], ready: Path, tmp_path: Path
) -> None:
    session = json.loads(asked.stdout)["session"]
    again = gadfly(
        "chat", "-p", "What is a control task?", "--resume", session, "--jsonl", home=ready
    )
    assert again.returncode == 0, again.stderr
    events = [json.loads(line) for line in again.stdout.splitlines()]
    assert events[-1]["event"] == "final"
    Answer.model_validate(events[-1]["answer"])
    listed = json.loads(gadfly("sessions", "--json", home=ready).stdout)["sessions"]
    assert next(each for each in listed if each["id"] == session)["turns"] == 2
    shown = json.loads(gadfly("sessions", "show", session, "--json", home=ready).stdout)
    assert [turn["question"] for turn in shown["turns"]] == [QUESTION, "What is a control task?"]
    path = tmp_path / "talk.html"
    done = gadfly("sessions", "export", session, str(path), home=ready)
    assert done.returncode == 0, done.stderr
    assert "What is a control task?" in path.read_text()
    copy = gadfly("-p", QUESTION, "-r", session, "--fork", "--json", home=ready)
    assert json.loads(copy.stdout)["session"] != session


def test_standard_input_is_material(ready: Path) -> None:
    done = gadfly(
        "-p",
        "What is this about?",
        "--no-experiment",
        "--json",
        home=ready,
        stdin="The logit lens and the tuned lens",
    )
    documents = [each["document"] for each in json.loads(done.stdout)["receipts"]]
    assert any(document and "lens" in document for document in documents)


def test_the_schema_fits_the_answer(asked: subprocess.CompletedProcess[str], ready: Path) -> None:
    schema = json.loads(gadfly("chat", "--schema", home=ready).stdout)
    assert set(schema["required"]) <= set(json.loads(asked.stdout))
    assert {"answer", "claims", "abstained", "cost", "receipts"} <= set(schema["properties"])


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["chat"], 2, "the chat needs a terminal"),
        (["--continue", "--resume", "s1"], 2, "give one of them"),
        (["chat", "--fork"], 2, "--fork copies a session"),
        (["chat", "--jsonl"], 2, "go with -p"),
        (["-p", "x", "--json", "--jsonl"], 2, "two outputs"),
        (["-p", ""], 2, "the question is empty"),
        (["-p", "x", "--resume", "snothing"], 2, "no session 'snothing'"),
        (["-p", "x", "--llm", "openai/gpt-5.6"], 2, "OPENAI_API_KEY"),
        (["sessions", "export", "last", "a.docx"], 2, "end it in .md, .html or .ipynb"),
    ],
)
@pytest.mark.usefixtures("asked")  # an export wants a session that is there
def test_wrong_requests(ready: Path, arguments: list[str], code: int, says: str) -> None:
    done = gadfly(*arguments, home=ready)
    assert (done.returncode, "Traceback" in done.stderr) == (code, False)
    assert says in done.stderr


def test_an_error_is_an_event_too(ready: Path) -> None:
    done = gadfly("-p", " ", "--jsonl", home=ready)
    assert json.loads(done.stdout)["event"] == "error"
    assert done.returncode == 2


def test_bare_without_a_terminal_prints_help(ready: Path) -> None:
    done = gadfly(home=ready)
    assert (done.returncode, done.stderr) == (0, "")
    assert "Commands:" in done.stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(ready: Path, shell: str) -> None:
    done = gadfly("complete", shell, home=ready)
    assert "_GADFLY_COMPLETE" in done.stdout
    assert done.returncode == 0


def test_the_shell_is_offered_commands(ready: Path) -> None:
    done = gadfly(
        home=ready, _GADFLY_COMPLETE="bash_complete", COMP_WORDS="gadfly se", COMP_CWORD="1"
    )
    assert "plain,sessions" in done.stdout.split()
    done = gadfly(
        home=ready, _GADFLY_COMPLETE="bash_complete", COMP_WORDS="gadfly chat --co", COMP_CWORD="2"
    )
    assert set(done.stdout.split()) == {"plain,--continue", "plain,--context"}


WAITS = ApprovalRequest((PendingCall("1", "python", "{}", "why"),))


@pytest.mark.parametrize("word", [True, False])
def test_nobody_is_there_to_approve(word: bool) -> None:
    session = FakeSession(turns=[[WAITS], [WAITS], [Final(answer())]])
    found = once(session, "x", progress=err(), approve=word)  # type: ignore[arg-type]
    assert found == answer()
    assert session.approvals == [word, word]


def test_a_call_that_nobody_can_approve_says_why_and_the_way_out(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for word in (True, False):
        session = FakeSession(turns=[[WAITS], [Final(answer())]])
        once(session, "x", progress=err(), approve=word)  # type: ignore[arg-type]
        told = " ".join(capsys.readouterr().err.split())
        assert ("not run: python, because why; --approve allows it" in told) is not word


@pytest.mark.parametrize("end", [KeyboardInterrupt, Ended(15)])
def test_a_signal_is_told_as_a_stop(end: Any) -> None:
    told: list[dict[str, Any]] = []

    def turns() -> Any:
        raise end

    session = FakeSession(turns=[])
    session.turn = lambda *_, **__: turns()  # type: ignore[method-assign]
    with pytest.raises((KeyboardInterrupt, Ended)):
        once(session, "x", progress=err(), write=told.append)  # type: ignore[arg-type]
    assert told == [{"event": "stopped", "reason": "a signal"}]


def test_a_stop_and_a_failure_are_told() -> None:
    told: list[dict[str, Any]] = []
    with pytest.raises(Cancelled):
        once(FakeSession(turns=[[Stopped("s")]]), "x", progress=err(), write=told.append)  # type: ignore[arg-type]
    with pytest.raises(LLMError):
        once(FakeSession(turns=[[LLMError("down")]]), "x", progress=err(), write=told.append)  # type: ignore[arg-type]
    assert [event["event"] for event in told] == ["stopped", "error", "error"]


def test_each_of_two_equal_opinions_is_marked() -> None:
    said = [Claim(text="It is so."), Claim(text="It is so.")]
    found = answer("It is so. It is so.").model_copy(update={"claims": said})
    assert show._mark_opinions(found) == "It is so. (opinion) It is so. (opinion)"
