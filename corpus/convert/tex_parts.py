"""Pieces of LaTeX for the renderer: where environments end, the items of a list, arguments to pass by."""

from __future__ import annotations

import re

from gadfly.corpus.convert.tex_groups import argument, group_end, option

_EDGES = re.compile(r"\\(begin|end)\s*\{([^{}]*)\}")
_ITEM = re.compile(r"\\begin\s*\{|\\end\s*\{|\\item(?![A-Za-z])|\\.|[{}]", re.DOTALL)


def pairs(source: str) -> dict[int, tuple[int, int]]:
    """Where each environment ends, by where it begins: ``begin → (start of \\end, after it)``."""
    found: dict[int, tuple[int, int]] = {}
    waiting: list[tuple[str, int]] = []
    for edge in _EDGES.finditer(source):
        name = edge.group(2)
        if edge.group(1) == "begin":
            waiting.append((name, edge.start()))
            continue
        for back in range(len(waiting) - 1, max(-1, len(waiting) - 8), -1):
            if waiting[back][0] == name:  # what was opened after it was never closed
                found[waiting[back][1]] = (edge.start(), edge.end())
                del waiting[back:]
                break
    return found


def items(body: str) -> list[str]:
    """The items of a list, those of inner lists left inside."""
    found: list[str] = []
    start, at, depth = -1, 0, 0
    while mark := _ITEM.search(body, at):
        at = mark.end()
        text = mark.group()
        if text.startswith(("\\begin", "\\end")):
            depth += 1 if text.startswith("\\begin") else -1
            end = group_end(body, at - 1)
            at = end + 1 if end >= 0 else at
        elif text in "{}":
            depth += 1 if text == "{" else -1
        elif text == "\\item" and depth <= 0:
            if start >= 0:
                found.append(body[start : mark.start()])
            start = at
    if start >= 0:
        found.append(body[start:])
    return found


def after_arguments(body: str, count: int) -> str:
    """The body of an environment behind its options and arguments."""
    at = 0
    for _ in range(count + 1):
        while said := option(body, at) if body[at:].lstrip(" \t")[:1] == "[" else None:
            at = said[1]
        if count == 0:
            break
        count -= 1
        held = argument(body, at) if body[at:].lstrip(" \t\n")[:1] == "{" else None
        if held is None:
            break
        at = held[1]
    return body[at:]


def skip(source: str, at: int, count: int) -> int:
    """Past the options and the arguments in braces of a command that shows nothing."""
    for _ in range(count):
        while source[at : at + 1] == "[" and (said := option(source, at)):
            at = said[1]
        held = argument(source, at)
        if held is None or source[at : held[1]].lstrip()[:1] not in ("{", "\\"):
            return at
        at = held[1]
    return at


def wrapped(text: str, mark: str) -> str:
    inner = text.strip()
    if (
        not mark
        or not inner
        or (mark == "`" and ("`" in inner or "\x01" in inner))
        or inner.startswith(mark)
    ):
        return text
    return (
        f"{text[: len(text) - len(text.lstrip())]}{mark}{inner}{mark}{text[len(text.rstrip()) :]}"
    )
