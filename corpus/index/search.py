"""Hybrid search: words and vectors, their scores added up.

Leaves out what becomes of a ranking (``results``) and whether the answer is there (``answerable``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from gadfly.corpus.index import lexical
from gadfly.corpus.index.embed import Embedder
from gadfly.corpus.index.store import Store
from gadfly.corpus.index.vectors import Vectors
from gadfly.corpus.models import Mode

POOL = 200  # passages taken from the ranking by words
WINDOWS = 400  # windows taken from the ranking by meaning: about 200 passages
BY_WORDS = (
    0.28  # share of the words' score; 0.25-0.35 measured the same, rank fusion 0.02 to 0.04 lower
)


class Ranking(NamedTuple):
    """Chunk ids with their fused score, best first, and each passage's cosine similarity where known."""

    scored: list[tuple[str, float]]
    similarity: dict[str, float]


def rank(
    store: Store,
    query: str,
    mode: Mode,
    *,
    vectors: Vectors | None = None,
    embedder: Embedder | None = None,
    documents: Sequence[str] | None = None,
) -> Ranking:
    """Rank passages. ``vectors`` and ``embedder`` may be None: then words decide alone."""
    if mode == "exact":
        return Ranking(lexical.exact(store, query, POOL, documents), {})
    by_words = lexical.ranked(store, query, POOL, documents) if mode != "dense" else []
    by_meaning: list[tuple[str, float]] = []
    if mode != "lexical" and vectors is not None and embedder is not None:
        by_meaning = vectors.nearest(embedder.embed([query])[0], WINDOWS, documents)
    similarity = dict(by_meaning)
    if mode == "lexical" or not by_meaning:
        return Ranking(by_words, similarity)
    if mode == "dense":
        return Ranking(by_meaning, similarity)
    return Ranking(fuse(by_words, by_meaning), similarity)


def fuse(
    by_words: Sequence[tuple[str, float]], by_meaning: Sequence[tuple[str, float]]
) -> list[tuple[str, float]]:
    """Add up BM25 as a share of the best one and cosine similarity.

    Scores, not ranks, so that a clear winner of either kind stays one. A passage that only words
    found gets the similarity of the last one that meaning found: it cannot be nearer than that.
    """
    floor = by_meaning[-1][1] if by_meaning else 0.0
    best = by_words[0][1] if by_words and by_words[0][1] > 0 else 1.0
    words = {chunk: score / best for chunk, score in by_words}
    meaning = dict(by_meaning)
    scores = {
        chunk: BY_WORDS * words.get(chunk, 0.0) + (1 - BY_WORDS) * meaning.get(chunk, floor)
        for chunk in words.keys() | meaning.keys()
    }
    return sorted(scores.items(), key=lambda each: (-each[1], each[0]))
