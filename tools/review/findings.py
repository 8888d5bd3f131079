"""What a review says: a finding, anchored by the code that it quotes. Ranking and dropping live here.

A fingerprint is made of the rule, the enclosing symbol and the normalised snippet, never of the line, so
that a second push which only moves code repeats nothing.
"""

from __future__ import annotations

import hashlib
import re
from typing import Literal

from pydantic import BaseModel, ConfigDict

Severity = Literal["high", "medium", "low"]
Evidence = Literal["reproduced", "static", "argued"]

_SPACE = re.compile(r"\s+")


class Finding(BaseModel):
    """One thing that is wrong, where, and what to write instead."""

    model_config = ConfigDict(frozen=True)

    path: str
    start_line: int
    end_line: int
    cell: int | None = None  # of a notebook, counted from 0; the lines then count within the cell
    rule: str
    message: str
    severity: Severity
    evidence: Evidence = "static"
    quote: str
    fix: str
    fingerprint: str


def fingerprint(rule: str, symbol: str, snippet: str) -> str:
    """Sixteen hex digits that survive moving and re-indenting the code."""
    text = "\0".join((rule, symbol, _SPACE.sub("", snippet)))
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:16]


def anchored(finding: Finding, lines: list[str]) -> bool:
    """Whether the quote stands verbatim at the lines that the finding names."""
    if not 1 <= finding.start_line <= finding.end_line <= len(lines):
        return False
    there = "\n".join(lines[finding.start_line - 1 : finding.end_line])
    return bool(finding.quote.strip()) and finding.quote in there
