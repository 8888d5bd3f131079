"""What a review says: remarks, ranked by evidence; what was read; what was dropped; what it cost.

The JSON of ``gadfly review --json`` is :class:`Report` dumped; its field names are stable. Severity is told
in the words of SARIF and of GitHub's annotations.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable
from typing import Literal

from pydantic import BaseModel, ConfigDict

Evidence = Literal["reproduced", "static", "argued"]
Level = Literal["error", "warning", "note"]

LEVELS: tuple[Level, ...] = ("error", "warning", "note")
CRITIQUE = "critique"  # the rule of everything that a language model says
_SPACE = re.compile(r"\s+")
_EVIDENCE = {"reproduced": 0, "static": 1, "argued": 2}


class Remark(BaseModel):
    """One thing that is wrong, where, how it is known, and what to write instead."""

    model_config = ConfigDict(frozen=True)

    path: str
    start_line: int
    end_line: int
    cell: int | None = None
    """Of a notebook, counted from 0; the lines above then count within the cell."""
    file_lines: tuple[int, int]
    """First and last line in the file as it lies on disk: for notebooks, lines of the JSON (of the cell, from
    ``review_source``, which knows no file)."""
    rule: str
    message: str
    severity: Level
    evidence: Evidence = "static"
    quote: str
    fix: str = ""
    suggestion: str | None = None
    """Code that can replace the quoted lines as it is."""
    framings: dict[str, bool] = {}
    """Which ways of asking found it; empty where no model was asked."""
    note: str = ""
    repro: str = ""
    """The script that fails on the code and passes on the repair, where there is one."""
    fingerprint: str

    @property
    def place(self) -> str:
        """``path:line`` or ``path cell n:line``."""
        cell = "" if self.cell is None else f" cell {self.cell}"
        return f"{self.path}{cell}:{self.start_line}"

    @property
    def support(self) -> float:
        """The share of framings that found it; 1 for what no model was asked about."""
        return sum(self.framings.values()) / len(self.framings) if self.framings else 1.0


class Dropped(BaseModel):
    """Something that a model said and that did not survive."""

    path: str
    message: str
    reason: str
    detail: str = ""


class Read(BaseModel):
    """What was looked at, and with what: the other half of "nothing found"."""

    what: str
    files: int = 0
    lines: int = 0
    rules: int = 0
    model: str | None = None
    framings: list[str] = []

    def __str__(self) -> str:
        by = f"{self.rules} rules"
        if self.model:
            by += f" and {self.model} under {len(self.framings)} framings"
        files = "1 file" if self.files == 1 else f"{self.files} files"
        return f"{self.what}: {files}, {self.lines:,} lines, {by}"


class Spent(BaseModel):
    """What the critique took, beside what was said before. Dollars are None where no price is known."""

    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    dollars: float | None = 0.0
    estimated_dollars: float | None = None


class Report(BaseModel):
    """A review, whole."""

    findings: list[Remark] = []
    read: Read
    notices: list[str] = []
    complete: bool = True
    """Whether all of it was checked; if not, the notices say what was not, and "nothing found" is no all-clear."""
    dropped: list[Dropped] = []
    spent: Spent | None = None

    def inline(self, limit: int) -> list[Remark]:
        """The first remarks of the ranking; the rest is told folded."""
        return self.findings[: max(limit, 0)]

    def fails(self, level: str) -> bool:
        """Whether a check at this level fails. An argument alone never does: it may differ tomorrow."""
        if level == "never":
            return False
        counted = LEVELS[: LEVELS.index(level) + 1]
        return any(f.severity in counted and f.evidence != "argued" for f in self.findings)


def fingerprint(rule: str, symbol: str, snippet: str) -> str:
    """Sixteen hex digits that survive moving and re-indenting the code: made of no line number, so that a second push
    which only moves code repeats nothing."""
    text = "\0".join((rule, symbol, _SPACE.sub("", snippet)))
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:16]


def anchored(remark: Remark, lines: list[str]) -> bool:
    """Whether the quote stands verbatim at the lines that the remark names."""
    if not 1 <= remark.start_line <= remark.end_line <= len(lines):
        return False
    there = "\n".join(lines[remark.start_line - 1 : remark.end_line])
    return bool(remark.quote.strip()) and remark.quote in there


def ranked(remarks: Iterable[Remark]) -> list[Remark]:
    """Reproduced before static before argued, severe before slight, agreed before disputed, then by place."""
    order = sorted(
        remarks,
        key=lambda each: (
            _EVIDENCE[each.evidence],
            LEVELS.index(each.severity),
            -each.support,
            each.path,
            -1 if each.cell is None else each.cell,
            each.start_line,
            each.rule,
        ),
    )
    return _told_apart(order)


def _told_apart(remarks: list[Remark]) -> list[Remark]:
    """The same code twice in one function has one fingerprint; a number tells the second from the first."""
    seen: Counter[tuple[str, str]] = Counter()
    numbers: dict[int, int] = {}
    for index, each in sorted(enumerate(remarks), key=lambda pair: pair[1].file_lines):
        seen[each.path, each.fingerprint] += 1
        numbers[index] = seen[each.path, each.fingerprint]
    return [
        each
        if numbers[index] == 1
        else each.model_copy(update={"fingerprint": f"{each.fingerprint}-{numbers[index]}"})
        for index, each in enumerate(remarks)
    ]
