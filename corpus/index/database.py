"""The SQLite file underneath: schema, connections, transactions, one writer at a time, and damage told plainly.

Leaves out what the rows mean (``store``).
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

from gadfly import leaving
from gadfly.corpus.progress import Progress
from gadfly.errors import CorpusError, IndexBusyError

SCHEMA_VERSION = 2

_SCHEMA = Path(__file__).with_suffix(".sql")
_FOLDED: set[Path] = set()

REBUILD = "run: gadfly corpus rebuild"
WAIT = 600.0  # seconds a writer queues behind another one
_NOTICEABLE = 0.2  # seconds before the wait is said aloud


class Database:
    """An open file of this schema. Safe to use from several threads: each has its own connection, which is closed
    when that thread ends or the object is dropped."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._local = threading.local()
        fold_at_the_end(path)
        with self._guarded():
            self._prepare()

    # -- connections and errors ------------------------------------------------------------------

    @property
    def connection(self) -> sqlite3.Connection:
        held: _Held | None = getattr(self._local, "held", None)
        if held is None:
            held = self._local.held = _Held(self.path)
        return held.connection

    def close(self) -> None:
        """Close this thread's connection."""
        self._local.held = None

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError as error:
            if "malformed" in str(error) or "fts5" in str(error):
                raise CorpusError(
                    f"the index {self.path} is damaged ({error}); {REBUILD}"
                ) from error
            raise CorpusError(f"cannot use the index {self.path}: {error}") from error
        except sqlite3.DatabaseError as error:
            raise CorpusError(f"the index {self.path} is damaged ({error}); {REBUILD}") from error

    def _prepare(self) -> None:
        tables = {row[0] for row in self.connection.execute("SELECT name FROM sqlite_master")}
        if not tables:
            with self.transaction() as db:
                if not db.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone():
                    for statement in _SCHEMA.read_text(encoding="utf-8").split("\n\n"):
                        db.execute(statement)
                    db.execute("INSERT INTO meta VALUES ('schema', ?)", (str(SCHEMA_VERSION),))
            return
        if not {"meta", "documents", "chunks", "fts"} <= tables:
            raise CorpusError(f"the index {self.path} is half-written or not Gadfly's; {REBUILD}")
        found = self.get("schema")
        if found != str(SCHEMA_VERSION):
            raise CorpusError(
                f"the index {self.path} has schema {found}, this Gadfly writes {SCHEMA_VERSION}; {REBUILD}"
            )

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All or nothing; the write lock is taken at once so that nobody reads what is to be replaced."""
        with self._guarded():
            db = self.connection
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
            except BaseException:
                if db.in_transaction:
                    db.execute("ROLLBACK")
                raise
            db.execute("COMMIT")

    def query(self, sql: str, parameters: Sequence[Any] | dict[str, Any] = ()) -> list[sqlite3.Row]:
        """Read rows; a damaged file becomes one clear :class:`CorpusError`."""
        with self._guarded():
            return self.connection.execute(sql, parameters).fetchall()

    # -- meta ------------------------------------------------------------------------------------

    def get(self, key: str) -> str | None:
        rows = self.query("SELECT value FROM meta WHERE key = ?", (key,))
        return str(rows[0][0]) if rows else None

    def put(self, key: str, value: str) -> None:
        with self.transaction() as db:
            db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))

    def generation(self) -> int:
        """Raised by every change that a reader should notice."""
        return int(self.get("generation") or 0)


class _Held:
    """One thread's connection, closed when nobody holds it any more.

    Python's own connection is in a cycle with its cache of statements: dropped and not closed, it keeps its files open
    and its pages in memory until the collector comes, which may be hundreds of searches later.
    """

    def __init__(self, path: Path) -> None:
        # The thread that drops it may be another one; only its own ever uses it.
        self.connection = sqlite3.connect(
            path, timeout=30, isolation_level=None, check_same_thread=False
        )
        self.connection.row_factory = sqlite3.Row
        self.connection.execute("PRAGMA journal_mode = WAL")
        # With WAL a power cut may lose the last commits, never integrity; a kill loses neither.
        self.connection.execute("PRAGMA synchronous = NORMAL")

    def __del__(self) -> None:
        if hasattr(self, "connection"):
            self.connection.close()


def fold_at_the_end(path: Path) -> None:
    """Have the program put the write-ahead log of this database back into its file when it leaves, as closing the last
    connection does: threads may still use theirs then, and to close those under them is not safe."""
    if path not in _FOLDED:
        _FOLDED.add(path)
        leaving.closing(lambda: _fold(path))


def _fold(path: Path) -> None:
    with (
        suppress(sqlite3.Error),
        closing(sqlite3.connect(f"{path.as_uri()}?mode=rw", uri=True, timeout=0)) as db,
    ):
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")


@contextmanager
def write_lock(folder: Path, progress: Progress, wait: float = WAIT) -> Iterator[None]:
    """Hold the write lock of an index.

    Raises:
        IndexBusyError: another process still held it after ``wait`` seconds.
        CorpusError: the folder cannot be written.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(folder / "write.lock")
    try:
        try:
            lock.acquire(timeout=min(wait, _NOTICEABLE))
        except Timeout:
            progress.note("another process is writing the index; waiting for it")
            lock.acquire(timeout=max(0.0, wait - _NOTICEABLE))
    except Timeout as error:
        raise IndexBusyError(
            f"another process is writing the index in {folder}; try again when it is done"
        ) from error
    except OSError as error:
        raise CorpusError(f"cannot write to {folder} ({error.strerror or error})") from error
    try:
        yield
    finally:
        lock.release()
