"""Choosing sentences that answer a question, verbatim, from the passages found.

The unit is an excerpt: one to three sentences that follow each other. An excerpt is scored by the question's words
that it holds (rare ones count more), whether it begins with them, its similarity to the question where an embedder is
at hand, and the rank of its passage; near-repetitions are left out.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from gadfly.agent.answers.offline.sections import rarities, stems
from gadfly.agent.answers.sentences import prose, split
from gadfly.corpus.index.embed import Embedder
from gadfly.corpus.models import Passage
from gadfly.corpus.words import content_words, words

_SHORTEST, _LONGEST = 8, 60  # words
# List items of task lists and of docstring sections are no sentences.
_NO_SENTENCE = re.compile(r"\[[ x]\]|(?:Args|Returns|Raises|Parameters|Example|Note)s?:")
_SENTENCES = 3  # in an excerpt, at most
_LENGTH = 0.04  # what each further sentence must be worth
_CANDIDATES = 64  # that are embedded
_FLOOR = 0.7  # of the best score
# A sentence that begins like this leans on the one before it and does not stand alone.
_LEANING = re.compile(
    r"(?:This|That|These|Those|It|Its|They|Their|He|She|Such|Here|There|Then|Thus|So|But|And|However|Instead|"
    r"Otherwise|Both|Each|The (?:answer|result|same|latter|former|first|second|other|target|source)s?)\b"
)
# Words of asking, which say what is wanted and not what about; and words that fit every document of the field.
_ASKING = (
    "compare differ difference example explain kind know mean meaning reason show tell thing way work "
    "language model models"
)


@dataclass(frozen=True)
class Excerpt:
    """Sentences that stand one after the other in a document, verbatim, with their score for the question."""

    sentences: tuple[str, ...]
    passage: Passage
    score: float = 0.0

    @property
    def text(self) -> str:
        return " ".join(self.sentences)


def choose(
    question: str, passages: Sequence[Passage], *, limit: int = 4, embedder: Embedder | None = None
) -> list[Excerpt]:
    """The best excerpts, best first. Empty if none shares a word with the question."""
    ranks = {passage.id: rank for rank, passage in enumerate(passages)}
    candidates = [e for passage in passages for e in excerpts_of(passage)]
    bags = [_bag(f"{each.passage.heading} {each.text}") for each in candidates]
    about = content_words(question)
    wanted = stems(word for word in about if word not in _ASKING.split()) or stems(about)
    weight = rarities(wanted, bags)
    total = sum(weight.values()) or 1.0
    scored = []
    for each, own in zip(candidates, bags, strict=True):
        held = wanted & own
        if not held:
            continue
        # A word that only the heading holds counts half: the excerpt is about it, but does not say it.
        said = _bag(each.text)
        coverage = sum(weight[t] * (1.0 if t in said else 0.5) for t in held) / total
        # What a sentence is about stands at its beginning.
        first = wanted & _bag(" ".join(each.text.split()[:6]))
        subject = sum(weight[t] for t in first) / total
        score = coverage + 0.6 * subject + 0.1 / (1 + ranks[each.passage.id])
        scored.append(replace(each, score=score - _LENGTH * (len(each.sentences) - 1)))
    best = sorted(scored, key=lambda e: -e.score)[:_CANDIDATES]
    similarity = _similarity(question, best, embedder)
    best = [replace(e, score=e.score + 3 * near) for e, near in zip(best, similarity, strict=True)]
    return _diverse(sorted(best, key=lambda e: -e.score), limit)


def excerpts_of(passage: Passage) -> list[Excerpt]:
    """Runs of up to three sentences within one paragraph, none of which leans on a sentence left out."""
    found = []
    for block in prose(passage.text):
        sentences = split(block)
        for first, opening in enumerate(sentences):
            if _LEANING.match(opening) and first:
                continue
            for length in range(1, _SENTENCES + 1):
                run = sentences[first : first + length]
                if len(run) < length or not _quotable(run[-1]):
                    break
                found.append(Excerpt(tuple(run), passage))
    return found


def _quotable(sentence: str) -> bool:
    """Prose, whole, neither too short nor too long."""
    whole = sentence.rstrip("*_\"'”)`").endswith((".", "!"))
    fits = _SHORTEST <= len(sentence.split()) <= _LONGEST
    return whole and fits and "]]" not in sentence and not _NO_SENTENCE.match(sentence)


def _similarity(
    question: str, excerpts: Sequence[Excerpt], embedder: Embedder | None
) -> list[float]:
    if embedder is None or not excerpts:
        return [0.0] * len(excerpts)
    # The title says what the excerpt speaks of where its own words do not.
    vectors = embedder.embed([question, *(f"{e.passage.title}: {e.text}" for e in excerpts)])
    return [max(0.0, float(value)) for value in vectors[1:] @ vectors[0]]


def _diverse(ranked: list[Excerpt], limit: int) -> list[Excerpt]:
    chosen: list[Excerpt] = []
    for each in ranked:
        if each.score < _FLOOR * ranked[0].score:
            break
        own = _bag(each.text)
        repeats = any(
            len(own & _bag(c.text)) > 0.6 * min(len(own), len(_bag(c.text))) for c in chosen
        )
        crowded = sum(c.passage.document == each.passage.document for c in chosen) >= 2
        if not (repeats or crowded):
            chosen.append(each)
        if len(chosen) == limit:
            break
    return chosen


def _bag(text: str) -> set[str]:
    return stems(words(text))
