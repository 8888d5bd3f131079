r"""ARENA's master files: Python whose cells stand behind ``# ! CELL TYPE: markdown`` lines.

A cell has three header lines (type, filters, tags); a Markdown cell is one string literal, ``r"\""…"\""``
or ``r'''…'''``. Cells are cut at the header lines alone, so code that does not parse changes nothing.
Leaves out what filters and tags would do to a built notebook: every cell is shown.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from gadfly.corpus.readers.cells import Cell, join, split
from gadfly.corpus.readers.page import Page

_CELL = re.compile(r"^#[ \t]*![ \t]*CELL TYPE:[ \t]*(\w+)[ \t]*$", re.MULTILINE)
_HEADER = re.compile(r"^#[ \t]*![ \t]*(?:FILTERS|TAGS|[A-Z]+):[^\n]*$")
_FILTER = re.compile(r"^[ \t]*(?:#[ \t]*)?(?:FILTERS:[ \t]*+[\w~,|& ]*+|END FILTERS)[ \t]*+$")
_OPENS = re.compile(r"[ \t]*([rRuUbBfF]{0,2})(\"\"\"|''')")
# The place where the solution's code goes in a built notebook; the code itself stands in the cell above.
_PLACEHOLDER = re.compile(
    r"\s*<details>\s*<summary>[^<\n]{0,200}</summary>\s*SOLUTION\s*</details>\s*", re.IGNORECASE
)


def is_master(text: str) -> bool:
    return _CELL.search(text) is not None


def read(text: str) -> Page:
    """The page of one master file: prose and fenced code, in order."""
    removed: list[str] = []
    body = join(_cells(text, removed))
    return Page(body, {"kind": "tutorial"}, removed="\n".join(removed))


def _cells(text: str, removed: list[str]) -> Iterator[Cell]:
    for head, below in split(text, _CELL):
        if head is None:
            yield Cell("code", below)
            continue
        removed.append(head.group())
        lines = below.lstrip("\n").split("\n")
        first = next((n for n, line in enumerate(lines) if not _HEADER.match(line)), len(lines))
        removed += lines[:first]
        kept: list[str] = []
        for line in lines[first:]:
            (removed if _FILTER.match(line) else kept).append(line)
        source = "\n".join(kept)
        if head.group(1).lower() == "code":
            yield Cell("code", source)
            continue
        prose = _literal(source, removed)
        if _PLACEHOLDER.fullmatch(prose):
            removed.append(prose)
            prose = ""
        yield Cell("markdown", prose)


def _literal(source: str, removed: list[str]) -> str:
    """The value of the string literal that a Markdown cell is; the text itself where it is none."""
    source = source.strip()
    opened = _OPENS.match(source)
    if opened is None:
        return source
    prefix, quotes = opened.groups()
    inner = source[opened.end() :]
    closed = inner.rfind(quotes)
    removed.append(prefix)
    if "\\" in inner and not prefix and closed == len(inner) - 3:
        try:
            value = ast.literal_eval(source)
        except (SyntaxError, ValueError):
            value = None
        if isinstance(value, str):
            removed.append(inner)  # its escapes; what they say is in the value
            return value
    if closed < 0:
        return inner
    return f"{inner[:closed].rstrip()}\n{inner[closed + 3 :]}".strip("\n")
