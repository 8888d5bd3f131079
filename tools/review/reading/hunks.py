"""A unified diff as text: cut by file, laid over the old version, or read as it stands.

``agent.review.diff`` knows which lines a diff adds; this knows what they say. A hunk that does not fit is
never forced: the answer is then None.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from gadfly.tools.review.reading.diff import FileChange, parse

_HUNK = re.compile(r"^@@ -(\d{1,9})(?:,(\d{1,9}))? \+(\d{1,9})(?:,(\d{1,9}))? @@")
_LONGEST = (
    2_000_000  # a line number beyond this is nonsense, and would be filled up with blank lines
)


@dataclass
class Hunk:
    """One piece of a diff; ``lines`` keep their mark."""

    old_start: int
    new_start: int
    lines: list[str] = field(default_factory=list)

    @property
    def old(self) -> list[str]:
        return [line[1:] for line in self.lines if line[:1] != "+"]

    @property
    def new(self) -> list[str]:
        return [line[1:] for line in self.lines if line[:1] != "-"]


def by_file(diff: str) -> Iterator[tuple[FileChange, list[Hunk]]]:
    """Each file of a diff with its hunks, in order."""
    for chunk, hunks in _chunks(diff):
        for change in parse("\n".join(chunk))[:1]:
            yield change, hunks


def patch_hunks(patch: str) -> list[Hunk]:
    """The hunks of one file's patch, as GitHub sends it: without headers."""
    return [hunk for _, hunks in _chunks(f"--- a/x\n+++ b/x\n{patch}") for hunk in hunks]


def _chunks(diff: str) -> Iterator[tuple[list[str], list[Hunk]]]:
    chunk: list[str] = []
    hunks: list[Hunk] = []
    old_left = new_left = 0
    for raw in diff.split("\n"):
        line = raw.removesuffix("\r")
        mark = line[:1]
        inside = old_left > 0 or new_left > 0
        if inside and (mark in ("+", "-", " ", "\\") or not line):
            chunk.append(raw)
            if mark == "\\":
                continue
            hunks[-1].lines.append(line or " ")
            old_left -= mark != "+"
            new_left -= mark != "-"
            continue
        old_left = new_left = 0
        if line.startswith("diff --git ") or (line.startswith("--- ") and hunks):
            if chunk:
                yield chunk, hunks
            chunk, hunks = [], []
        chunk.append(raw)
        found = _HUNK.match(line)
        if found:
            old_left = 1 if found[2] is None else int(found[2])
            new_left = 1 if found[4] is None else int(found[4])
            hunks.append(Hunk(int(found[1]), int(found[3])))
    if chunk:
        yield chunk, hunks


def is_new_side(text: str, hunks: list[Hunk]) -> bool:
    """Whether a text is what the diff leads to."""
    lines = text.split("\n")
    return all(_at(lines, hunk.new_start, hunk.new) for hunk in hunks)


def applied(text: str, hunks: list[Hunk]) -> str | None:
    """The new version made from the old one, or None where a hunk does not fit."""
    old = text.split("\n")
    new: list[str] = []
    done = 0
    for hunk in hunks:
        start = max(hunk.old_start - 1, 0) if hunk.old else hunk.old_start
        if start < done or not _at(old, start + 1, hunk.old):
            return None
        new += old[done:start]
        new += hunk.new
        done = start + len(hunk.old)
    return "\n".join(new + old[done:])


def unapplied(text: str, hunks: list[Hunk]) -> str | None:
    """The old version made from the new one, or None where a hunk does not fit."""
    swap = {"+": "-", "-": "+"}
    return applied(
        text,
        [
            Hunk(h.new_start, h.old_start, [swap.get(line[:1], " ") + line[1:] for line in h.lines])
            for h in hunks
        ],
    )


def as_it_stands(change: FileChange, hunks: list[Hunk]) -> tuple[str, bool]:
    """What the diff alone shows of the new version, every line at its number, and whether that is all of it.

    A hunk from inside a block gets an ``if True:`` in the unknown line above it, so that it may parse.
    """
    whole = len(hunks) == 1 and hunks[0].old_start == 0 and not hunks[0].old
    lines: list[str] = []
    for hunk in hunks:
        if not len(lines) < hunk.new_start <= _LONGEST:
            continue
        lines += [""] * (hunk.new_start - 1 - len(lines))
        first = next((line for line in hunk.new if line.strip()), "")
        if first[:1].isspace() and lines and not lines[-1]:
            lines[-1] = "if True:"
        lines += hunk.new
        last = next((line for line in reversed(hunk.new) if line.strip()), "")
        indent = " " * (len(last) - len(last.lstrip()))
        if not whole and last.rstrip().endswith(":"):
            lines.append(f"{indent} pass")
        elif not whole and last.lstrip().startswith("@"):
            lines.append(f"{indent}def _(): pass")
    return "\n".join(lines), whole


def _at(lines: list[str], start: int, wanted: list[str]) -> bool:
    at = max(start - 1, 0)
    return lines[at : at + len(wanted)] == wanted
