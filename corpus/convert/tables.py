"""HTML tables as Markdown tables: spans filled in, cells on one line, tables for mere layout unfolded."""

from __future__ import annotations

from collections.abc import Callable

from bs4 import Tag

from gadfly.corpus.convert.soup import attribute, first, pick

_WIDEST = 60  # columns; wider ones are layout, or made by a machine for a machine
_SPAN = 50
_BLOCKS = "p, pre, ul, ol, h1, h2, h3, h4, blockquote, figure"


def is_layout(table: Tag) -> bool:
    """A table that only arranges a page: nested ones, one cell wide, or with whole passages in its cells."""
    if attribute(table, "role") == "presentation" or first(table, "table") is not None:
        return True
    rows = [_cells(row) for row in _rows(table)]
    if max(map(len, rows), default=0) < 2:
        return True
    if first(table, "th") is not None:
        return False
    cells = [cell for row in rows for cell in row]
    heavy = sum(len(pick(cell, _BLOCKS)) > 1 for cell in cells)
    return heavy * 2 > len(cells)


def markdown(table: Tag, text_of: Callable[[Tag], str]) -> str:
    """The table; its caption stands above it."""
    grid = _grid(table, text_of)
    width = max((len(row) for row in grid), default=0)
    lines = ["| " + " | ".join(row + [""] * (width - len(row))) + " |" for row in grid]
    if lines:
        lines.insert(1, "|" + " --- |" * width)
    caption = table.find("caption")
    above = f"{text_of(caption)}\n\n" if isinstance(caption, Tag) else ""
    return above + "\n".join(lines)


def _grid(table: Tag, text_of: Callable[[Tag], str]) -> list[list[str]]:
    grid: list[list[str]] = []
    below: dict[int, tuple[int, str]] = {}  # column → rows still to fill, and with what
    for row in _rows(table):
        cells = iter(_cells(row))
        line: list[str] = []
        while len(line) < _WIDEST:
            held = below.get(len(line))
            if held is not None:
                below[len(line)] = (held[0] - 1, held[1])
                if held[0] <= 1:
                    del below[len(line)]
                line.append(held[1])
                continue
            cell = next(cells, None)
            if cell is None:
                if not any(column > len(line) for column in below):
                    break
                line.append("")
                continue
            text = text_of(cell).replace("|", "\\|")
            down = _span(cell, "rowspan")
            for step in range(_span(cell, "colspan")):
                if down > 1:
                    below[len(line)] = (down - 1, text if step == 0 else "")
                line.append(text if step == 0 else "")
        if any(line):
            grid.append(line)
    return grid


def _rows(table: Tag) -> list[Tag]:
    return [row for row in pick(table, "tr") if row.find_parent("table") is table]


def _cells(row: Tag) -> list[Tag]:
    return [cell for cell in row.children if isinstance(cell, Tag) and cell.name in ("td", "th")]


def _span(cell: Tag, name: str) -> int:
    text = attribute(cell, name)
    return max(1, min(_SPAN, int(text))) if text.isdigit() and len(text) < 6 else 1
