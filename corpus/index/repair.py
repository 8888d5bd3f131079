"""``gadfly corpus rebuild``: works on a whole index and on one that no longer opens.

A damaged file is moved aside, never deleted, and a new index is filled from the packaged sources and from every source
that is listed beside it (``roster``) or can still be read from it. A source that cannot be asked again gives the
documents that are still whole in the damaged file. Leaves out what a healthy index does for itself (``index``).
"""

from __future__ import annotations

import sqlite3
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path

from gadfly import settings
from gadfly.corpus.documents import Document
from gadfly.corpus.index import FILE, LOST, Corpus
from gadfly.corpus.index.roster import Entry, Roster, target_of
from gadfly.corpus.index.store import document_of
from gadfly.corpus.models import SyncReport
from gadfly.corpus.packaged import packaged_sources
from gadfly.corpus.progress import Progress, Silent
from gadfly.corpus.sources.base import Source
from gadfly.corpus.sources.memory import MemorySource
from gadfly.errors import CorpusError

_GAP = 5_000  # rows that are missing one after the other, until no more are looked for


def rebuild(progress: Progress | None = None, path: Path | None = None) -> SyncReport:
    """Rebuild the index in ``path`` (default: the user's own).

    Raises:
        IndexBusyError: another process is writing it.
    """
    folder = path if path is not None else settings.folder("corpus")
    progress = progress or Silent()
    try:
        corpus = Corpus.open(folder)
        corpus.store.check()
        report = corpus.rebuild(progress)
    except CorpusError as damage:
        if not (folder / FILE).is_file() or type(damage) is not CorpusError:
            raise
        return _start_again(folder, progress)
    here = corpus.store.sources()
    lost = {name: entry for name, entry in corpus.roster.read().items() if name not in here}
    packaged = {source.name: source for source in packaged_sources()} if lost else {}
    for name in packaged.keys() & lost.keys():
        _sync(corpus, packaged[name], report, progress)
    others = [entry for name, entry in lost.items() if name not in packaged]
    _fill(corpus, others, {}, report, progress)
    return _final(corpus, report)


def _final(corpus: Corpus, report: SyncReport) -> SyncReport:
    """The report without what was missing half-way."""
    report.notices = [each for each in report.notices if not each.startswith(LOST)]
    report.notices += corpus.lost()
    return report


def _start_again(folder: Path, progress: Progress) -> SyncReport:
    rescued = _rescued(folder / FILE)
    entries = _listed(folder, rescued)
    aside = folder / f"damaged-{time.strftime('%Y%m%d-%H%M%S')}"
    aside.mkdir(exist_ok=True)
    for name in (FILE, f"{FILE}-wal", f"{FILE}-shm"):
        if (folder / name).exists():
            (folder / name).rename(aside / name)
    fresh = Corpus.open(folder)
    fresh.vectors.reset()
    packaged = packaged_sources()
    report = fresh.sync(packaged, progress)
    own = {source.name for source in packaged}
    others = [entry for name, entry in entries.items() if name not in own]
    _fill(fresh, others, rescued, report, progress)
    report.notices.append(f"the damaged file was moved to {aside}")
    if others:
        back = sum(entry.name not in report.failures for entry in others)
        report.notices.append(f"{back} of {len(others)} sources that you had added are back")
    return _final(fresh, report)


def _fill(
    corpus: Corpus,
    entries: list[Entry],
    rescued: Mapping[str, list[Document]],
    report: SyncReport,
    progress: Progress,
) -> None:
    """Bring sources back, one after the other; what fails is named and stays on the list."""
    for entry in entries:
        kept = rescued.get(entry.name, [])
        if _remote(entry) and kept and len(kept) >= entry.documents:
            _sync(corpus, MemorySource(kept, entry.name), report, progress)
            continue
        reason = _again(corpus, entry, report, progress)
        if reason and kept:
            _sync(corpus, MemorySource(kept, entry.name), report, progress)
            report.notices.append(
                f"{entry.name} cannot be read again ({reason}); of {max(entry.documents, len(kept))} "
                f"documents {len(kept)} were whole in the damaged file"
            )
        elif reason:
            report.failures[entry.name] = reason


def _again(corpus: Corpus, entry: Entry, report: SyncReport, progress: Progress) -> str:
    """Read a source again; why not, where it cannot be."""
    from gadfly.corpus.sources.resolve import resolve

    if not entry.target:
        return "how to reach it is not known (an address with a secret is not kept); add it again"
    try:
        source = resolve(entry.target)
    except CorpusError as error:
        return str(error)
    return _sync(corpus, source, report, progress)


def _sync(corpus: Corpus, source: Source, report: SyncReport, progress: Progress) -> str:
    done = corpus.sync([source], progress)
    for field in ("added", "changed", "removed", "unchanged", "embedded"):
        setattr(report, field, getattr(report, field) + getattr(done, field))
    report.notices += [each for each in done.notices if each not in report.notices]
    reason = done.failures.pop(source.name, "")
    report.failures |= done.failures
    return reason


def _remote(entry: Entry) -> bool:
    """Whether asking the source again goes over the network: then what is whole here is kept."""
    local = ("files:", "pdf:", "html:", "installed:")
    return not entry.name.startswith(local)


def _listed(folder: Path, rescued: Mapping[str, list[Document]]) -> dict[str, Entry]:
    """Every source that is known: from the list, from the damaged file, from its documents."""
    entries = Roster(folder).read()
    for name in [*_names(folder / FILE), *rescued]:
        entries.setdefault(name, Entry(name=name, target=target_of(name)))
    return entries


def _names(file: Path) -> list[str]:
    try:
        with closing(_reading(file)) as db:
            return [str(row[0]) for row in db.execute("SELECT name FROM sources")]
    except (sqlite3.Error, UnicodeError):
        return []


def _rescued(file: Path) -> dict[str, list[Document]]:
    """The documents of a damaged file that are whole, to the letter, by their source."""
    found: defaultdict[str, list[Document]] = defaultdict(list)
    try:
        with closing(_reading(file)) as db:
            for document in _whole(db):
                found[document.source].append(document)
    except sqlite3.Error:
        pass
    return dict(found)


def _whole(db: sqlite3.Connection) -> Iterator[Document]:
    db.row_factory = sqlite3.Row
    number = missing = 0
    while missing < _GAP:  # row by row: one that cannot be read ends a query
        number += 1
        try:
            row = db.execute("SELECT * FROM documents WHERE rowid = ?", (number,)).fetchone()
            document = document_of(row) if row else None
        except (sqlite3.DatabaseError, ValueError, TypeError, KeyError, IndexError):
            row = document = None
        if document is not None and document.sha256() == row["sha256"]:
            missing = 0
            yield document
        else:
            missing += 1


def _reading(file: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro", uri=True)
