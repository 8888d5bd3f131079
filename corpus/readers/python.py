"""Python files, in one of four styles: ARENA's cells, jupytext's cells, prose in bare strings, or plain code."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Any

from gadfly.corpus.markup import split_front_matter
from gadfly.corpus.readers import code
from gadfly.corpus.readers.fences import Cell, join, split
from gadfly.corpus.readers.page import Page

_MASTER = re.compile(r"^#[ \t]*![ \t]*CELL TYPE:[ \t]*(\w+)[ \t]*$", re.MULTILINE)
_HEADS = re.compile(r"^#[ \t]*![ \t]*(?:FILTERS|TAGS|[A-Z]+):[^\n]*$")
_FILTER = re.compile(r"^[ \t]*(?:#[ \t]*)?(?:FILTERS:[ \t]*+[\w~,|& ]*+|END FILTERS)[ \t]*+$")
_QUOTES = re.compile(r"[ \t]*([rRuUbBfF]{0,2})(\"\"\"|''')")
# The place where the solution's code goes in a built notebook; the code itself stands in the cell above.
_PLACEHOLDER = re.compile(
    r"\s*<details>\s*<summary>[^<\n]{0,200}</summary>\s*SOLUTION\s*</details>\s*", re.IGNORECASE
)
_CELL = re.compile(r"^#[ \t]?(%%+)(?!%)[ \t]*([^\n]*)$", re.MULTILINE)
_TYPE = re.compile(r"\[(markdown|md|raw)\]")
_OPTIONS = re.compile(r"(?:^|[ \t])(?:\{.*\}|[\w.-]+=.*)$")
_HEADER = re.compile(r"\A(?:#!.*\n|# -\*-.*\n)*# ---\n((?:#.*\n)*?)# ---\n")
_STRING = re.compile(r"\s*[rR]?(\"\"\"|''')(.*)\1\s*", re.DOTALL)
_FEWEST = 3
_PREFIX = re.compile(r"([rRuU]?)(\"\"\"|''')")
_BARE = re.compile(r"^[rRuU]?(?:\"\"\"|''')", re.MULTILINE)
_HEADING = re.compile(r"^#{1,4}[ \t]+\S", re.MULTILINE)


def read(text: str, name: str) -> Page:
    """The page of one Python file."""
    if is_master(text):
        return read_master(text)
    if is_percent(text):
        return read_percent(text)
    return read_literate(text) or code.read(text, name)


def is_master(text: str) -> bool:
    """Whether a file is one of ARENA's: its cells stand behind ``# ! CELL TYPE: markdown`` lines."""
    return _MASTER.search(text) is not None


def read_master(text: str) -> Page:
    r"""The page of one of ARENA's master files: prose and fenced code, in order.

    A cell has three header lines (type, filters, tags); a Markdown cell is one string literal, ``r"\""…"\""`` or
    ``r'''…'''``. Cells are cut at the header lines alone, so code that does not parse changes nothing. What filters and
    tags would do to a built notebook is left out: every cell is shown.
    """
    removed: list[str] = []
    body = join(_master_cells(text, removed))
    return Page(body, {"kind": "tutorial"}, removed="\n".join(removed))


def _master_cells(text: str, removed: list[str]) -> Iterator[Cell]:
    for head, below in split(text, _MASTER):
        if head is None:
            yield Cell("code", below)
            continue
        removed.append(head.group())
        lines = below.lstrip("\n").split("\n")
        first = next((n for n, line in enumerate(lines) if not _HEADS.match(line)), len(lines))
        removed += lines[:first]
        kept: list[str] = []
        for line in lines[first:]:
            (removed if _FILTER.match(line) else kept).append(line)
        source = "\n".join(kept)
        if head.group(1).lower() == "code":
            yield Cell("code", source)
            continue
        prose = _value(source, removed)
        if _PLACEHOLDER.fullmatch(prose):
            removed.append(prose)
            prose = ""
        yield Cell("markdown", prose)


def _value(source: str, removed: list[str]) -> str:
    """The value of the string literal that a Markdown cell is; the text itself where it is none."""
    source = source.strip()
    opened = _QUOTES.match(source)
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


def is_percent(text: str) -> bool:
    """Two cells, or one and jupytext's header: a lone ``# %%`` may be anybody's comment."""
    header = _HEADER.match(text)
    wanted = 1 if header and "jupy" in header.group(1) else 2
    return sum(1 for _ in zip(range(wanted), _CELL.finditer(text), strict=False)) == wanted


def read_percent(text: str) -> Page:
    """The page of a script in jupytext's percent format (also VS Code's and Spyder's): cells behind ``# %%`` lines.

    A Markdown cell is comments or one string literal. The title of a cell becomes a small heading. Jupytext's light
    format is left out: without marks its cells cannot be told from plain code.
    """
    removed: list[str] = []
    fields: dict[str, Any] = {"kind": "notebook"}
    header = _HEADER.match(text)
    if header:
        yaml = "\n".join(line[2:] for line in header.group(1).split("\n"))
        front, _ = split_front_matter(f"---\n{yaml}\n---\n")
        fields.update({key: each for key, each in front.items() if key in ("title", "author")})
        removed.append(header.group())
        text = text[header.end() :]
    body = join(_percent_cells(text, removed))
    return Page(body, fields, removed="\n".join(removed))


def _percent_cells(text: str, removed: list[str]) -> Iterator[Cell]:
    for head, below in split(text, _CELL):
        if head is None:
            yield Cell("code", below)
            continue
        source = below.strip("\n")
        line = head.group(2).strip()
        kind = _TYPE.search(line)
        rest = _TYPE.sub("", line, count=1).strip()
        options = _OPTIONS.search(rest)
        if options:
            removed.append(options.group())
            rest = rest[: options.start()].strip()
        if kind:
            removed.append(kind.group())
        title = f"###### {rest}\n\n" if rest else ""
        if kind:
            yield Cell("markdown", title + _comments(source, removed))
        else:
            if title:
                yield Cell("markdown", title)
            yield Cell("code", source)


def _comments(source: str, removed: list[str]) -> str:
    literal = _STRING.fullmatch(source)
    if literal:
        if source.lstrip()[0] in "rR":
            removed.append(source.lstrip()[0])
        return literal.group(2).strip("\n")
    lines = source.split("\n")
    if all(line.startswith("#") or not line.strip() for line in lines):
        return "\n".join(re.sub(r"^# ?", "", line) for line in lines)
    return source


def read_literate(text: str) -> Page | None:
    """The page of a file whose prose stands in bare strings between the code, or None where it is not one.

    Only a file that clearly means it: three such strings at the top level, a heading in one of them.
    """
    if len(_BARE.findall(text)) < _FEWEST:
        return None
    try:
        tree = code.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    lines = text.split("\n")
    cells: list[Cell] = []
    removed: list[str] = []
    at = 0
    for node in tree.body:
        prose = _bare_string(node, lines)
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


def _bare_string(node: ast.stmt, lines: list[str]) -> tuple[str, str] | None:
    """``(prefix, text)`` of a bare string that has its lines to itself."""
    if not isinstance(node, ast.Expr) or not isinstance(node.value, ast.Constant):
        return None
    if not isinstance(node.value.value, str) or node.col_offset:
        return None
    source = "\n".join(lines[node.lineno - 1 : node.end_lineno]).rstrip()
    opened = _PREFIX.match(source)
    if (
        opened is None
        or not source.endswith(opened.group(2))
        or len(source) < 6 + len(opened.group(1))
    ):
        return None
    return opened.group(1), source[opened.end() : -3].strip("\n")
