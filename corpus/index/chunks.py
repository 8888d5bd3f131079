"""Cut a document into passages of about 400 tokens along its headings, with exact offsets.

``document.text[chunk.start:chunk.end] == chunk.text`` always holds. Code fences stay whole up to
``LONGEST_FENCE`` tokens; a short section is joined with the next one; a long paragraph is cut at a
sentence end. Leaves out what is indexed of a chunk (``store``).

What is embedded of a passage is several small windows of it (:func:`views`), each told where it stands. One vector for
400 tokens blurs what each sentence says. Windows of one to a few sentences, with title and heading in front, find the
sentence that answers; the passage scores as its best window. Measured against one vector a passage (117 questions, see
``gadfly.evals.measuring.retrieval`` for the method): recall@5 0.69 → 0.73, recall@10 0.82 → 0.86.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gadfly.corpus import tokens
from gadfly.corpus.documents import Document
from gadfly.corpus.markup import blocks

VERSION = "2"  # raise it when the cut changes: an index made by another version is cut again
TARGET = 400
LONGEST_FENCE = 1200
SMALLEST = 120  # below this a chunk goes on past the next heading

_SENTENCE_END = re.compile(r"(?<=[.!?:;])[ \n]+|\n")
# Raise it when windows change: an index made by another version is embedded again.
VIEWS_VERSION = "1"
SMALL, LARGE = 320, 640  # characters: a window grows to SMALL, and joins no more beyond LARGE
_ENDLESS = 1600  # a run without any break (code) is cut here
_BREAK = re.compile(r"(?<=[.!?:;])\s+(?=[^a-z\s])|\n\s*\n|\n(?=[-*|] )")


@dataclass(frozen=True, slots=True)
class Chunk:
    """A passage: its place in the document (character offsets), heading path and size in tokens."""

    id: str
    document: str
    ordinal: int
    start: int
    end: int
    text: str
    heading: tuple[str, ...]
    tokens: int
    asked: tuple[str, ...] = ()
    """Questions that the sections beginning here answer, as their author says."""

    def sha256(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class _Atom:
    """The smallest piece that is never cut further."""

    start: int
    end: int
    tokens: int
    heading: tuple[str, ...]
    is_heading: bool = False


def chunks(document: Document) -> list[Chunk]:
    """All passages of a document in order; an empty document has none."""
    seen: dict[str, int] = {}
    found = []
    for ordinal, group in enumerate(_groups(list(_atoms(document.text)))):
        start, end = group[0].start, group[-1].end
        text = document.text[start:end]
        # The heading of the first words that are not themselves a heading: a joined chunk is named
        # after what it opens with.
        heading = next((atom.heading for atom in group if not atom.is_heading), group[0].heading)
        # Named by content: an edit elsewhere in the document leaves this id, and its vector, alone.
        asked = tuple(
            question
            for atom in group
            if atom.is_heading
            for question in answered(document, atom.heading[-1])
        )
        named = "\x1f".join((document.title, *heading, text, *asked))
        digest = hashlib.sha256(named.encode()).hexdigest()[:10]
        seen[digest] = seen.get(digest, 0) + 1
        suffix = f"-{seen[digest]}" if seen[digest] > 1 else ""
        size = sum(atom.tokens for atom in group)
        found.append(
            Chunk(
                f"{document.id}#{digest}{suffix}",
                document.id,
                ordinal,
                start,
                end,
                text,
                heading,
                size,
                asked,
            )
        )
    return found


def answered(document: Document, heading: str) -> list[str]:
    """The questions that the section under ``heading`` answers: a document's front matter may say so
    (``questions: {HEADING: [QUESTION, ...]}``)."""
    given = document.meta.get("questions")
    found = given.get(heading) if isinstance(given, dict) else None
    return [str(each) for each in found if str(each).strip()] if isinstance(found, list) else []


def _atoms(text: str) -> Iterator[_Atom]:
    path: list[tuple[int, str]] = []
    for block in blocks(text):
        if block.kind == "heading":
            path = [(level, title) for level, title in path if level < block.level]
            path.append((block.level, block.title))
        heading = tuple(title for _, title in path)
        size = tokens.count(text[block.start : block.end])
        limit = LONGEST_FENCE if block.kind == "fence" else TARGET
        if size <= limit:
            yield _Atom(block.start, block.end, size, heading, block.kind == "heading")
            continue
        for start, end in _cut(text, block.start, block.end):
            yield _Atom(start, end, tokens.count(text[start:end]), heading)


def _cut(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Cut an oversized block at sentence or line ends, or anywhere when it has none."""
    begun = start
    last_break = start
    breaks = [match.end() for match in _SENTENCE_END.finditer(text, start, end)] + [end]
    for place in breaks:
        if place - begun > 3 * TARGET and last_break > begun:  # about 3-4 characters a token
            yield begun, _trimmed(text, begun, last_break)
            begun = last_break
        while place - begun > 5 * TARGET:  # one endless line: base64, a minified file
            yield begun, begun + 3 * TARGET
            begun += 3 * TARGET
        last_break = place
    if text[begun:end].strip():
        yield begun, _trimmed(text, begun, end)


def _trimmed(text: str, start: int, end: int) -> int:
    while end > start and text[end - 1].isspace():
        end -= 1
    return end


def _groups(atoms: list[_Atom]) -> Iterator[list[_Atom]]:
    group: list[_Atom] = []
    size = 0
    behind = 0  # where the headings at the end of the group begin; 0 where it holds nothing else
    for atom in atoms:
        full = size + atom.tokens > TARGET
        fresh_section = atom.is_heading and size >= SMALLEST
        if (full or fresh_section) and behind:
            yield group[:behind]
            group = group[behind:]  # a heading never stays behind, parted from the text below it
            size, behind = sum(each.tokens for each in group), 0
        group.append(atom)
        size += atom.tokens
        if not atom.is_heading:
            behind = len(group)
    if group:
        yield group


def views(title: str, heading: Sequence[str], text: str, asked: Sequence[str] = ()) -> list[str]:
    """The texts to embed for one passage, in order; at least one. The questions that it answers are some of them."""
    place = " > ".join([title, *heading[-2:]])
    found = [f"{place}: {text[start:end].strip()}" for start, end in _windows(text)] or [place]
    return [*found, *asked]


def _windows(text: str) -> Iterator[tuple[int, int]]:
    start, end = 0, 0
    for piece_start, piece_end in _pieces(text):
        size, piece = end - start, piece_end - piece_start
        if size and (size >= SMALL or size + piece > LARGE):
            yield start, end
            start = piece_start
        end = piece_end
    if text[start:end].strip():
        yield start, end


def _pieces(text: str) -> Iterator[tuple[int, int]]:
    """Sentences, list items and paragraphs; a long run without any (code) is cut at line ends."""
    start = 0
    for end in [match.end() for match in _BREAK.finditer(text)] + [len(text)]:
        while end - start > _ENDLESS:
            cut = text.rfind("\n", start + 1, start + _ENDLESS)
            cut = cut + 1 if cut > start else start + _ENDLESS
            yield start, cut
            start = cut
        if text[start:end].strip():
            yield start, end
            start = end
