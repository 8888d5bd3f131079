"""Is the answer to a question among the passages found? A number in [0, 1] without any LLM.

The nearest passage's similarity alone cannot tell (AUC 0.65-0.74): a question about ``Qwen3-235B`` is
near to every passage about attention heads. What tells is whether the things that the question
*names* stand in one of the best passages. Four signs, each in [0, 1], and the similarity go into a
logistic whose weights were fitted on 78 answerable and 30 unanswerable questions written for that
(tests/corpus/data), none of which is among those that the evaluation reports. Leaves out ranking.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from gadfly.corpus.index import lexical
from gadfly.corpus.index.store import Store
from gadfly.corpus.words import content_words, names, numbered

THRESHOLD = 0.5
_LOOK_AT = 8


class Signs(NamedTuple):
    """What the best passages hold of a question; rarity is the logarithm of the inverse frequency."""

    words: float  # share of the question's words, by rarity, in the best single passage
    names: float  # the same for the words that name something; 1 if none does
    missing: float  # rarity of the rarest name in no passage looked at, over that of a unique word
    unknown: float  # 1 if a name with its number (GPT-5) stands nowhere in the corpus


# The weights of the signs; then the bias, and the weight of the similarity.
_HYBRID = Signs(0.9, 1.7, -1.7, -1.9), -2.0, 1.5
_WORDS_ONLY = Signs(1.2, 1.8, -1.8, -2.1), -1.5, 0.0


def answerability(
    store: Store,
    query: str,
    best: Sequence[str],
    similarity: Mapping[str, float],
    least: float = 0.0,
) -> float:
    """Probability-like: that the passages ``best`` (ids, best first) answer the query.

    Args:
        similarity: the cosine similarity of passages; empty where there are no vectors.
        least: what is nearer to no passage is of another matter, whatever words it shares (``Embedder.least``).
    """
    if not best:
        return 0.0
    found = signs(store, query, best[:_LOOK_AT])
    weights, bias, by_similarity = _HYBRID if similarity else _WORDS_ONLY
    near = max((similarity.get(chunk, 0.0) for chunk in best[:_LOOK_AT]), default=0.0)
    total = bias + by_similarity * near
    total += sum(weight * sign for weight, sign in zip(weights, found, strict=True))
    found_there = 1.0 / (1.0 + math.exp(-total))
    return min(found_there, near) if similarity and near < least else found_there


def signs(store: Store, query: str, chunks: Sequence[str]) -> Signs:
    """Compare a question with passages."""
    total = int(store.query("SELECT count(*) FROM chunks")[0][0])
    rarest = _rarity(total, 0)
    named = names(query)
    rarity: dict[str, float] = {}
    held: dict[str, set[str]] = {}
    for word in dict.fromkeys([*content_words(query), *named]):
        forms = lexical.word_forms(word)
        count = lexical.frequency(store, forms)
        rarity[word] = _rarity(total, count)
        held[word] = lexical.holding(store, forms, chunks) if count else set()
    together = [f'"{name} {number}" OR "{name}{number}"' for name, number in numbered(query)]
    absent = [rarity[word] for word in named if not held[word]]
    return Signs(
        words=_best_share(list(rarity), rarity, held, chunks),
        names=_best_share(named, rarity, held, chunks),
        missing=max(absent, default=0.0) / rarest,
        unknown=float(any(not lexical.frequency(store, each) for each in together)),
    )


def _best_share(
    words: Sequence[str],
    rarity: Mapping[str, float],
    held: Mapping[str, set[str]],
    chunks: Sequence[str],
) -> float:
    everything = sum(rarity[word] for word in words)
    if everything <= 0:
        return 1.0
    return max(
        sum(rarity[word] for word in words if chunk in held[word]) / everything for chunk in chunks
    )


def _rarity(total: int, count: int) -> float:
    return math.log((total + 1) / (count + 0.5))
