"""Choosing sentences that answer a question, verbatim, from the passages found.

A sentence is scored by the question's words that it holds (rare ones count more), whether it begins with them, its
similarity to the question where an embedder is at hand, and the rank of its passage; near-repetitions are left out.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from gadfly.agent.sentences import prose, split
from gadfly.corpus.embed import Embedder
from gadfly.corpus.models import Passage
from gadfly.corpus.words import STOPWORDS, content_words, words

_SHORTEST, _LONGEST = 8, 60  # words
# List items of task lists and of docstring sections are no sentences.
_NO_SENTENCE = re.compile(r"\[[ x]\]|(?:Args|Returns|Raises|Parameters|Example|Note)s?:")
_CANDIDATES = 160
# A sentence that begins like this leans on the one before it and does not stand alone.
_LEANING = re.compile(
    r"(?:This|That|These|Those|It|Its|They|Their|He|She|Such|Here|There|Then|Thus|So|But|And|However|Instead|"
    r"Otherwise|Both|Each|The (?:answer|result|same|latter|former|first|second|other|target|source)s?)\b"
)
_SUFFIX = re.compile(r"(?:ations?|ings?|ions?|ed|es|s|ly)$")


# Where one question ends and the next begins: "..., and how do I ...", "...? Which ..."
_NEXT_QUESTION = re.compile(
    r"(?:\?\s+|[,;]\s*(?:and|or|but)?\s+|\s+and\s+)"
    r"(?=(?:how|what|why|where|which|when|who|does|do|is|are|can|could|should)\b)",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Sentence:
    """A verbatim sentence of a document, with its score for the question."""

    text: str
    passage: Passage
    score: float


def parts(question: str) -> list[str]:
    """The questions within a question, each with at least one word that carries meaning; at most three."""
    found = [part.strip() for part in _NEXT_QUESTION.split(question)]
    # "and how?" alone asks nothing that can be searched for; it stays with the whole.
    if len(found) > 3 or any(len(set(words(p)) - STOPWORDS) < 2 for p in found):
        return [question]
    return found


def choose(
    question: str,
    passages: Sequence[Passage],
    *,
    limit: int = 5,
    embedder: Embedder | None = None,
) -> list[Sentence]:
    """The best sentences, best first. Empty if none shares a word with the question."""
    candidates = [
        (text, passage, rank)
        for rank, passage in enumerate(passages)
        for text in sentences_of(passage.text)
    ][:_CANDIDATES]
    if not candidates:
        return []
    bags = [_bag(f"{passage.heading} {text}") for text, passage, _ in candidates]
    wanted = {_stem(word) for word in content_words(question)}
    weight = {
        term: math.log(1 + len(bags) / (0.5 + sum(term in bag for bag in bags))) for term in wanted
    }
    total = sum(weight.values()) or 1.0
    similarity = _similarity(question, [text for text, _, _ in candidates], embedder)
    scored = []
    for (text, passage, rank), own, near in zip(candidates, bags, similarity, strict=True):
        held = wanted & own
        if not held:
            continue
        # A word that only the heading holds counts half: the sentence is about it, but does not say it.
        said = _bag(text)
        coverage = sum(weight[t] * (1.0 if t in said else 0.5) for t in held) / total
        # What a sentence is about stands at its beginning.
        subject = len(wanted & _bag(" ".join(text.split()[:6]))) / len(wanted)
        score = coverage + 2 * near + 0.6 * subject + 0.1 / (1 + rank)
        scored.append(Sentence(text, passage, score * (0.6 if _LEANING.match(text) else 1.0)))
    return _diverse(sorted(scored, key=lambda s: -s.score), limit)


def sentences_of(text: str) -> list[str]:
    """The sentences of a passage that can stand alone: prose, whole, neither too short nor too long."""
    found = []
    for block in prose(text):
        for sentence in split(block):
            whole = sentence.rstrip("*_\"'”)`").endswith((".", "!"))
            if _NO_SENTENCE.match(sentence):
                continue
            if whole and _SHORTEST <= len(sentence.split()) <= _LONGEST and "]]" not in sentence:
                found.append(sentence)
    return found


def _similarity(question: str, texts: list[str], embedder: Embedder | None) -> list[float]:
    if embedder is None:
        return [0.0] * len(texts)
    vectors = embedder.embed([question, *texts])
    return [max(0.0, float(value)) for value in vectors[1:] @ vectors[0]]


def _diverse(ranked: list[Sentence], limit: int) -> list[Sentence]:
    chosen: list[Sentence] = []
    for sentence in ranked:
        if sentence.score < 0.55 * ranked[0].score:
            break
        own = _bag(sentence.text)
        repeats = any(
            len(own & _bag(c.text)) > 0.6 * min(len(own), len(_bag(c.text))) for c in chosen
        )
        crowded = sum(c.passage.document == sentence.passage.document for c in chosen) >= 3
        if not (repeats or crowded):
            chosen.append(sentence)
        if len(chosen) == limit:
            break
    return chosen


def _bag(text: str) -> set[str]:
    return {_stem(word) for word in words(text)}


def _stem(word: str) -> str:
    """Enough stemming to match patching with patch; never below four letters."""
    shorter = _SUFFIX.sub("", word)
    return shorter if len(shorter) >= 4 else word
