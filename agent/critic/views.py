"""What one question shows of a file, within a token budget; and where a quote from it stands.

A small file is shown whole. Of a large one: the functions around the change with their callers and callees,
or, where nothing marks a change, the whole in several views.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple

from gadfly.agent.critic.blind import blinded
from gadfly.corpus.tokens import count
from gadfly.tools.review.code.anchors import anchors
from gadfly.tools.review.code.flow import Code
from gadfly.tools.review.code.tree import BrokenCodeError
from gadfly.tools.review.reading.material import File

BUDGET = 6_000  # tokens of code in one question
_SHORTEST_QUOTE = 8  # characters that are not space; a shorter one stands everywhere
_LONGEST_QUOTE = 12  # lines
_SPACE = re.compile(r"\s+")


class Piece(NamedTuple):
    """Consecutive lines of a file or of one cell."""

    cell: int | None
    start: int
    lines: list[str]


class Spot(NamedTuple):
    """Where a quote stands."""

    cell: int | None
    start: int
    end: int


@dataclass
class View:
    """Code as a judge sees it, blinded."""

    file: File
    pieces: list[Piece]

    @cached_property
    def text(self) -> str:
        parts = []
        for piece in self.pieces:
            code = "\n".join(piece.lines)
            parts.append(code if piece.cell is None else f"# %% cell {piece.cell}\n{code}")
        return ("\n" if self.pieces and self.pieces[0].cell is None else "\n\n").join(parts)

    @cached_property
    def tokens(self) -> int:
        return count(self.text)

    @cached_property
    def changed(self) -> str:
        """The lines of a change, where there is one and it is not all of the view."""
        if self.file.changed is None:
            return ""
        rows = [
            (self.file.counts(piece.cell, number, number), line)
            for piece in self.pieces
            for number, line in enumerate(piece.lines, piece.start)
        ]
        if all(added or not line.strip() for added, line in rows):
            return ""
        return "\n".join(line for added, line in rows if added)

    def find(self, quote: str) -> list[Spot]:
        """Where a quote stands, whitespace aside; nothing looser."""
        wanted = _SPACE.sub("", quote)
        if len(wanted) < _SHORTEST_QUOTE:
            return []
        return [spot for piece in self.pieces for spot in _in_piece(piece, wanted)]


def views(file: File, budget: int = BUDGET) -> list[View]:
    """The views of one file."""
    whole = [Piece(cell, 1, blinded(lines)) for cell, lines in file.source.shown.items()]
    if not any("".join(piece.lines).strip() for piece in whole):
        return []
    if _size(whole) <= budget:
        return [View(file, whole)]
    pieces = whole if file.is_notebook else list(_pieces(file, whole[0].lines))
    if file.changed is not None:
        around = _around_the_change(file, budget) if not file.is_notebook else None
        pieces = around or [
            p for p in pieces if file.counts(p.cell, p.start, p.start + len(p.lines) - 1)
        ]
    packed: list[list[Piece]] = [[]]
    size = 0
    for piece in _cut(pieces, budget):
        tokens = _size([piece])
        if packed[-1] and size + tokens > budget:
            packed.append([])
            size = 0
        packed[-1].append(piece)
        size += tokens
    return [View(file, some) for some in packed if some]


def _pieces(file: File, seen: list[str]) -> Iterator[Piece]:
    """The file cut before its functions and classes."""
    starts = [0, *_statements(file.source.text), len(seen)]
    for first, last in pairwise(starts):
        if last > first:
            yield Piece(None, first + 1, seen[first:last])


def _statements(text: str) -> list[int]:
    """Lines, from 0, at which functions and classes begin; none where the code does not parse."""
    try:
        body = ast.parse(text).body
    except (SyntaxError, ValueError, RecursionError):
        return []
    return [
        min([node.lineno, *(each.lineno for each in node.decorator_list)]) - 1
        for node in body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        and node.lineno > 1
    ]


def _around_the_change(file: File, budget: int) -> list[Piece]:
    try:
        code = Code(file.source.text, file.path)
    except (BrokenCodeError, RecursionError):
        return []
    seen = blinded(file.source.lines(None))
    spans = sorted({(a.start_line, a.end_line) for a in anchors(code, file.changed or (), budget)})
    return [Piece(None, first, seen[first - 1 : last]) for first, last in spans]


def _cut(pieces: list[Piece], budget: int) -> Iterator[Piece]:
    """A piece that alone is beyond the budget is halved until it is not."""
    for piece in pieces:
        if len(piece.lines) < 2 or _size([piece]) <= budget:
            yield piece
            continue
        half = len(piece.lines) // 2
        first = Piece(piece.cell, piece.start, piece.lines[:half])
        yield from _cut([first, Piece(piece.cell, piece.start + half, piece.lines[half:])], budget)


def _size(pieces: list[Piece]) -> int:
    return sum(count("\n".join(piece.lines)) for piece in pieces)


def _in_piece(piece: Piece, wanted: str) -> Iterator[Spot]:
    text, at = "", []  # every character that is no space, and its line
    for number, line in enumerate(piece.lines, piece.start):
        bare = _SPACE.sub("", line)
        text += bare
        at += [number] * len(bare)
    position = text.find(wanted)
    while position >= 0:
        first, last = at[position], at[position + len(wanted) - 1]
        if last - first < _LONGEST_QUOTE:
            yield Spot(piece.cell, first, last)
        position = text.find(wanted, position + 1)
