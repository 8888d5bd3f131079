"""The clock is set back, by minutes or by years: what was last stays last, and nothing waits or repeats for it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gadfly.agent.llm.model import ToolCall
from gadfly.agent.llm.scripted import ScriptedModel, says
from gadfly.agent.sessions.session import Session
from gadfly.agent.turn.settings import Settings
from gadfly.agent.turn.toolbox import Toolbox
from gadfly.corpus.fetch.network import told_time
from gadfly.tools.contract import Context, Result, Tool, ToolArgs, Verdict, tool
from gadfly.tools.ledger import Ledger

BACK = [timedelta(seconds=1), timedelta(hours=3), timedelta(days=4000)]


class Clock:
    """Goes a second at each look; ``back`` sets it back."""

    def __init__(self) -> None:
        self.time = datetime(2026, 5, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        self.time += timedelta(seconds=1)
        return self.time

    def back(self, by: timedelta) -> None:
        self.time -= by + timedelta(seconds=10)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    ours = Clock()
    for name in (
        "gadfly.tools.ledger.now",
        "gadfly.tools.runner.now",
        "gadfly.agent.sessions.session.now",
    ):
        monkeypatch.setattr(name, ours)
    return ours


def weighing() -> tuple[Tool[Any, Any], list[int]]:
    ran: list[int] = []

    @tool(name="weigh", cost="nothing")
    def weigh(args: ToolArgs, context: Context) -> Result:
        """Weigh."""
        ran.append(1)
        return Result(headline="h", verdict=Verdict.SUPPORTED, why="w", values={"grams": 4.0})

    return weigh, ran


@pytest.mark.parametrize("by", BACK)
def test_the_latest_run_is_the_one_written_last(clock: Clock, by: timedelta) -> None:
    box, _ = Toolbox([weighing()[0]]), clock.back
    runs = []
    for _ in range(4):
        runs.append(box.run([ToolCall("c", "weigh", "{}")])[0].run)
        clock.back(by)
    assert [run.id for run in Ledger().recent()] == runs[::-1]


@pytest.mark.parametrize("by", BACK)
def test_a_turn_knows_its_own_runs(clock: Clock, by: timedelta) -> None:
    """Not one of before, though the clock says that it is younger; and all of its own."""
    weigh, ran = weighing()
    box, call = Toolbox([weigh]), ToolCall("c", "weigh", "{}")
    before = box.run([call])[0].run
    clock.back(by)
    since = Ledger().mark()
    own = box.run([call], since=since)[0].run
    assert own != before
    clock.back(by)
    assert box.run([call], since=since)[0].run == own
    assert len(ran) == 2


@pytest.mark.parametrize("by", BACK)
def test_the_session_used_last_is_the_latest(
    clock: Clock, by: timedelta, ready: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GADFLY_HOME", str(ready))
    monkeypatch.setenv("GADFLY_EMBEDDER", "none")

    def asked(session: Session) -> str:
        for _ in session.turn("What is the logit lens?"):
            pass
        return session.id

    def scripted() -> Settings:
        return Settings(llm=ScriptedModel([says("One."), says("Two.")]), skeptic=False)

    first = Session.start(scripted())
    asked(first)
    clock.back(by)
    second = asked(Session.start(scripted()))
    assert Session.open(None, scripted()).id == second
    clock.back(by)
    assert asked(first) == Session.open(None, scripted()).id


def test_a_wait_goes_by_the_servers_clock() -> None:
    assert (
        told_time("Fri, 01 May 2026 00:00:00 GMT") == datetime(2026, 5, 1, tzinfo=UTC).timestamp()
    )
    for wrong in ("", "soon", "Fri, 99 May"):
        assert abs(told_time(wrong) - datetime.now(UTC).timestamp()) < 60
