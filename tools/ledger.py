"""The ledger: an append-only record of every experiment, in SQLite with artifact folders beside it.

A run is written once, when it ends (well, badly or by Ctrl-C), and never changed: triggers refuse
updates and deletions. What a receipt cites is looked up here and nowhere else.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel

from gadfly import settings
from gadfly.errors import LedgerError
from gadfly.tools.base import Result

Status = Literal["done", "failed", "cancelled"]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS runs (
    id TEXT PRIMARY KEY,
    tool TEXT NOT NULL,
    status TEXT NOT NULL,
    started TEXT NOT NULL,
    seconds REAL NOT NULL,
    arguments TEXT NOT NULL,
    environment TEXT NOT NULL,
    result TEXT,
    error TEXT,
    rerun_of TEXT
);
CREATE INDEX IF NOT EXISTS runs_started ON runs (started);
CREATE TRIGGER IF NOT EXISTS runs_no_update BEFORE UPDATE ON runs
BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER IF NOT EXISTS runs_no_delete BEFORE DELETE ON runs
BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
"""


class Run(BaseModel):
    """One line of the ledger."""

    id: str
    tool: str
    status: Status
    started: datetime
    seconds: float
    arguments: dict[str, Any]
    environment: dict[str, Any]
    """Model fingerprint, device and library versions."""
    result: Result | None = None
    error: str | None = None
    rerun_of: str | None = None

    def value(self, field: str) -> float | None:
        """The number a receipt names: one of ``result.values``, or a control by its name."""
        if self.result is None:
            return None
        if field in self.result.values:
            return self.result.values[field]
        return next((c.value for c in self.result.controls if c.name == field), None)


def new_id() -> str:
    """A fresh run id: short enough to type, random enough for one ledger."""
    return "r" + secrets.token_hex(4)


class Ledger:
    """The runs of one data folder. Every call opens and closes its own connection, so that any
    number of processes and threads may use one ledger."""

    def __init__(self, path: Path | None = None) -> None:
        self._folder = path if path is not None else settings.home() / "ledger"

    def artifacts(self, run_id: str) -> Path:
        """The run's artifact folder, created."""
        path = self._folder / "artifacts" / run_id
        path.mkdir(parents=True, exist_ok=True)
        return path

    def append(self, run: Run) -> None:
        """Write a finished run. Raises LedgerError if the file cannot be written."""
        row = run.model_dump(mode="json")
        for key in ("arguments", "environment", "result"):
            row[key] = None if row[key] is None else json.dumps(row[key])
        with self._connect() as db:
            db.execute(
                f"INSERT INTO runs ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})",
                list(row.values()),
            )

    def get(self, run_id: str) -> Run:
        """The run with this id, or with this unique prefix of at least three characters.

        Raises:
            LedgerError: if there is none, or more than one.
        """
        with self._connect() as db:
            rows = db.execute("SELECT * FROM runs WHERE id = ?", [run_id]).fetchall()
            if not rows and len(run_id) >= 3 and run_id.isalnum():
                rows = db.execute("SELECT * FROM runs WHERE id GLOB ?", [run_id + "*"]).fetchall()
        if not rows:
            raise LedgerError(f"no run {run_id!r} in the ledger; 'gadfly runs' lists them")
        if len(rows) > 1:
            raise LedgerError(f"{run_id!r} fits {len(rows)} runs; give more of the id")
        return _run(rows[0])

    def find(self, run_id: str) -> Run | None:
        """The run with exactly this id, or None: what receipts use."""
        with self._connect() as db:
            row = db.execute("SELECT * FROM runs WHERE id = ?", [run_id]).fetchone()
        return None if row is None else _run(row)

    def recent(self, limit: int = 20, *, tool: str | None = None, since: int = 0) -> list[Run]:
        """The latest runs, newest first: in the order in which they were written, which no clock can change.

        Args:
            since: only those written after this :meth:`mark`.
        """
        where, values = ("AND tool = ?", [tool]) if tool else ("", [])
        with self._connect() as db:
            rows = db.execute(
                f"SELECT * FROM runs WHERE rowid > ? {where} ORDER BY rowid DESC LIMIT ?",
                [since, *values, limit],
            ).fetchall()
        return [_run(row) for row in rows]

    def mark(self) -> int:
        """Where the ledger stands, to ask later what came since. Writes nothing."""
        if not (self._folder / "ledger.sqlite").exists():
            return 0
        with self._connect() as db:
            return int(db.execute("SELECT coalesce(max(rowid), 0) FROM runs").fetchone()[0])

    @contextmanager
    def _connect(self) -> Iterator[sqlite3.Connection]:
        if self._folder == settings.home() / "ledger":
            settings.folder("ledger")
        path = self._folder / "ledger.sqlite"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            db = sqlite3.connect(path, timeout=30)
            try:
                db.row_factory = sqlite3.Row
                if not db.execute("SELECT 1 FROM sqlite_master WHERE name = 'runs'").fetchone():
                    db.execute("PRAGMA journal_mode = WAL")
                    db.executescript(_SCHEMA)
                with db:
                    yield db
            finally:
                db.close()
        except (sqlite3.Error, OSError) as error:
            raise LedgerError(
                f"cannot use the ledger {path} ({error}); move it aside to start a new one"
            ) from error


def now() -> datetime:
    return datetime.now(UTC)


def _run(row: sqlite3.Row) -> Run:
    fields = dict(row)
    for key in ("arguments", "environment", "result"):
        fields[key] = None if fields[key] is None else json.loads(fields[key])
    return Run.model_validate(fields)
