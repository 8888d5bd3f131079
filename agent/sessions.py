"""The conversations of a data folder, in one SQLite file: a row each, and the loop's checkpoints by LangGraph.

A checkpoint is written after every step and is complete in itself; what lies before the newest one is swept at the end
of a turn, so that a long conversation does not grow with its square. Only plain data is read back: a file that
somebody else wrote cannot run code. Leaves out what a conversation does (``session``).
"""

from __future__ import annotations

import json
import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from gadfly import home
from gadfly.errors import HomeError, UsageError

_SCHEMA = """
CREATE TABLE IF NOT EXISTS sessions (
    id TEXT PRIMARY KEY,
    title TEXT NOT NULL,
    settings TEXT NOT NULL,
    started TEXT NOT NULL,
    updated TEXT NOT NULL,
    parent TEXT,
    turns INTEGER NOT NULL,
    dollars REAL
)
"""


class SessionInfo(BaseModel):
    """A conversation in a list. ``dollars`` is None where a price was unknown."""

    id: str
    title: str
    settings: dict[str, Any]
    started: datetime
    updated: datetime
    parent: str | None = None
    turns: int
    dollars: float | None


class Sessions:
    """The store. Any number of processes may have it open; a turn takes its session's lock (``running``)."""

    def __init__(self) -> None:
        self.path = home.folder("sessions") / "sessions.sqlite"
        try:
            self._db = sqlite3.connect(self.path, timeout=30, check_same_thread=False)
            self._db.row_factory = sqlite3.Row
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute(_SCHEMA)
            self._db.commit()
        except sqlite3.Error as error:
            raise _broken(self.path, error) from error

    def saver(self) -> Any:
        """LangGraph's checkpointer on this file, over a connection of its own."""
        from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
        from langgraph.checkpoint.sqlite import SqliteSaver

        connection = sqlite3.connect(self.path, timeout=30, check_same_thread=False)
        saver = SqliteSaver(connection, serde=JsonPlusSerializer(allowed_msgpack_modules=None))
        saver.setup()
        return saver

    def save(self, info: SessionInfo) -> None:
        row = info.model_dump(mode="json")
        row["settings"] = json.dumps(row["settings"])
        names = ", ".join(row)
        with self._guarded():
            self._db.execute(
                f"INSERT OR REPLACE INTO sessions ({names}) VALUES ({', '.join('?' * len(row))})",
                list(row.values()),
            )

    def find(self, session_id: str) -> SessionInfo:
        """The session with this id or unique prefix.

        Raises:
            UsageError: none or several fit.
        """
        with self._guarded():
            rows = self._db.execute(
                "SELECT * FROM sessions WHERE substr(id, 1, length(?)) = ? ORDER BY updated DESC",
                [session_id, session_id],
            ).fetchall()
        exact = [row for row in rows if row["id"] == session_id]
        if not session_id or not rows:
            raise UsageError(f"no session {session_id!r}; see: gadfly sessions")
        if len(rows) > 1 and not exact:
            raise UsageError(f"{session_id!r} fits {len(rows)} sessions; give more of the id")
        return _info((exact or rows)[0])

    def listing(self, limit: int = 50) -> list[SessionInfo]:
        """The sessions used last, newest first."""
        with self._guarded():
            rows = self._db.execute(
                "SELECT * FROM sessions ORDER BY updated DESC, rowid DESC LIMIT ?", [limit]
            ).fetchall()
        return [_info(row) for row in rows]

    def sweep(self, session_id: str) -> None:
        """Drop the checkpoints before the newest one."""
        newest = "SELECT max(checkpoint_id) FROM checkpoints WHERE thread_id = ?"
        with self._guarded():
            for table in ("writes", "checkpoints"):
                self._db.execute(
                    f"DELETE FROM {table} WHERE thread_id = ? AND checkpoint_id < ({newest})",
                    [session_id, session_id],
                )

    @contextmanager
    def running(self, session_id: str) -> Iterator[None]:
        """Hold a session for a turn; released by the end of the process, however it ends.

        Raises:
            UsageError: another process holds it.
        """
        from filelock import FileLock, Timeout

        lock = FileLock(self.path.parent / f"{session_id}.lock", timeout=0)
        try:
            with lock:
                yield
        except Timeout:
            raise UsageError(
                f"session {session_id} is in use by another process; fork it, or wait"
            ) from None

    def close(self) -> None:
        self._db.close()

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        try:
            with self._db:
                yield
        except sqlite3.Error as error:
            raise _broken(self.path, error) from error


def new_id() -> str:
    return "s" + secrets.token_hex(4)


def now() -> datetime:
    return datetime.now(UTC)


def _info(row: sqlite3.Row) -> SessionInfo:
    return SessionInfo.model_validate({**dict(row), "settings": json.loads(row["settings"])})


def _broken(path: Path, error: Exception) -> HomeError:
    return HomeError(f"cannot use {path} ({error}); move it aside to start anew")
