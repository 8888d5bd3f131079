"""Tables of a PDF's page: the words between rules of one width that stand in columns, as Markdown.

Papers draw a rule over and under a table, and often between its parts. A table without any rule stays lines of text.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from gadfly import tables
from gadfly.corpus.convert.pdf.layout import Page, Rule, Word, joined

_NEAR = 4.0  # points: how far the ends of the rules of one table may differ
_GAP = 0.9  # of the letters' size: a wider space parts two cells, a narrower one two words
_CROSSED = (
    0.2  # of the rows: as many may cross the space between two columns, as headings of several do
)
_FILLED = 0.4  # of the cells of a table hold something
_MOST_ROWS, _MOST_COLUMNS, _MOST_CELLS = 200, 40, 1_500
_MOST_RULES = 300  # of a page; one with more is a drawing
_IS = tables.patterns(__file__, 0)


class Grid(NamedTuple):
    """A table: the words that it holds, and how it reads."""

    words: frozenset[Word]
    markdown: str


class _Cell(NamedTuple):
    words: tuple[Word, ...]

    @property
    def left(self) -> float:
        return self.words[0].left

    @property
    def right(self) -> float:
        return max(word.right for word in self.words)


_Row = list[_Cell]


def grids(page: Page) -> list[Grid]:
    """The tables of a page, from the top down."""
    words = [word for line in page.lines if not line.turned for word in line.words]
    captioned = any(_IS["caption"].match(line.text) for line in page.lines)
    found: list[Grid] = []
    taken: set[Word] = set()
    rules_of_page = _whole(page.rules)
    for rules in _clusters(rules_of_page) if len(rules_of_page) <= _MOST_RULES else ():
        for top, bottom, parts in _regions(rules, words):
            inside = [word for word in _between(words, top, bottom, rules[0]) if word not in taken]
            if not captioned and parts < 2:
                continue
            grid = _grid(inside, least=2 if captioned else 3)
            if grid is not None:
                found.append(grid)
                taken |= grid.words
    return sorted(found, key=lambda grid: -max(word.base for word in grid.words))


def _whole(rules: Sequence[Rule]) -> list[Rule]:
    """Rules that are drawn in pieces, cell by cell, as one."""
    out: list[Rule] = []
    for rule in sorted(set(rules), key=lambda rule: (-round(rule.height), rule.left)):
        last = out[-1] if out else None
        if last and abs(last.height - rule.height) <= 1.5 and rule.left <= last.right + _NEAR:
            out[-1] = Rule(last.left, max(last.right, rule.right), last.height)
        else:
            out.append(rule)
    return out


def _clusters(rules: Sequence[Rule]) -> list[list[Rule]]:
    """Rules that begin and end at the same places, from the top down."""
    found: list[list[Rule]] = []
    for rule in sorted(rules, key=lambda rule: -rule.height):
        for cluster in found:
            same = abs(cluster[0].left - rule.left) <= _NEAR
            if same and abs(cluster[0].right - rule.right) <= _NEAR:
                cluster.append(rule)
                break
        else:
            found.append([rule])
    return [cluster for cluster in found if len(cluster) > 1]


def _between(words: Sequence[Word], top: float, bottom: float, rule: Rule) -> list[Word]:
    return [
        word
        for word in words
        if bottom - 1 < word.base < top - 1
        and rule.left - _NEAR <= (word.left + word.right) / 2 <= rule.right + _NEAR
    ]


def _regions(rules: list[Rule], words: Sequence[Word]) -> list[tuple[float, float, int]]:
    """``(top, bottom, parts)`` of what stands between rules and in columns."""
    found: list[tuple[float, float, int]] = []
    top: float | None = None
    parts = 0
    for upper, lower in pairwise(rules):
        rows = _rows(_between(words, upper.height, lower.height, upper))
        if _tabular(rows, upper, within=top is not None):
            top = upper.height if top is None else top
            parts += 1 if rows else 0
            continue
        if top is not None:
            found.append((top, upper.height, parts))
        top, parts = None, 0
    if top is not None:
        found.append((top, rules[-1].height, parts))
    return found


def _tabular(rows: list[_Row], rule: Rule, *, within: bool) -> bool:
    if not rows:
        return within  # a double rule
    first = joined(rows[0][0].words)
    if _IS["caption"].match(first) or _IS["other"].match(first):
        return False
    if sum(len(row) > 1 for row in rows) >= 0.5 * len(rows):
        return True
    # One label over a part of the table.
    return len(rows) == 1 and (
        within or rows[0][0].right < rule.left + 0.6 * (rule.right - rule.left)
    )


def _rows(words: Sequence[Word]) -> list[_Row]:
    lines: list[list[Word]] = []
    for word in sorted(words, key=lambda word: -word.base):
        size = max(word.size, 4.0)
        if lines and abs(lines[-1][0].base - word.base) <= 0.45 * size:
            lines[-1].append(word)
        else:
            lines.append([word])
    return [_cells(line) for line in lines]


def _cells(line: list[Word]) -> _Row:
    found: list[list[Word]] = []
    for word in sorted(line, key=lambda word: word.left):
        near = found and word.left - max(each.right for each in found[-1]) <= _GAP * max(
            word.size, found[-1][-1].size
        )
        if near:
            found[-1].append(word)
        else:
            found.append([word])
    return [_Cell(tuple(cell)) for cell in found]


def _grid(words: Sequence[Word], least: int) -> Grid | None:
    rows = _rows(words)
    if not least <= len(rows) <= _MOST_ROWS or sum(map(len, rows)) > _MOST_CELLS:
        return None
    columns = _columns(rows)
    if not 2 <= len(columns) <= _MOST_COLUMNS:
        return None
    filled = [_filled(row, columns) for row in rows]
    full = sum(bool(cell) for row in filled for cell in row)
    if full < _FILLED * len(rows) * len(columns):
        return None
    if _prose(filled):
        return None
    lines = ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in filled]
    lines.insert(1, "|" + " --- |" * len(columns))
    return Grid(frozenset(words), "\n".join(lines))


def _prose(rows: list[list[str]]) -> bool:
    """Whether the cells are sentences: two columns of text, or an algorithm with numbered lines."""
    cells = [cell for row in rows for cell in row if cell]
    long = sum(len(cell.split()) > 9 for cell in cells)
    return long > 0.34 * len(cells)


def _columns(rows: list[_Row]) -> list[tuple[float, float]]:
    """Where the columns are: what most rows leave free parts two of them."""
    edges = sorted({edge for row in rows for cell in row for edge in (cell.left, cell.right)})
    several = [row for row in rows if len(row) > 1] or rows
    most = int(_CROSSED * len(several))
    found: list[tuple[float, float]] = []
    for left, right in pairwise(edges):
        middle = (left + right) / 2
        crossing = sum(any(cell.left < middle < cell.right for cell in row) for row in several)
        if crossing <= most:
            continue
        if found and left - found[-1][1] < 1.0:
            found[-1] = (found[-1][0], right)
        else:
            found.append((left, right))
    return found


def _filled(row: _Row, columns: Sequence[tuple[float, float]]) -> list[str]:
    held: list[list[Word]] = [[] for _ in columns]
    for cell in row:
        over = [
            at
            for at, (left, right) in enumerate(columns)
            if min(right, cell.right) - max(left, cell.left) > 0
        ]
        if len(over) <= 1:
            held[over[0] if over else _nearest(cell.left, cell.right, columns)] += cell.words
            continue
        for word in cell.words:
            held[_nearest(word.left, word.right, columns)].append(word)
    return [joined(words) for words in held]


def _nearest(left: float, right: float, columns: Sequence[tuple[float, float]]) -> int:
    middle = (left + right) / 2
    distances = [max(a - middle, middle - b, 0.0) for a, b in columns]
    return distances.index(min(distances))
