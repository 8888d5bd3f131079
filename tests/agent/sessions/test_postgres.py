"""Sessions in Postgres. The real ones run where ``pgserver`` and the driver are installed, or against the database that
``GADFLY_TEST_POSTGRES`` names (its sessions are deleted); what can be said without any is always tested."""

from __future__ import annotations

import os
import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.sessions import answer, play, stock

from gadfly.agent.llm.scripted import ScriptedModel, calls, says
from gadfly.agent.sessions.session import Session
from gadfly.agent.sessions.store import Sessions
from gadfly.agent.turn.events import Final, Stopped, Text
from gadfly.agent.turn.settings import Settings
from gadfly.errors import HomeError, UsageError

PASSWORD = "hunter2%40home"
AWAY = f"postgresql://me:{PASSWORD}@127.0.0.1:1/papers"


@pytest.fixture(autouse=True)
def home(ready: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GADFLY_EMBEDDER", "none")
    stock(ready, tmp_path / "home")
    return tmp_path / "home"


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    pytest.importorskip("langgraph.checkpoint.postgres")
    named = os.environ.get("GADFLY_TEST_POSTGRES")
    if named:
        yield named
        return
    server = pytest.importorskip("pgserver").get_server(tmp_path_factory.mktemp("postgres"))
    try:
        yield server.get_uri()
    finally:
        server.cleanup()


@pytest.fixture
def kept(database: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    import psycopg

    monkeypatch.setenv("GADFLY_CHECKPOINTS", database)
    yield database
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("DROP TABLE IF EXISTS sessions")


def scripted(*turns: Any) -> Settings:
    return Settings(llm=ScriptedModel(turns), skeptic=False)


@pytest.mark.slow
def test_a_session_outlives_its_objects_and_stays_small(kept: str, home: Path) -> None:
    import psycopg

    settings = scripted(calls("search", {"query": "lens"}), says("one"), says("two"), says("three"))
    session = Session.start(settings)
    answer(session, "First question?")
    again = Session.open(session.id[:5], settings)
    assert answer(again, "Second question?").answer == "two"
    assert [turn.question for turn in again.history()] == ["First question?", "Second question?"]
    assert again.undo() == "Second question?"
    other = again.fork()
    assert answer(other, "Third question?").answer == "three"
    assert [info.turns for info in Sessions().listing()] == [2, 1]
    assert not (home / "sessions" / "sessions.sqlite").exists()
    with psycopg.connect(kept) as connection:
        row = connection.execute(
            "SELECT count(*) FROM checkpoints WHERE thread_id = %s", [session.id]
        ).fetchone()
    assert row == (1,)


@pytest.mark.slow
def test_a_cancelled_turn_goes_on_elsewhere(kept: str) -> None:
    session = Session.start(scripted(calls("search", {"query": "lens"}), says("late"), says("x")))
    for event in session.turn("What is the logit lens?"):
        if isinstance(event, Text):
            session.cancel()
    assert isinstance(event, Stopped)
    elsewhere = Session.open(session.id, scripted(says("It decodes layers.")))
    assert elsewhere.pending == "unfinished"
    end = play(elsewhere.resume())
    assert isinstance(end, Final) or elsewhere.pending is None


@pytest.mark.slow
def test_one_turn_at_a_time_over_all_machines(kept: str) -> None:
    session = Session.start(scripted(says("a"), says("b")))
    with (
        Sessions().running(session.id),  # a connection of its own, as another machine's
        pytest.raises(UsageError, match="in use by another process"),
    ):
        play(session.turn("What is the logit lens?"))
    assert answer(session, "What is the logit lens?").answer == "a"


@pytest.mark.slow
def test_a_connection_that_broke_is_made_anew(kept: str) -> None:
    import psycopg

    session = Session.start(scripted(says("a"), says("b")))
    answer(session, "First question?")
    with psycopg.connect(kept, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
        )
    assert answer(session, "Second question?").answer == "b"


@pytest.mark.slow
def test_a_checkpoint_cannot_run_code(kept: str) -> None:
    from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

    loose = JsonPlusSerializer(allowed_msgpack_modules=True)
    back = Sessions().saver().serde.loads_typed(loose.dumps_typed(Settings(llm="offline")))
    assert not isinstance(back, Settings)


def test_a_database_that_is_away_is_one_line_without_the_password(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("langgraph.checkpoint.postgres")
    monkeypatch.setenv("GADFLY_CHECKPOINTS", AWAY)
    with pytest.raises(
        HomeError, match=r"postgresql://127\.0\.0\.1/papers cannot be used"
    ) as caught:
        Sessions()
    _says_nothing(caught.value)


def test_a_missing_package_is_one_line_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "langgraph.checkpoint.postgres", None)
    monkeypatch.setenv("GADFLY_CHECKPOINTS", AWAY)
    with pytest.raises(
        HomeError, match=r"run: pip install 'langgraph-checkpoint-postgres"
    ) as caught:
        Session.start(scripted())
    _says_nothing(caught.value)


@pytest.mark.parametrize(
    "address",
    [
        "mysql://me:hunter2@host/db",
        "hunter2",
        "host=x password=hunter2",
        "postgresql://host/db?password=hunter2",
        "postgresql://me:hunter2@host:port/db",
    ],
)
def test_what_is_no_address_is_refused_unseen(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GADFLY_CHECKPOINTS", address)
    with pytest.raises(UsageError, match="give postgresql://") as caught:
        Sessions()
    _says_nothing(caught.value)


def _says_nothing(error: BaseException) -> None:
    assert "hunter2" not in str(error)
    assert error.__cause__ is None or "hunter2" not in str(error.__cause__)


def test_without_the_setting_all_is_in_the_file(home: Path) -> None:
    answer(Session.start(scripted(says("a"))), "What is the logit lens?")
    with sqlite3.connect(home / "sessions" / "sessions.sqlite") as db:
        assert db.execute("SELECT count(*) FROM sessions").fetchone() == (1,)
