"""The vectors, kept in a Chroma collection that can be rebuilt from the store at any time.

Leaves out where Chroma keeps them (``places``), how they are made (``embed``) and which passages they
stand for (``store``). Chroma is imported inside functions: it costs a second or more.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gadfly.corpus.index.places import place
from gadfly.errors import CorpusError

if TYPE_CHECKING:
    from gadfly.corpus.index.embed import Vectors as Rows

_LONGEST_ID = 128  # bytes that Chroma's hosted engine takes


class VectorsError(CorpusError):
    """The vectors cannot be used; the texts are whole, so that no repair may set them aside."""


class Vectors:
    """One collection: several unit vectors for each passage; cosine similarity."""

    def __init__(self, folder: Path) -> None:
        self._place = place(folder)
        self._opened: Any = None

    def upsert(self, chunks: Sequence[tuple[str, str]], counts: Sequence[int], rows: Rows) -> None:
        """Store ``counts[i]`` consecutive rows as the windows of passage ``chunks[i]`` (id, document)."""
        ids: list[str] = []
        fields: list[dict[str, str]] = []
        for (chunk, document), count in zip(chunks, counts, strict=True):
            ids += [_short(f"{chunk}~{number}") for number in range(count)]
            fields += [{"chunk": chunk, "document": document}] * count
        assert len(ids) == len(rows)
        with self._guarded():
            for at in range(0, len(ids), self._place.page):
                cut = slice(at, at + self._place.page)
                self._collection.upsert(ids=ids[cut], embeddings=rows[cut], metadatas=fields[cut])

    def delete(self, chunks: Sequence[str]) -> None:
        """Remove every vector of these passages."""
        with self._guarded():
            for at in range(0, len(chunks), 200):
                self._collection.delete(where={"chunk": {"$in": list(chunks[at : at + 200])}})

    def nearest(
        self, row: Rows, n: int, documents: Sequence[str] | None = None
    ) -> list[tuple[str, float]]:
        """The passages of the ``n`` nearest windows as ``(chunk id, cosine similarity)``, best first, each
        once with its best window.

        Raises:
            CorpusError: the vectors cannot be read.
        """
        try:
            return self._nearest(row, n, documents)
        except CorpusError:
            # Another object's refresh stops every client of this process: open again, once.
            self._opened = None
            try:
                return self._nearest(row, n, documents)
            except CorpusError:
                self._place.suspect()
                raise

    def _nearest(
        self, row: Rows, n: int, documents: Sequence[str] | None
    ) -> list[tuple[str, float]]:
        if documents is not None and not documents:
            return []
        where: Any = {"document": {"$in": list(documents)}} if documents is not None else None
        with self._guarded():
            answer = self._collection.query(
                query_embeddings=[row],
                n_results=min(n, self._place.page),
                where=where,
                include=["metadatas", "distances"],
            )
        best: dict[str, float] = {}
        for fields, distance in zip(answer["metadatas"][0], answer["distances"][0], strict=True):
            best.setdefault(str(fields["chunk"]), 1.0 - float(distance))
        return list(best.items())

    def count(self) -> int:
        with self._guarded():
            return int(self._collection.count())

    def refresh(self) -> None:
        """Let go of what this process has loaded: it may not see vectors that another process added."""
        if self._opened is not None:
            self._opened = None
            self._place.refresh()

    def reset(self) -> None:
        """Delete every vector."""
        self._opened = None
        with self._guarded():
            self._place.reset()

    def exists(self) -> bool:
        """Whether there are vectors, whole as far as a glance tells."""
        return self._place.exists()

    def suspect(self) -> None:
        """Some are gone: have the next sync make them anew."""
        self._opened = None
        self._place.suspect()

    @property
    def _collection(self) -> Any:
        if self._opened is None:
            self._opened = self._place.open()
        return self._opened

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # Chroma raises whatever its Rust core or its server met
            raise VectorsError(self._place.told(error)) from error


def _short(name: str) -> str:
    if len(name.encode()) <= _LONGEST_ID:
        return name
    return hashlib.sha256(name.encode()).hexdigest()
