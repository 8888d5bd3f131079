"""What a reply about code is worth: its mistakes at code that is there, a verdict on a claim, a repair.

A replacement for quoted lines is kept only if the file still parses with it. It is never executed.
"""

from __future__ import annotations

import ast
import textwrap
from dataclasses import dataclass

from gadfly.agent.critic.views import Spot, View
from gadfly.agent.llm.asking import line_of, list_in, object_in
from gadfly.tools.review.reading.material import File
from gadfly.tools.review.report import Level

# What a model may call it; all else is a warning.
_LEVEL: dict[str, Level] = {"high": "error", "error": "error", "low": "note", "note": "note"}
_MOST = 12  # entries of one reply
_LONGEST = 30  # lines of a replacement; a longer one is a rewrite and no repair


@dataclass(frozen=True)
class Candidate:
    """A mistake that one reading reports, at code that is there."""

    view: View
    spot: Spot
    problem: str
    severity: Level
    framing: str


@dataclass(frozen=True)
class Lost:
    """An entry of a reply that cannot be placed."""

    problem: str
    reason: str


def candidates(reply: str, view: View, framing: str) -> tuple[list[Candidate], list[Lost]] | None:
    """The mistakes in a reply that stand at code of the view, and the others; None for a reply that is no list."""
    entries = list_in(reply)
    if entries is None:
        return None
    found: list[Candidate] = []
    lost: list[Lost] = []
    for entry in entries[:_MOST]:
        problem = line_of(entry.get("problem"))
        quote = entry.get("quote")
        if not problem or not isinstance(quote, str):
            lost.append(Lost(problem or "an entry without a problem", "malformed"))
            continue
        spots = view.find(quote)
        if not spots:
            lost.append(Lost(problem, "its quote is not in the code"))
            continue
        file = view.file
        counted = [spot for spot in spots if file.counts(*spot)]
        counted = counted or [spot for spot in spots if file.is_near(*spot)]
        if not counted:
            lost.append(Lost(problem, "its quote is outside the change"))
            continue
        said = entry.get("severity")
        severity = _LEVEL.get(str(said).lower(), "warning")
        found.append(Candidate(view, counted[0], problem, severity, framing))
    return found, lost


def verdict(reply: str) -> tuple[bool, str] | None:
    """Whether a claim was refuted, and why; None for a reply that says neither."""
    told = object_in(reply)
    if told.get("verdict") not in ("refuted", "stands"):
        return None
    return bool(told["verdict"] == "refuted"), line_of(told.get("reason"))


def repair(reply: str) -> tuple[str, str | None]:
    """The way out in words, and code for the quoted lines."""
    told = object_in(reply)
    code = told.get("replacement")
    return line_of(told.get("fix")), code if isinstance(code, str) and code.strip() else None


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
