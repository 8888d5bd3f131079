"""Writing the index: read changed sources, replace changed documents, embed what has no vector.

Runs under the caller's lock (``index``). Leaves out reading. The order of writes is chosen so that a
kill at any point is mended by the next run: documents first, then vectors, then the mark that says so.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from gadfly.corpus.documents import Document, packaged
from gadfly.corpus.index import chunks, duplicates
from gadfly.corpus.index.chunks import Chunk
from gadfly.corpus.index.embed import Embedder
from gadfly.corpus.index.roster import Entry, Roster, target_of
from gadfly.corpus.index.store import Store
from gadfly.corpus.index.vectors import Vectors
from gadfly.corpus.models import Plan, SyncReport
from gadfly.corpus.progress import Progress, running
from gadfly.corpus.sources.base import Source
from gadfly.errors import CorpusError

WORDS_ONLY = "searching by words only"
_PAGE = 32  # passages embedded between two commits: what Ctrl-C can lose, and a step of the bar


@dataclass(frozen=True)
class Writer:
    """The writing half of an index."""

    store: Store
    vectors: Vectors
    roster: Roster
    embedder: Embedder | None

    def due(self, sources: Sequence[Source]) -> bool:
        """Whether a sync would do anything; cheap, and needs no lock."""
        known = self.store.fingerprints()
        if self.store.get("chunker") != chunks.VERSION or not self.roster.exists():
            return True
        if any(known.get(source.name) != source.fingerprint() for source in sources):
            return True
        return self.embedder is not None and (
            self.store.get("embedder") != vector_kind(self.embedder)
            or self.store.pending_count() > 0
            or not self.vectors.exists()
        )

    def sync(
        self,
        sources: Sequence[Source],
        progress: Progress,
        *,
        again: bool = False,
        prune: bool = True,
    ) -> SyncReport:
        """Documents of changed sources, then vectors. The report counts what happened.

        Without ``prune``, what a source no longer has stays and is named in ``gone``.
        """
        report = SyncReport()
        if self.store.get("chunker") != chunks.VERSION:
            self._cut_again(progress)
        known = self.store.fingerprints()
        for source in sources:
            try:
                fingerprint = source.fingerprint()
                if known.get(source.name) == fingerprint and not again:
                    report.skipped_sources += 1
                    continue
                gone = self._read(source, progress, report, prune=prune)
                # A source of many files names those it could not read; the others are in.
                report.failures |= getattr(source, "failures", {})
                report.notices += getattr(source, "notices", [])
            except Exception as error:  # whatever a source meets, it never stops the others
                report.failures[source.name] = str(error) or type(error).__name__
                continue
            if not gone:  # else the next sync looks at it again
                self.store.set_fingerprint(source.name, fingerprint)
        self.enrol({source.name: source.target for source in sources})
        self._embed(progress, report)
        return report

    def enrol(self, targets: Mapping[str, str] | None = None) -> None:
        """Bring the list of sources up to date; ``targets`` by the names of those that were read just now.

        What the list names and the index has lost stays on it.
        """
        targets = targets or {}
        known, held = self.roster.read(), self.store.sources()
        filled = {name for name, count in held.items() if count or name in targets}
        entries = []
        for name in known.keys() | filled:
            before = known.get(name) or Entry(name=name, target=target_of(name))
            target = targets.get(name) or before.target
            count = held.get(name, before.documents)
            entries.append(Entry(name=name, target=target, documents=count))
        self.roster.write(entries)

    def strike(self, sources: Iterable[str]) -> None:
        """Take sources off the list. One that a sync reads again is back on it."""
        gone = set(sources)
        self.roster.write(entry for name, entry in self.roster.read().items() if name not in gone)

    def rebuild(self, progress: Progress) -> SyncReport:
        """Cut and embed again from the stored texts."""
        report = SyncReport()
        self.vectors.reset()
        self.store.forget_vectors()
        self._cut_again(progress)
        self._embed(progress, report)
        return report

    def sweep(self) -> None:
        """Remove from Chroma what the store no longer holds."""
        orphans = self.store.orphans()
        if orphans and self.vectors.exists():
            self.store.put("vectors", "0")  # a reader must not take them for lost
            self.vectors.delete(orphans)
            self.store.put("vectors", str(self.vectors.count()))
        if orphans:
            self.store.clear_orphans(orphans)

    def plan(self, sources: Sequence[Source], progress: Progress) -> Plan:
        """What a sync would do with these sources; they are read, nothing is written."""
        plan = Plan()
        for source in sources:
            hashes = self.store.hashes(source.name)
            if self.store.fingerprints().get(source.name) == source.fingerprint():
                plan.unchanged += len(hashes)
                continue
            seen: set[str] = set()
            try:
                with running(progress, f"reading {source.name}"):
                    for document in map(
                        partial(self._unique, source=source.name), source.documents()
                    ):
                        if document.id in seen:
                            continue
                        seen.add(document.id)
                        if hashes.get(document.id) == document.sha256():
                            plan.unchanged += 1
                        else:
                            held = plan.changed if document.id in hashes else plan.added
                            held.append(document.id)
                        progress.advance()
            except Exception as error:  # as in sync
                plan.failures[source.name] = str(error) or type(error).__name__
                continue
            plan.failures |= getattr(source, "failures", {})
            plan.removed += sorted(self._gone(source, set(hashes) - seen))
        return plan

    def _gone(self, source: Source, missing: set[str]) -> set[str]:
        """Those of the missing documents whose file could be looked at: one that is broken today is not gone."""
        failed = getattr(source, "failures", {})
        if not failed:
            return missing
        held = {identifier: self.store.document(identifier) for identifier in missing}
        return {
            each
            for each, found in held.items()
            if not found or found.meta.get("file") not in failed
        }

    def _read(
        self, source: Source, progress: Progress, report: SyncReport, *, prune: bool
    ) -> set[str]:
        """Write what has changed. Returns what is gone and was kept."""
        hashes = self.store.hashes(source.name)
        seen: set[str] = set()
        with running(progress, f"reading {source.name}"):
            for document in source.documents():
                document = self._unique(document, source.name)
                if document.id in seen:
                    report.failures[document.id] = (
                        f"{source.name} yields this id twice; the first is kept"
                    )
                    continue
                seen.add(document.id)
                if hashes.get(document.id) == document.sha256():
                    report.unchanged += 1
                else:
                    pair = self._write(document)
                    if pair:
                        report.notices.append(
                            f"{pair[0]} is nearly the same as {pair[1]}: only that one is searched"
                        )
                    if document.id in hashes:
                        report.changed += 1
                    else:
                        report.added += 1
                progress.advance()
        gone = self._gone(source, set(hashes) - seen)
        if prune:
            report.removed += self.remove(gone)
            return set()
        report.gone += sorted(gone)
        return gone

    def _write(self, document: Document) -> tuple[str, str] | None:
        """Write a document. Where it makes one nearly a copy, returns which and of which."""
        passages = chunks.chunks(document)
        self.store.write(document, passages)
        pair = self._compare(document, passages)
        self._compare_copies([document.id])
        return pair

    def remove(self, documents: Iterable[str]) -> int:
        """Remove documents; a copy of one of them is searched from now on."""
        names = list(documents)
        count = self.store.remove(names)
        for each in names:
            self.store.mark_copy(each, None)
        self._compare_copies(names)
        return count

    def _compare(self, document: Document, passages: Sequence[Chunk]) -> tuple[str, str] | None:
        """Mark a document as a copy of another, or a packaged one as a copy of it; returns which and of which."""
        self.store.mark_copy(document.id, None)
        other = duplicates.original(self.store, document, passages)
        if other is None:
            return None
        copy, original = document.id, other
        if packaged(self.store.owner(other) or ""):
            if packaged(document.source):  # modules of libraries that are made alike
                return None
            copy, original = original, copy
        self.store.mark_copy(copy, original)
        return copy, original

    def _compare_copies(self, changed: Iterable[str]) -> None:
        """Look again at the copies of documents that have changed or are gone."""
        originals = set(changed)
        for identifier, original in self.store.duplicates().items():
            held = self.store.document(identifier) if original in originals else None
            if held is not None:
                self._compare(held, chunks.chunks(held))

    def _unique(self, document: Document, source: str) -> Document:
        """Two folders may both hold ``notes/intro``: the later source's document gets a suffix of its own."""
        identifier = document.id
        if self.store.owner(identifier) not in (None, source):
            identifier += "-" + hashlib.sha256(source.encode("utf-8", "replace")).hexdigest()[:6]
        # Removal goes by source, so the name under which it was read decides, whatever it says.
        return document.model_copy(update={"id": identifier, "source": source})

    def _cut_again(self, progress: Progress) -> None:
        if every := [each.id for each in self.store.documents()]:
            with running(progress, "cutting documents into passages", len(every)):
                for identifier in every:
                    document = self.store.document(identifier)
                    if document is not None:
                        self.store.write(document, chunks.chunks(document))
                    progress.advance()
        self.store.put("chunker", chunks.VERSION)

    def _embed(self, progress: Progress, report: SyncReport) -> None:
        """Vectors for what has none. What cannot be made or stored now is said, and left to the next sync."""
        if self.embedder is None:
            return
        try:
            self._fill(self.embedder, progress, report)
        except (
            CorpusError
        ) as error:  # weights that are not what they should be, a server that is away
            report.notices.append(f"{WORDS_ONLY}: {error}")

    def _fill(self, embedder: Embedder, progress: Progress, report: SyncReport) -> None:
        kind = vector_kind(embedder)
        if self.store.get("embedder") != kind or not self.vectors.exists() or self.lost():
            self.vectors.reset()
            self.store.forget_vectors()
            self.store.put("embedder", kind)
        self.sweep()
        pending = self.store.pending_count()
        if not pending:
            self.vectors.count()  # makes Chroma's folder, so that an empty index is not due for ever
            return
        with running(progress, "embedding passages", pending):
            while rows := self.store.pending(_PAGE):
                windows = [
                    chunks.views(
                        row["title"],
                        json.loads(row["heading"]),
                        row["text"],
                        json.loads(row["asked"]),
                    )
                    for row in rows
                ]
                vectors = embedder.embed([text for each in windows for text in each])
                self.vectors.upsert(
                    [(row["id"], row["document"]) for row in rows],
                    [len(each) for each in windows],
                    vectors,
                )
                ids = [row["id"] for row in rows]
                self.store.mark_embedded(ids)
                report.embedded += len(rows)
                progress.advance(len(rows))
        self.store.put("vectors", str(self.vectors.count()))

    def lost(self) -> bool:
        """Whether vectors that were stored are there no longer."""
        return self.vectors.count() < int(self.store.get("vectors") or 0)


def vector_kind(embedder: Embedder) -> str:
    """What the vectors were made by and of: those of two kinds never mix."""
    return f"{embedder.name} windows {chunks.VIEWS_VERSION}"
