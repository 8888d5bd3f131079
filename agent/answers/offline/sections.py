"""Choosing the section of a document that answers a question, and showing it whole.

The unit is what stands under one heading. A section is scored by its similarity to the question (that of its heading
and opening, or of a question that its author says it answers), by the question's rare words that it holds, and by the
passage that led to it. It is cut between blocks only: a list keeps its lead-in and its items, code its lines.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from gadfly.corpus import markup
from gadfly.corpus.documents import Document
from gadfly.corpus.index.chunks import answered
from gadfly.corpus.index.embed import Embedder
from gadfly.corpus.models import Passage
from gadfly.corpus.words import STOPWORDS, content_words, words

LONGEST = 2400
"""Characters of one section, at most, where it is shown alone."""
_LOOKED_AT = 8  # passages whose sections are candidates
_OPENING = 300  # characters of a section that are compared with the question
_LEAST = 60  # characters: less under a heading is no section of its own
_COVERAGE = 0.3
_NEAR = 0.85  # of the best score: as good an answer
_ITEM = re.compile(r"^(?:[-*+]|\d+[.)])\s", re.MULTILINE)
_SUFFIX = re.compile(r"(?:ations?|ings?|ions?|ed|es|s|ly)$")
# Where one question ends and the next begins: "..., and how do I ...", "...? Which ..."
_NEXT_QUESTION = re.compile(
    r"(?:\?\s++|[,;]\s*+(?:(?:and|or|but)\s++|(?<=\s))|(?<!\s)\s++and\s++)"
    r"(?=(?:how|what|why|where|which|when|who|does|do|is|are|can|could|should)\b)",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Section:
    """What stands under one heading: ``start`` to ``end`` of the document's text, the heading itself left out."""

    document: Document
    heading: str
    start: int
    end: int
    score: float = 0.0

    @property
    def text(self) -> str:
        return self.document.text[self.start : self.end]

    @property
    def asked(self) -> list[str]:
        """The questions that its author says it answers."""
        return answered(self.document, self.heading)


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
    read: Callable[[str], Document],
    embedder: Embedder | None,
) -> list[Section]:
    """The sections of the best passages, the best one first.

    Args:
        read: a document by its id.
        embedder: without one, words alone decide.
    """
    led: dict[tuple[str, int], tuple[Section, Passage]] = {}
    cut = {name: sections(read(name)) for name in {p.document for p in passages[:_LOOKED_AT]}}
    for passage in passages[:_LOOKED_AT]:
        for section in cut[passage.document]:
            if section.start < passage.end and passage.start < section.end:
                led.setdefault((passage.document, section.start), (section, passage))
    found = [section for section, _ in led.values()]
    similar = _similarity(question, found, embedder)
    covered = _coverage(question, found)
    scored = [
        replace(section, score=passage.score + near + _COVERAGE * held)
        for (section, passage), near, held in zip(led.values(), similar, covered, strict=True)
    ]
    return sorted(scored, key=lambda each: -each.score)


def sections(document: Document) -> list[Section]:
    """The sections of a document, in order. Where a heading has next to nothing under it, what follows is its own."""
    found: list[Section] = []
    for each in markup.sections(document.text):
        start, end = _body(document.text, each)
        if not document.text[start:end].strip():
            continue
        if (
            found
            and len(found[-1].text) < _LEAST
            and document.text[found[-1].end : each.start].isspace()
        ):
            found[-1] = replace(found[-1], end=end)
        else:
            found.append(Section(document, each.title or document.title, start, end))
    return found


def shown(section: Section, question: str, most: int = LONGEST) -> tuple[int, int]:
    """Which of its characters are shown: all, or as many whole blocks as fit around the one nearest to the question."""
    text = section.document.text
    blocks = _pieces(text, section)
    if section.end - section.start <= most or len(blocks) < 2:
        return section.start, section.end
    wanted = stems(content_words(question))
    best = max(
        range(len(blocks)), key=lambda i: (len(wanted & stems(words(text[slice(*blocks[i])]))), -i)
    )
    first = last = best
    # The section's beginning says what it is about; else go back to what leads in, then on.
    while first > 0 and blocks[best][1] - blocks[first - 1][0] <= most:
        first -= 1
    while last + 1 < len(blocks) and blocks[last + 1][1] - blocks[first][0] <= most:
        last += 1
    return blocks[first][0], blocks[last][1]


def as_good(found: Sequence[Section]) -> list[Section]:
    """The best one, and a second of another document that is about as near."""
    if not found:
        return []
    best, *rest = found
    other = [
        each
        for each in rest
        if each.document.id != best.document.id and each.score >= _NEAR * best.score
    ]
    return [best, *other[:1]]


def _body(text: str, section: markup.Section) -> tuple[int, int]:
    inner = text[section.body : section.end]
    return section.body + len(inner) - len(inner.lstrip("\n")), section.body + len(inner.rstrip())


def _pieces(text: str, section: Section) -> list[tuple[int, int]]:
    """Where the section may be cut: between paragraphs, list items and code blocks, never behind a lead-in."""
    found: list[tuple[int, int]] = []
    for block in markup.blocks(section.text):
        start, end = section.start + block.start, section.start + block.end
        items = (
            [start + m.start() for m in _ITEM.finditer(text[start:end])]
            if block.kind == "text"
            else []
        )
        ends = [*[at - 1 for at in items[1:]], end] if items and items[0] == start else [end]
        for piece_end in ends:
            lead = found and text[found[-1][1] - 1] == ":"
            if lead:
                found[-1] = (found[-1][0], piece_end)
            else:
                found.append((start, piece_end))
            start = piece_end + 1
    return found


def _similarity(question: str, found: Sequence[Section], embedder: Embedder | None) -> list[float]:
    if embedder is None or not found:
        return [0.0] * len(found)
    texts = [
        [f"{each.document.title}: {each.heading}: {each.text[:_OPENING]}", *each.asked]
        for each in found
    ]
    vectors = embedder.embed([question, *(text for some in texts for text in some)])
    near = [float(value) for value in vectors[1:] @ vectors[0]]
    out, at = [], 0
    for some in texts:
        out.append(max(0.0, *near[at : at + len(some)]))
        at += len(some)
    return out


def _coverage(question: str, found: Sequence[Section]) -> list[float]:
    """The share of the question's words, rare ones counting more, that each section holds."""
    bags = [
        stems(words(f"{e.document.title} {e.heading} {' '.join(e.asked)} {e.text}")) for e in found
    ]
    weight = rarities(stems(content_words(question)), bags)
    total = sum(weight.values()) or 1.0
    return [sum(weight[term] for term in weight.keys() & bag) / total for bag in bags]


def rarities(wanted: Iterable[str], bags: Sequence[set[str]]) -> dict[str, float]:
    """How rare each stem is among the bags: the logarithm of their number over that of those that hold it."""
    return {
        term: math.log(1 + len(bags) / (0.5 + sum(term in bag for bag in bags))) for term in wanted
    }


def stems(some: Iterable[str]) -> set[str]:
    """Words without their endings, enough to match patching with patch; never below four letters."""
    return {_stem(word) for word in some}


def _stem(word: str) -> str:
    shorter = _SUFFIX.sub("", word)
    return shorter if len(shorter) >= 4 else word
