"""The conversations of a data folder: a row each, and the loop's checkpoints by LangGraph.

They are kept in one SQLite file, or in the Postgres that ``GADFLY_CHECKPOINTS`` names (``postgres``).

A checkpoint is written after every step and is complete in itself; what lies before the newest one is swept at the end
of a turn, so that a long conversation does not grow with its square. Only plain data is read back: a file that
somebody else wrote cannot run code. Leaves out what a conversation does (``session``).
"""

from __future__ import annotations

import json
import secrets
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from gadfly import settings
from gadfly.corpus.index.database import fold_at_the_end
from gadfly.errors import HomeError, UsageError
from gadfly.settings import CHECKPOINTS

if TYPE_CHECKING:
    from gadfly.agent.sessions.postgres import Postgres

_SCHEMA = """
CREATE TABLE IF NOT EXISTS sessions (
    id TEXT PRIMARY KEY,
    title TEXT NOT NULL,
    settings TEXT NOT NULL,
    started TEXT NOT NULL,
    updated TEXT NOT NULL,
    parent TEXT,
    turns INTEGER NOT NULL,
    dollars DOUBLE PRECISION
)
"""


class SessionInfo(BaseModel):
    """A conversation in a list. ``dollars`` is None where a price was unknown."""

    id: str
    title: str = ""
    settings: dict[str, Any]
    started: datetime
    updated: datetime
    parent: str | None = None
    turns: int = 0
    dollars: float | None = 0.0


class Sessions:
    """The store. Any number of processes may have it open; a turn takes its session's lock (``running``)."""

    def __init__(self) -> None:
        self._database = _database()
        self._database.query(_SCHEMA)
        self.sweep = self._database.sweep
        self.close = self._database.close

    def saver(self) -> Any:
        """LangGraph's checkpointer."""
        from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

        return self._database.saver(JsonPlusSerializer(allowed_msgpack_modules=None))

    def save(self, info: SessionInfo) -> None:
        """Write the session's row. It is then the one used last: also where the clock was set back."""
        others = "SELECT updated FROM sessions WHERE id <> ? ORDER BY updated DESC LIMIT 1"
        for other in self._database.query(others, [info.id]):
            last = datetime.fromisoformat(other["updated"])
            if info.updated <= last:
                info.updated = last + timedelta(seconds=1)
        row = info.model_dump(mode="json")
        row["settings"] = json.dumps(row["settings"])
        anew = ", ".join(f"{name} = excluded.{name}" for name in row)
        self._database.query(
            f"INSERT INTO sessions ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})"
            f" ON CONFLICT (id) DO UPDATE SET {anew}",
            list(row.values()),
        )

    def find(self, session_id: str | None) -> SessionInfo:
        """The session with this id or unique prefix; None: the one used last.

        Raises:
            UsageError: none or several fit.
        """
        if session_id is None:
            if last := self.listing(1):
                return last[0]
            raise UsageError("there is no session yet; start one with: gadfly chat")
        rows = self._database.query(
            "SELECT * FROM sessions WHERE substr(id, 1, length(CAST(? AS TEXT))) = ?"
            " ORDER BY updated DESC",
            [session_id, session_id],
        )
        exact = [row for row in rows if row["id"] == session_id]
        if not session_id or not rows:
            raise UsageError(f"no session {session_id!r}; see: gadfly sessions")
        if len(rows) > 1 and not exact:
            raise UsageError(f"{session_id!r} fits {len(rows)} sessions; give more of the id")
        return _info((exact or rows)[0])

    def listing(self, limit: int = 50) -> list[SessionInfo]:
        """The sessions used last, newest first."""
        rows = self._database.query(
            "SELECT * FROM sessions ORDER BY updated DESC, started DESC LIMIT ?", [limit]
        )
        return [_info(row) for row in rows]

    @contextmanager
    def running(self, session_id: str) -> Iterator[None]:
        """Hold a session for a turn; released by the end of the process, however it ends.

        Raises:
            UsageError: another process holds it.
        """
        with self._database.hold(session_id) as ours:
            if not ours:
                raise UsageError(
                    f"session {session_id} is in use by another process; fork it, or wait"
                )
            yield


class File:
    """One SQLite file of the data folder; what it does for :class:`Sessions`, ``Postgres`` does too."""

    def __init__(self) -> None:
        self.path = settings.folder("sessions") / "sessions.sqlite"
        with self._guarded():
            self._db = sqlite3.connect(self.path, timeout=30, check_same_thread=False)
            self._db.row_factory = sqlite3.Row
            self._db.execute("PRAGMA journal_mode = WAL")
        fold_at_the_end(self.path)

    def query(self, sql: str, values: Sequence[Any] = ()) -> list[dict[str, Any]]:
        """Run a statement, alone in its transaction."""
        with self._guarded(), self._db:
            return [dict(row) for row in self._db.execute(sql, values).fetchall()]

    def saver(self, serde: Any) -> Any:
        """LangGraph's checkpointer, over a connection of its own."""
        from langgraph.checkpoint.sqlite import SqliteSaver

        connection = sqlite3.connect(self.path, timeout=30, check_same_thread=False)
        saver = SqliteSaver(connection, serde=serde)
        saver.setup()
        return saver

    def sweep(self, session_id: str) -> None:
        """Drop the checkpoints before the newest one."""
        newest = "SELECT max(checkpoint_id) FROM checkpoints WHERE thread_id = ?"
        for table in ("writes", "checkpoints"):
            self.query(
                f"DELETE FROM {table} WHERE thread_id = ? AND checkpoint_id < ({newest})",
                [session_id, session_id],
            )

    @contextmanager
    def hold(self, session_id: str) -> Iterator[bool]:
        """Take a session's lock, if it is free; released by the end of the process, however it ends."""
        from filelock import FileLock, Timeout

        lock = FileLock(self.path.parent / f"{session_id}.lock", timeout=0)
        try:
            lock.acquire()
        except Timeout:
            yield False
            return
        try:
            yield True
        finally:
            lock.release()

    def close(self) -> None:
        self._db.close()

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise HomeError(
                f"cannot use {self.path} ({error}); move it aside to start anew"
            ) from error


def _database() -> File | Postgres:
    address = CHECKPOINTS.value()
    if not address:
        return File()
    from gadfly.agent.sessions.postgres import Postgres

    return Postgres(address)


def new_id() -> str:
    return "s" + secrets.token_hex(4)


def now() -> datetime:
    return datetime.now(UTC)


def _info(row: dict[str, Any]) -> SessionInfo:
    return SessionInfo.model_validate({**row, "settings": json.loads(row["settings"])})
