"""One writer at a time, across processes. A killed writer's lock is gone with it; readers need none."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gadfly.corpus.progress import Progress
from gadfly.errors import CorpusError, IndexBusyError

WAIT = 600.0  # seconds a writer queues behind another one
_NOTICEABLE = 0.2  # seconds before the wait is said aloud


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
