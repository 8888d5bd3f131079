"""Sessions outlive their process: killed, interrupted, cancelled, approved later, taken back, forked."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel
from support.cli import surroundings
from support.sessions import answer, plain, play, stock

from gadfly.agent.llm.model import Message, Reply
from gadfly.agent.llm.scripted import ScriptedModel, calls, says
from gadfly.agent.sessions.session import Session
from gadfly.agent.sessions.store import Sessions
from gadfly.agent.turn.events import ApprovalRequest, Event, Final, Stopped, Text, ToolFinished
from gadfly.agent.turn.settings import Settings
from gadfly.errors import HomeError, UsageError
from gadfly.tools.contract import Context, ToolArgs, tool
from gadfly.tools.ledger import Ledger

# A turn whose second reply never comes, so that the process can be stopped while it waits.
PROGRAM = """
import time
from gadfly.agent.llm.scripted import ScriptedModel, calls
from gadfly.agent.sessions.session import Session
from gadfly.agent.turn.settings import Settings

def silent(messages):
    print("silent", flush=True)
    time.sleep(60)

model = ScriptedModel([calls("search", {"query": "logit lens"}), silent])
session = Session.start(Settings(llm=model, skeptic=False))
print(session.id, flush=True)
try:
    for event in session.turn("What does the logit lens do?"):
        pass
except KeyboardInterrupt:
    print("interrupted", session.pending, flush=True)
