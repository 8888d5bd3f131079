"""The index: :class:`Corpus` opens, fills, searches and repairs one; the modules beside it do the work.

Covers what is missing (said in ``notices``) and when a reader must look again. Leaves out the file
format (``store``), writing (``indexing``), ranking (``search``) and origins (``sources``).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Literal

from gadfly import settings
from gadfly.corpus.documents import Document
from gadfly.corpus.index import answerable, duplicates
from gadfly.corpus.index.database import REBUILD, WAIT, write_lock
from gadfly.corpus.index.embed import Choice, Embedder, default_embedder
from gadfly.corpus.index.indexing import WORDS_ONLY, Writer, vector_kind
from gadfly.corpus.index.results import found, read, within
from gadfly.corpus.index.roster import Roster
from gadfly.corpus.index.search import Ranking, rank
from gadfly.corpus.index.store import Store
from gadfly.corpus.index.vectors import Vectors, VectorsError
from gadfly.corpus.models import (
    DocumentInfo,
    Filters,
    Mode,
    Passage,
    Plan,
    SearchResults,
    Stats,
    SyncReport,
)
from gadfly.corpus.progress import Progress, Silent
from gadfly.corpus.sources.base import Source
from gadfly.errors import CorpusError, UsageError

FILE = "corpus.sqlite"
LOST = "the index has lost"


class Corpus:
    """An index in one folder. Readers may be many, in any process; writers take turns."""

    def __init__(self, folder: Path, choice: Choice) -> None:
        self.folder = folder
        self.store = Store(folder / FILE)
        self.vectors = Vectors(folder / "chroma")
        self.roster = Roster(folder)
        self._choice = choice
        self._seen_generation = self.store.generation()
        self._trouble: list[str] = []  # why the last sync here left passages without a vector

    @classmethod
    def open(
        cls, path: Path | None = None, *, embedder: Embedder | Literal["auto"] | None = "auto"
    ) -> Corpus:
        """Open an index, or make an empty one. ``path`` defaults to ``corpus`` in the data folder.

        Raises:
            HomeError: the folder cannot be written.
            CorpusError: the file is damaged or of another version; the message has the way out.
        """
        folder = path if path is not None else settings.folder("corpus")
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise CorpusError(
                f"cannot use {folder} for an index: {error.strerror or error}"
            ) from error
        if embedder == "auto":
            return cls(folder, default_embedder())
        return cls(
            folder, Choice(embedder, None if embedder else "searching by words only, as asked")
        )

    # -- filling ---------------------------------------------------------------------------------

    def sync(
        self,
        sources: Sequence[Source],
        progress: Progress | None = None,
        *,
        wait: float = WAIT,
        again: bool = False,
        prune: bool = True,
    ) -> SyncReport:
        """Bring the index up to date with these sources; others stay as they are.

        A source whose fingerprint is unchanged is not read, unless ``again``. What a source no longer has is removed,
        or without ``prune`` named in the report and kept. Stopping it at any point (Ctrl-C, kill)
        leaves whole documents; the next sync goes on from there.

        Raises:
            IndexBusyError: another process was still writing after ``wait`` seconds.
        """
        progress = progress or Silent()
        if not again and not self._writer.due(sources):
            return SyncReport(skipped_sources=len(sources), notices=self._missing())
        with write_lock(self.folder, progress, wait):
            report = self._writer.sync(sources, progress, again=again, prune=prune)
        self._trouble = [each for each in report.notices if each.startswith(WORDS_ONLY)]
        report.notices += [each for each in self._missing() if each not in report.notices]
        return report

    def add(
        self,
        targets: Iterable[Path | str],
        progress: Progress | None = None,
        *,
        refresh: bool = False,
    ) -> SyncReport:
        """Add files, folders, addresses or short forms (``arxiv:ID``); adding one again brings it up to date.

        Raises:
            CorpusError: what a target is cannot be told; nothing was added.
        """
        from gadfly.corpus.sources.resolve import resolve

        sources = [resolve(str(target), refresh=refresh) for target in targets]
        return self.sync(sources, progress, again=refresh)

    def plan(self, sources: Sequence[Source], progress: Progress | None = None) -> Plan:
        """What :meth:`sync` would do with these sources. They are read; the index stays as it is."""
        return self._writer.plan(sources, progress or Silent())

    def listed(self, targets: Iterable[str] = ()) -> list[Source]:
        """The sources that users added, as far as they can be made again; ``targets`` keeps those named so.

        Raises:
            CorpusError: a target names none of them.
        """
        from gadfly.corpus.index.listing import listed

        return listed(self.roster.read().values(), targets)

    def remove(self, identifier: str) -> None:
        """Remove one document. One whose source has others comes back when that source is read again.

        Raises:
            CorpusError: no document has this id.
        """
        source = self.document(identifier).source
        with write_lock(self.folder, Silent()):
            self._writer.remove([identifier])
            self._writer.enrol()
            if not self.store.hashes(source):
                self._writer.strike([source])
            self._writer.sweep()

    def rebuild(self, progress: Progress | None = None) -> SyncReport:
        """Cut and embed every document again from its stored text."""
        progress = progress or Silent()
        with write_lock(self.folder, progress):
            return self._writer.rebuild(progress)

    # -- reading ---------------------------------------------------------------------------------

    def search(
        self,
        query: str,
        k: int = 8,
        mode: Mode = "hybrid",
        filters: Filters | None = None,
        token_budget: int | None = None,
        *,
        condense: bool = True,
    ) -> SearchResults:
        """The best passages for a query.

        Args:
            k: at most this many passages.
            mode: ``hybrid`` (words and meaning), ``lexical``, ``dense``, or ``exact`` for identifiers and
                ``/regular expressions/``.
            token_budget: at most this many cl100k_base tokens of text in all.
            condense: make one result of passages that follow each other, with the id and score of the best of them,
                and leave out copies of a text that is there already and of a document that is searched. Never in
                mode ``exact``.

        Raises:
            UsageError: an empty query, or k below 1.
        """
        query = query.encode("utf-8", "replace").decode()  # lone surrogates: SQLite refuses them
        if not query.strip():
            raise UsageError("the query is empty; ask for something")
        if k < 1:
            raise UsageError(f"k must be at least 1, not {k}")
        notices = self._missing() if mode in ("hybrid", "dense") else []
        documents = self.store.matching(filters) if filters and filters.active() else None
        usable = self._vectors_usable()
        try:
            ranking = self._rank(query, mode, documents, usable)
        except CorpusError as error:
            if not usable or mode not in ("hybrid", "dense"):
                raise
            notices.append(f"searching by words only: {error}")
            ranking = self._rank(query, mode, documents, False)
        condense = condense and mode != "exact"
        hidden = duplicates.hidden(self.store.duplicates(), documents) if condense else set()
        candidates = found(self.store, ranking.scored[: 4 * k])
        shown = (each for each in candidates if each.passage.document not in hidden)
        kept = within(shown, k, token_budget, condense=condense)
        results = [read(self.store, each) for each in kept]
        best = [each.id for each in results]
        if mode == "exact":
            certainty = 1.0 if best else 0.0
        else:
            least = self.embedder.least if self.embedder else 0.0
            certainty = answerable.answerability(self.store, query, best, ranking.similarity, least)
        return SearchResults(
            query=query,
            mode=mode,
            results=results,
            answerable=certainty >= answerable.THRESHOLD,
            answerability=round(certainty, 4),
            notices=notices,
        )

    def neighbours(self, passage: str, before: int = 1, after: int = 1) -> list[Passage]:
        """The passages around one (by its id) in its document, itself included, in reading order.

        Raises:
            CorpusError: no passage has this id.
        """
        around = self.store.around(passage, before, after)
        if not around:
            raise CorpusError(f"no passage {passage!r} in the corpus; ids come from a search")
        return [each.passage for each in found(self.store, [(name, 0.0) for name in around])]

    def document(self, identifier: str) -> Document:
        """One document, whole.

        Raises:
            CorpusError: no document has this id; the message names the nearest ones.
        """
        document = self.store.document(identifier)
        if document is not None:
            return document
        from difflib import get_close_matches

        near = get_close_matches(identifier, [each.id for each in self.store.documents()], 3, 0.5)
        hint = f"; near: {', '.join(near)}" if near else "; run: gadfly corpus list"
        raise CorpusError(f"no document {identifier!r} in the corpus{hint}")

    def documents(self) -> list[DocumentInfo]:
        """Every document without its text, by id."""
        return self.store.documents()

    def stats(self) -> Stats:
        """Counts by source and kind, and the state of the vectors."""
        return Stats(path=str(self.folder), **self.store.counts(), notices=self._missing())

    @property
    def embedder(self) -> Embedder | None:
        """What turns queries into vectors here, or None where search goes by words only."""
        return self._choice.embedder

    def close(self) -> None:
        """Close the file; the object must not be used afterwards."""
        self.store.close()

    # -- inside ----------------------------------------------------------------------------------

    @cached_property
    def _writer(self) -> Writer:
        return Writer(self.store, self.vectors, self.roster, self._choice.embedder)

    def _rank(self, query: str, mode: Mode, documents: list[str] | None, dense: bool) -> Ranking:
        if dense:
            self._refresh()
            if self._writer.lost():
                self.vectors.suspect()
                raise VectorsError(
                    "vectors are gone from its folder; the next sync makes them anew"
                )
        return rank(
            self.store,
            query,
            mode,
            vectors=self.vectors if dense else None,
            embedder=self._choice.embedder if dense else None,
            documents=documents,
        )

    def _refresh(self) -> None:
        generation = self.store.generation()
        if generation != self._seen_generation:
            self.vectors.refresh()
            self._seen_generation = generation

    def _vectors_usable(self) -> bool:
        embedder = self._choice.embedder
        return (
            embedder is not None
            and self.store.get("embedder") == vector_kind(embedder)
            and self.vectors.exists()
        )

    def _missing(self) -> list[str]:
        """What keeps this index from its best, each with the way out."""
        return [*self.lost(), *self._without_vectors()]

    def lost(self) -> list[str]:
        """The sources that are listed and that the index no longer holds: its file was damaged or deleted."""
        lost = sorted(self.roster.read().keys() - self.store.sources().keys())
        if not lost:
            return []
        named = ", ".join(lost[:3]) + (f" and {len(lost) - 3} more" if len(lost) > 3 else "")
        return [f"{LOST} what came from {named}; {REBUILD}"]

    def _without_vectors(self) -> list[str]:
        if self._choice.embedder is None:
            return [self._choice.notice or "searching by words only"]
        held = self.store.get("embedder")
        kind = vector_kind(self._choice.embedder)
        if held not in (None, kind):
            return [f"searching by words only: the vectors are of {held}, not {kind}; {REBUILD}"]
        if self._trouble:
            return list(self._trouble)
        if held and not self.vectors.exists():
            return [f"searching by words only: the vectors are gone or damaged; {REBUILD}"]
        pending = self.store.pending_count()
        if pending:
            return [f"{pending} passages have no vector yet; the next sync adds them"]
        return []
