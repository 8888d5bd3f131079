"""Scripts in jupytext's percent format (also VS Code's and Spyder's): cells behind ``# %%`` lines.

A Markdown cell is comments or one string literal. The title of a cell becomes a small heading. Leaves
out jupytext's light format: without marks its cells cannot be told from plain code.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from gadfly.corpus.markup import split_front_matter
from gadfly.corpus.readers.cells import Cell, join, split
from gadfly.corpus.readers.page import Page

_CELL = re.compile(r"^#[ \t]?(%%+)(?!%)[ \t]*([^\n]*)$", re.MULTILINE)
_TYPE = re.compile(r"\[(markdown|md|raw)\]")
_OPTIONS = re.compile(r"(?:^|[ \t])(?:\{.*\}|[\w.-]+=.*)$")
_HEADER = re.compile(r"\A(?:#!.*\n|# -\*-.*\n)*# ---\n((?:#.*\n)*?)# ---\n")
_LITERAL = re.compile(r"\s*[rR]?(\"\"\"|''')(.*)\1\s*", re.DOTALL)


def is_percent(text: str) -> bool:
    """Two cells, or one and jupytext's header: a lone ``# %%`` may be anybody's comment."""
    header = _HEADER.match(text)
    wanted = 1 if header and "jupy" in header.group(1) else 2
    return sum(1 for _ in zip(range(wanted), _CELL.finditer(text), strict=False)) == wanted


def read(text: str) -> Page:
    removed: list[str] = []
    fields: dict[str, Any] = {"kind": "notebook"}
    header = _HEADER.match(text)
    if header:
        yaml = "\n".join(line[2:] for line in header.group(1).split("\n"))
        front, _ = split_front_matter(f"---\n{yaml}\n---\n")
        fields.update({key: each for key, each in front.items() if key in ("title", "author")})
        removed.append(header.group())
        text = text[header.end() :]
    body = join(_cells(text, removed))
    return Page(body, fields, removed="\n".join(removed))


def _cells(text: str, removed: list[str]) -> Iterator[Cell]:
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
            yield Cell("markdown", title + _prose(source, removed))
        else:
            if title:
                yield Cell("markdown", title)
            yield Cell("code", source)


def _prose(source: str, removed: list[str]) -> str:
    literal = _LITERAL.fullmatch(source)
    if literal:
        if source.lstrip()[0] in "rR":
            removed.append(source.lstrip()[0])
        return literal.group(2).strip("\n")
    lines = source.split("\n")
    if all(line.startswith("#") or not line.strip() for line in lines):
        return "\n".join(re.sub(r"^# ?", "", line) for line in lines)
    return source