"""


@pytest.fixture(autouse=True)
def home(ready: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GADFLY_EMBEDDER", "none")
    stock(ready, tmp_path / "home")
    return tmp_path / "home"


class SaveArgs(ToolArgs):
    text: str


class Saved(BaseModel):
    saved: str


SAVED: list[str] = []


@tool(name="save", cost="nothing", read_only=False)
def save(args: SaveArgs, context: Context) -> Saved:
    """Write something down."""
    SAVED.append(args.text)
    return Saved(saved=args.text)


def scripted(*turns: Any, monkeypatch: pytest.MonkeyPatch | None = None) -> Settings:
    if monkeypatch is not None:
        from gadfly.tools import registry

        found = (*registry.all_tools(), save)
        monkeypatch.setattr(registry, "all_tools", lambda: found)
        SAVED.clear()
    return Settings(llm=ScriptedModel(turns), skeptic=False)


def started(home: Path) -> tuple[subprocess.Popen[str], str]:
    """The program above, once it waits for a reply; and its session."""
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=surroundings(home),
    )
    assert process.stdout is not None
    session_id = process.stdout.readline().strip()
    assert process.stdout.readline().strip() == "silent"
    return process, session_id


@pytest.mark.slow
def test_a_killed_turn_goes_on_where_it_was(home: Path) -> None:
    process, session_id = started(home)
    process.kill()  # SIGKILL
    process.wait()
    model = ScriptedModel([says("It decodes layers.")])
    session = Session.open(session_id[:5], Settings(llm=model, skeptic=False))
    assert session.pending == "unfinished"
    assert [turn.answer for turn in session.history()] == [None]
    seen: list[Event] = []
    end = play(session.resume(), seen)
    assert isinstance(end, Final)
    assert end.answer.answer == "It decodes layers."
    assert not any(
        isinstance(event, ToolFinished) for event in seen
    )  # the search was not made again
    assert "<data-" in model.seen[0][-1]["content"]
    assert session.pending is None


@pytest.mark.slow
def test_ctrl_c_is_heard_at_once_and_leaves_the_state_whole(home: Path) -> None:
    process, session_id = started(home)
    begun = time.monotonic()
    process.send_signal(signal.SIGINT)
    rest, _ = process.communicate(timeout=30)
    assert "interrupted unfinished" in rest
    assert time.monotonic() - begun < 10  # the model was still silent for a minute
    assert Session.open(session_id).pending == "unfinished"


def test_cancelling_stops_the_turn_and_keeps_the_chat() -> None:
    def endless(messages: Sequence[Message]) -> Reply:
        return says("one two")

    session = Session.start(scripted(calls("search", {"query": "lens"}), endless, says("fine")))
    events = session.turn("What is the logit lens?")
    for event in events:
        if isinstance(event, ToolFinished):
            session.cancel()
    assert isinstance(event, Stopped)
    assert session.pending == "unfinished"
    end = play(session.resume())
    assert isinstance(end, Final)
    assert end.answer.answer


def test_a_turn_left_behind_cannot_write_any_more() -> None:
    go = threading.Event()

    def late(messages: Sequence[Message]) -> Reply:
        go.wait(30)
        return says("a late reply")

    session = Session.start(scripted(late, says("the new answer")))
    events = session.turn("What is the logit lens?")
    threading.Timer(0.6, session.cancel).start()
    threading.Timer(0.8, go.set).start()
    assert isinstance(play(events), Stopped)
    found = answer(session, "What is probing?")
    assert found.answer == "the new answer"
    time.sleep(0.2)
    assert "late reply" not in str([turn.answer for turn in session.history()])


def test_an_iterator_that_is_closed_early_leaves_a_session_that_goes_on() -> None:
    session = Session.start(scripted(says("first"), says("second")))
    events = session.turn("What is the logit lens?")
    for event in events:
        if isinstance(event, Text):
            break
    events.close()  # type: ignore[attr-defined]
    assert isinstance(play(session.turn("What is probing?")), Final)


@pytest.mark.parametrize("approve", [True, False])
def test_approval_is_waited_for_across_processes(
    monkeypatch: pytest.MonkeyPatch, approve: bool
) -> None:
    turns = [calls("save", {"text": "x"}), says("done")]
    settings = scripted(*turns, monkeypatch=monkeypatch)
    session = Session.start(settings)
    end = play(session.turn("Please save x."))
    assert isinstance(end, ApprovalRequest)
    assert (end.calls[0].name, end.calls[0].arguments) == ("save", '{"text": "x"}')
    assert SAVED == []
    later = Session.open(session.id, settings)
    assert later.pending == "approval"
    assert play(later.resume()) == end  # without a word it is asked again
    assert isinstance(play(later.resume(approve=approve)), Final)
    assert (["x"] if approve else []) == SAVED


def test_a_question_instead_of_a_word_declines(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = scripted(calls("save", {"text": "x"}), says("ok"), monkeypatch=monkeypatch)
    session = Session.start(settings)
    play(session.turn("Please save x."))
    assert isinstance(play(session.turn("What is probing?")), Final)
    assert SAVED == []
    model: Any = settings.llm
    roles = [m["role"] for m in model.seen[-1]]
    assert roles == ["system", "user", "assistant", "tool", "user"]  # no call without a result
    assert "stopped before it ran" in model.seen[-1][3]["content"]


def test_nothing_pending_is_an_error() -> None:
    with pytest.raises(UsageError, match="nothing is pending"):
        Session.start(scripted()).resume()


def test_history_undo_and_fork() -> None:
    model = ScriptedModel([says("one"), says("two"), says("three")])
    session = Session.start(Settings(llm=model, skeptic=False))
    answer(session, "First question?")
    answer(session, "Second question?")
    other = session.fork(1)
    assert [turn.question for turn in other.history()] == ["First question?"]
    assert session.undo() == "Second question?"
    assert [turn.question for turn in session.history()] == ["First question?"]
    answer(session, "Third question?")
    said = [m["content"] for m in model.seen[-1] if m["role"] != "system"]
    assert said == ["First question?", "one", "Third question?"]
    assert len(Session.open(other.id, session.settings).history()) == 1
    assert session.undo() and session.undo() and session.undo() is None


def test_undo_takes_back_an_unfinished_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    session = Session.start(
        scripted(calls("save", {"text": "x"}), says("ok"), monkeypatch=monkeypatch)
    )
    play(session.turn("Please save x."))
    assert session.undo() == "Please save x."
    assert session.pending is None
    assert session.history() == []


def test_the_latest_and_the_listing() -> None:
    with pytest.raises(UsageError, match="no session yet"):
        Session.open(None)
    first = Session.start(scripted(says("a")))
    answer(first, "A first question?")
    second = Session.start(scripted(says("b")))
    answer(second, "A second question?")
    assert Session.open(None).id == second.id
    listed = Sessions().listing()
    assert [info.title for info in listed] == ["A second question?", "A first question?"]
    with pytest.raises(UsageError, match="no session 'nope'"):
        Session.open("nope")
    with pytest.raises(UsageError, match="fits 2 sessions"):
        Session.open("s")


def test_settings_and_costs_are_kept() -> None:
    priced = Reply("hi", {"role": "assistant", "content": "hi"}, dollars=0.25, input_tokens=10)
    settings = Settings(llm=ScriptedModel([priced, priced]), skeptic=False, experiments=False)
    session = Session.start(settings)
    answer(session, "First question?")
    session.undo()
    answer(session, "Second question?")
    assert session.cost.dollars == pytest.approx(0.5)  # what was taken back was paid all the same
    again = Session.open(session.id)
    assert again.settings.experiments is False
    assert again.settings.budget == settings.budget
    assert Sessions().listing()[0].dollars == pytest.approx(0.5)


def test_one_turn_at_a_time() -> None:
    session = Session.start(scripted(says("a")))
    with (
        Sessions().running(session.id),
        pytest.raises(UsageError, match="in use by another process"),
    ):
        play(session.turn("What is the logit lens?"))


def test_a_long_session_stays_small_on_disk(home: Path) -> None:
    turns = [x for _ in range(12) for x in (calls("search", {"query": "lens"}), says("ok"))]
    session = Session.start(scripted(*turns))
    for number in range(12):
        answer(session, f"Question number {number}?")
    with sqlite3.connect(home / "sessions" / "sessions.sqlite") as db:
        assert db.execute("SELECT count(*) FROM checkpoints").fetchone()[0] == 1


def test_offline_sessions_remember_too(monkeypatch: pytest.MonkeyPatch) -> None:
    session = Session.start(Settings(llm="offline", experiments=False))
    found = answer(session, "What is the logit lens?")
    assert found.engine == "offline"
    assert found.receipts
    again = answer(Session.open(session.id), "Are you sure?")
    assert again.restated
    assert again.receipts == found.receipts


def test_settings_change_from_the_next_turn_on() -> None:
    session = Session.start(scripted(says("a")))
    answer(session, "What is the logit lens?")
    session.configure(Settings(llm=ScriptedModel([says("b")]), skeptic=False))
    assert answer(session, "What is probing?").answer == "b"
    with pytest.raises(UsageError, match="names no provider"):
        session.configure(Settings(llm="gpt"))


def test_a_damaged_file_is_one_line_with_a_way_out(home: Path) -> None:
    (home / "sessions").mkdir()
    (home / "sessions" / "sessions.sqlite").write_bytes(b"SQLite format 3\x00" + b"\xff" * 2000)
    with pytest.raises(HomeError, match="move it aside"):
        Session.start(scripted())


def test_a_checkpoint_cannot_run_code(home: Path) -> None:
    """A file from somebody else holds an object of a foreign class: it comes back as data, not as the object."""
    from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

    loose = JsonPlusSerializer(allowed_msgpack_modules=True)
    strict = Sessions().saver().serde
    back = strict.loads_typed(loose.dumps_typed(Settings(llm="offline")))
    assert not isinstance(back, Settings)


@pytest.mark.slow
def test_experiments_of_a_cancelled_turn_are_recorded_as_cancelled() -> None:
    pytest.importorskip("torch")
    turns = [calls("patch", {"behaviour": "capital-of", "n": 64}), says("ok")]
    session = Session.start(scripted(*turns))
    for event in session.turn("Where is the capital recalled?"):
        if type(event).__name__ == "ToolProgress":
            session.cancel()
    assert isinstance(event, Stopped)
    deadline = time.monotonic() + 20
    while not Ledger().recent() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert [run.status for run in Ledger().recent()] == ["cancelled"]


def test_an_empty_question_never_reaches_the_session() -> None:
    with pytest.raises(UsageError, match="the question is empty"):
        Session.start(plain(llm="offline")).turn("  ")
