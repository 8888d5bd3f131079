"""Cut a document into passages of about 400 tokens along its headings, with exact offsets.

``document.text[chunk.start:chunk.end] == chunk.text`` always holds. Code fences stay whole up to
``LONGEST_FENCE`` tokens; a short section is joined with the next one; a long paragraph is cut at a
sentence end. Leaves out what is embedded or indexed of a chunk (``views``, ``store``).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass

from gadfly.corpus import tokens
from gadfly.corpus.documents import Document
from gadfly.corpus.markup import blocks

VERSION = "1"  # raise it when the cut changes: an index made by another version is cut again
TARGET = 400
LONGEST_FENCE = 1200
SMALLEST = 120  # below this a chunk goes on past the next heading

_SENTENCE_END = re.compile(r"(?<=[.!?:;])[ \n]+|\n")


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
        digest = hashlib.sha256("\x1f".join((document.title, *heading, text)).encode()).hexdigest()[
            :10
        ]
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
            )
        )
    return found


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
