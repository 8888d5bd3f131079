"""A model's replacement for quoted lines, kept only if the file still parses with it. It is never executed."""

from __future__ import annotations

import ast
import textwrap

from gadfly.agent.critic.views import Spot
from gadfly.tools.review.reading.material import File

_LONGEST = 30  # lines; a longer one is a rewrite and no repair


def replaced(file: File, spot: Spot, code: str) -> str | None:
    """The replacement, indented as the lines that it takes the place of; None if it does not fit there."""
    lines = file.source.lines(spot.cell)
    old = lines[spot.start - 1 : spot.end]
    code = code.replace("\r\n", "\n").strip("\n")
    if not old or code.count("\n") >= _LONGEST:
        return None
    first = next((line for line in old if line.strip()), "")
    indent = first[: len(first) - len(first.lstrip())]
    new = textwrap.indent(textwrap.dedent(code), indent)
    if new == "\n".join(old) or not _parses(with_replacement(lines, spot, new)):
        return None
    return new


def with_replacement(lines: list[str], spot: Spot, code: str) -> str:
    """The whole text with the replacement in it."""
    return "\n".join([*lines[: spot.start - 1], *code.split("\n"), *lines[spot.end :]])


def _parses(text: str) -> bool:
    try:
        ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True
