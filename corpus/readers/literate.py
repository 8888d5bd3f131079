"""Python whose prose stands in bare string literals between the code, without any header lines.

Only a file that clearly means it: three such strings at the top level, a heading in one of them.
"""

from __future__ import annotations

import ast
import re

from gadfly.corpus.readers.cells import Cell, join
from gadfly.corpus.readers.code import parse
from gadfly.corpus.readers.page import Page

_FEWEST = 3
_LITERAL = re.compile(r"([rRuU]?)(\"\"\"|''')")
_BARE = re.compile(r"^[rRuU]?(?:\"\"\"|''')", re.MULTILINE)
_HEADING = re.compile(r"^#{1,4}[ \t]+\S", re.MULTILINE)


def read(text: str) -> Page | None:
    """The page of a literate file, or None where the file is not one."""
    if len(_BARE.findall(text)) < _FEWEST:
        return None
    try:
        tree = parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    lines = text.split("\n")
    cells: list[Cell] = []
    removed: list[str] = []
    at = 0
    for node in tree.body:
        prose = _prose(node, lines)
        if prose is None:
            continue
        cells.append(Cell("code", "\n".join(lines[at : node.lineno - 1])))
        cells.append(Cell("markdown", prose[1]))
        removed.append(prose[0])
        at = node.end_lineno or node.lineno
    cells.append(Cell("code", "\n".join(lines[at:])))
    strings = [each.text for each in cells if each.kind == "markdown"]
    if len(strings) < _FEWEST or not any(map(_HEADING.search, strings)):
        return None
    return Page(join(cells), {"kind": "tutorial"}, removed=" ".join(removed))


def _prose(node: ast.stmt, lines: list[str]) -> tuple[str, str] | None:
    """``(prefix, text)`` of a bare string that has its lines to itself."""
    if not isinstance(node, ast.Expr) or not isinstance(node.value, ast.Constant):
        return None
    if not isinstance(node.value.value, str) or node.col_offset:
        return None
    source = "\n".join(lines[node.lineno - 1 : node.end_lineno]).rstrip()
    opened = _LITERAL.match(source)
    if (
        opened is None
        or not source.endswith(opened.group(2))
        or len(source) < 6 + len(opened.group(1))
    ):
        return None
    return opened.group(1), source[opened.end() : -3].strip("\n")
