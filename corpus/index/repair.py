"""``gadfly corpus rebuild``: works on a whole index and on one that no longer opens.

A damaged file is moved aside, never deleted, and a new index is filled from the packaged sources and
from the paths that were added, as far as they can still be read from it. Leaves out everything that
a healthy index does for itself (``index``).
"""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from pathlib import Path

from gadfly import settings
from gadfly.corpus.index import FILE, Corpus
from gadfly.corpus.models import SyncReport
from gadfly.corpus.packaged import packaged_sources
from gadfly.corpus.progress import Progress
from gadfly.errors import CorpusError


def rebuild(progress: Progress | None = None, path: Path | None = None) -> SyncReport:
    """Rebuild the index in ``path`` (default: the user's own).

    Raises:
        IndexBusyError: another process is writing it.
    """
    folder = path if path is not None else settings.folder("corpus")
    try:
        return Corpus.open(folder).rebuild(progress)
    except CorpusError as damage:
        if not (folder / FILE).is_file() or type(damage) is not CorpusError:
            raise
        return _start_again(folder, progress)


def _start_again(folder: Path, progress: Progress | None) -> SyncReport:
    added = _added_paths(folder / FILE)
    aside = folder / f"damaged-{time.strftime('%Y%m%d-%H%M%S')}"
    aside.mkdir(exist_ok=True)
    for name in (FILE, f"{FILE}-wal", f"{FILE}-shm"):
        if (folder / name).exists():
            (folder / name).rename(aside / name)
    fresh = Corpus.open(folder)
    fresh.vectors.reset()
    report = fresh.sync(packaged_sources(), progress)
    for place in added:
        try:
            again = fresh.add([place], progress)
        except CorpusError as error:
            report.failures[str(place)] = str(error)
            continue
        for field in ("added", "embedded"):
            setattr(report, field, getattr(report, field) + getattr(again, field))
        report.failures |= again.failures
    report.notices.append(
        f"the damaged file was moved to {aside}; what you had added by hand is read "
        f"again from {len(added)} remembered paths"
    )
    return report


def _added_paths(file: Path) -> list[Path]:
    """The paths that were added, if this part of a damaged file can still be read."""
    try:
        with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as db:
            rows = db.execute("SELECT name FROM sources WHERE name LIKE 'files:%'").fetchall()
    except sqlite3.Error:
        return []
    return [Path(row[0].removeprefix("files:")) for row in rows]
