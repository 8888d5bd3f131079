"""Hybrid search: words and vectors, the field's terms for everyday words, and what a passage's document adds.

Leaves out the terms themselves (``vocabulary``), what becomes of a ranking (``results``) and whether the answer is
there (``answerable``).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from heapq import nlargest
from typing import NamedTuple

from gadfly.corpus.documents import packaged
from gadfly.corpus.index import lexical, vocabulary
from gadfly.corpus.index.embed import Embedder
from gadfly.corpus.index.store import Store
from gadfly.corpus.index.vectors import Vectors
from gadfly.corpus.models import Mode

POOL = 200  # passages taken from the ranking by words
WINDOWS = 400  # windows taken from the ranking by meaning: about 200 passages

# Chosen over questions of our own on documents drawn at random; their neighbours measured within 0.02 of them.
BY_WORDS = 0.25  # share of the words' score; rank fusion was 0.02 to 0.04 lower
BY_TERMS = 0.4  # weight of the terms of the field beside the query's own words
BY_DOCUMENT = 0.15  # share of what the document's best passages score
_BEST = 2  # of a document's passages say whether it is about the question
_PACKAGED = 0.1  # of the span of scores: by so much the user's own goes before what every user has

Scored = list[tuple[str, float]]


class Ranking(NamedTuple):
    """Chunk ids with their fused score, best first, and each passage's cosine similarity where known."""

    scored: Scored
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
    terms = vocabulary.terms(query)
    words = by_words(store, query, terms, documents) if mode != "dense" else {}
    meaning: dict[str, float] = {}
    if mode != "lexical" and vectors is not None and embedder is not None:
        told = f"{query} ({', '.join(terms)})" if terms else query
        meaning = dict(vectors.nearest(embedder.embed([told])[0], WINDOWS, documents))
    scores = fuse(words, meaning) if words and meaning else meaning or words
    return Ranking(_sorted(in_documents(store, scores)), meaning)


def by_words(
    store: Store, query: str, terms: Sequence[str], documents: Sequence[str] | None = None
) -> dict[str, float]:
    """BM25 as a share of the best one, by the query's own words and, at a lower weight, by the terms of the field."""
    scores = _shares(lexical.ranked(store, query, POOL, documents))
    if terms:
        of_terms = _shares(lexical.ranked(store, " ".join(terms), POOL, documents))
        for chunk, share in of_terms.items():
            scores[chunk] = scores.get(chunk, 0.0) + BY_TERMS * share
    return scores


def fuse(words: Mapping[str, float], meaning: Mapping[str, float]) -> dict[str, float]:
    """Add up the words' score and cosine similarity.

    Scores, not ranks, so that a clear winner of either kind stays one. A passage that only words
    found gets the similarity of the last one that meaning found: it cannot be nearer than that.
    """
    floor = min(meaning.values(), default=0.0)
    return {
        chunk: BY_WORDS * words.get(chunk, 0.0) + (1 - BY_WORDS) * meaning.get(chunk, floor)
        for chunk in words.keys() | meaning.keys()
    }


def in_documents(store: Store, scores: Mapping[str, float]) -> dict[str, float]:
    """Draw every passage towards its document's best ones: of two that say the same, that counts which is on the
    matter as a whole. And of two documents the user's own goes before the packaged one.
    """
    origins = store.origins(scores.keys())
    known = {chunk: score for chunk, score in scores.items() if chunk in origins}
    if not known:
        return {}
    lowest, highest = min(known.values()), max(known.values())
    within: dict[str, list[float]] = defaultdict(lambda: [lowest] * _BEST)
    for chunk, score in known.items():
        within[origins[chunk][0]].append(score)
    whole = {document: sum(nlargest(_BEST, each)) / _BEST for document, each in within.items()}
    back = _PACKAGED * (highest - lowest)

    def standing(chunk: str, score: float) -> float:
        document, source = origins[chunk]
        drawn = (1 - BY_DOCUMENT) * score + BY_DOCUMENT * whole[document]
        return drawn - back if packaged(source) else drawn

    return {chunk: standing(chunk, score) for chunk, score in known.items()}


def _shares(scored: Scored) -> dict[str, float]:
    best = scored[0][1] if scored and scored[0][1] > 0 else 1.0
    return {chunk: score / best for chunk, score in scored}


def _sorted(scores: Mapping[str, float]) -> Scored:
    return sorted(scores.items(), key=lambda each: (-each[1], each[0]))
