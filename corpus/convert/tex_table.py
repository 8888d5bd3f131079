"""``tabular`` as a Markdown table: rules dropped, cells that span several columns filled up."""

from __future__ import annotations

import re
from collections.abc import Callable

from gadfly.corpus.convert.tex_groups import argument, group_end, option

_RULES = re.compile(
    r"\\(?:toprule|midrule|bottomrule|hline|thickhline|Xhline|specialrule|endhead|endfirsthead|endfoot|endlastfoot)"
    r"(?![A-Za-z])(?:\{[^{}]*\})*|\\(?:cline|cmidrule|rowcolor|arrayrulecolor|morecmidrules|hhline)"
    r"(?:\[[^\]]*\])?(?:\([^)]*\))?(?:\{[^{}]*\})?|\\addlinespace(?:\[[^\]]*\])?|\\noalign\s*\{[^{}]*\}"
)
_NESTS = re.compile(r"\\begin\s*\{|\\end\s*\{|\\\\|\\.|[{}&]", re.DOTALL)
_SPANS = re.compile(r"\\multicolumn\s*\{\s*(\d{1,2})\s*\}")
_WIDEST = 40


def markdown(body: str, plain: Callable[[str], str]) -> str:
    """The table of a ``tabular``'s body, its column specification already removed."""
    grid: list[list[str]] = []
    for row in _rows(_RULES.sub(" ", body)):
        cells: list[str] = []
        for cell in row[:_WIDEST]:
            text, width = _cell(cell)
            cells += [plain(text).replace("|", "\\|"), *[""] * (width - 1)]
        if any(cells):
            grid.append(cells)
    width = max((len(row) for row in grid), default=0)
    if width < 2:  # a stack of lines, not a table
        return "\n".join(row[0] for row in grid)
    lines = ["| " + " | ".join(row + [""] * (width - len(row))) + " |" for row in grid]
    return "\n".join([lines[0], "|" + " --- |" * width, *lines[1:]])


def _rows(body: str) -> list[list[str]]:
    """Rows and cells, parted at ``\\\\`` and ``&`` outside braces and inner environments."""
    rows: list[list[str]] = [[]]
    start = at = depth = 0
    while found := _NESTS.search(body, at):
        at = found.end()
        mark = found.group()
        if mark.startswith("\\begin"):
            depth += 1
            at = _after_name(body, at)
        elif mark.startswith("\\end"):
            depth -= 1
            at = _after_name(body, at)
        elif mark in "{}":
            depth += 1 if mark == "{" else -1
        elif depth <= 0 and mark == "&":
            rows[-1].append(body[start : found.start()])
            start = at
        elif depth <= 0 and mark == "\\\\":
            rows[-1].append(body[start : found.start()])
            rows.append([])
            gap = option(body, at) if body[at : at + 1] == "[" else None
            at = gap[1] if gap else at
            start = at
    rows[-1].append(body[start:])
    return rows


def _after_name(body: str, at: int) -> int:
    end = group_end(body, at - 1)
    return end + 1 if end >= 0 else at


def _cell(cell: str) -> tuple[str, int]:
    found = _SPANS.search(cell)
    if not found:
        return cell, 1
    spec = argument(cell, found.end())
    held = argument(cell, spec[1]) if spec else None
    if held is None:
        return cell, 1
    return cell[: found.start()] + held[0] + cell[held[1] :], max(
        1, min(_WIDEST, int(found.group(1)))
    )
