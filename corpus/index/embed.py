"""Turning text into vectors: the :class:`Embedder` protocol, the one used by default, one for tests.

Leaves out the MiniLM forward pass (``minilm``) and where vectors are kept (``vectors``).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

from gadfly.corpus.words import words
from gadfly.settings import EMBEDDER

if TYPE_CHECKING:
    from numpy import float32
    from numpy.typing import NDArray

    Vectors = NDArray[float32]


class Embedder(Protocol):
    """Text to unit vectors. ``name`` identifies model and length: vectors of two names never mix."""

    @property
    def name(self) -> str: ...

    @property
    def dimensions(self) -> int: ...

    @property
    def least(self) -> float:
        """The cosine similarity that a question has at least with a passage on its matter."""
        ...

    def embed(self, texts: Sequence[str]) -> Vectors:
        """One L2-normalised float32 row for each text, in the order given."""
        ...


class Choice(NamedTuple):
    """An embedder, or None and the reason with the way out."""

    embedder: Embedder | None
    notice: str | None


def default_embedder() -> Choice:
    """MiniLM where its weights are installed and intact; else none, and the reason.

    ``GADFLY_EMBEDDER=none`` in the environment asks for search by words alone: quick to index anywhere.
    """
    if EMBEDDER.value():
        return Choice(None, "searching by words only, as GADFLY_EMBEDDER=none asks")
    from gadfly.corpus.index.minilm import find_model

    found = find_model()
    if isinstance(found, str):
        return Choice(None, f"searching by words only: {found}")
    return Choice(_minilm(found), None)


@cache
def _minilm(folder: Path) -> Embedder:
    """One for the process: a server opens its index at every call, and the weights are 90 MB to read and check."""
    from gadfly.corpus.index.minilm import MiniLM

    return MiniLM(folder)


class HashEmbedder:
    """Deterministic vectors from hashed words: texts that share words are near. For tests, no model needed."""

    def __init__(self, dimensions: int = 64) -> None:
        self.dimensions = dimensions
        self.name = f"hash-{dimensions}"
        self.least = 0.0

    def embed(self, texts: Sequence[str]) -> Vectors:
        import numpy as np

        rows = np.zeros((len(texts), self.dimensions), dtype=np.float32)
        for row, text in zip(rows, texts, strict=True):
            for word in words(text):
                digest = hashlib.blake2b(word.encode(), digest_size=8).digest()
                row[int.from_bytes(digest[:4], "big") % self.dimensions] += (
                    1 if digest[4] & 1 else -1
                )
            length = float(np.linalg.norm(row))
            if length == 0.0:  # no words, or they cancel out: still a unit vector
                row[0], length = 1.0, 1.0
            row /= length
        return rows
