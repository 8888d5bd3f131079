"""What an attack found. Types, and the page (``report.md.j2``)."""

from __future__ import annotations

from collections import Counter
from typing import Literal

from pydantic import BaseModel

from gadfly.agent.markup import template

State = Literal["traced", "uncited", "setting", "convention", "small", "untraced"]


class Number(BaseModel):
    """A number of the text. ``traced``: recorded by a run that the text names. ``uncited``: by one that it does not."""

    text: str
    line: int
    state: State
    run: str = ""
    field: str = ""
    context: str = ""


class Tagged(BaseModel):
    """A claim: an existence proof (something is there) or a method claim (something is good at a job)."""

    text: str
    line: int
    kind: Literal["existence", "method"]
    baseline: str = ""
    """What it is held to, as found; empty if nothing was."""
    missing: str = ""
    contradicts: str = ""


class Overclaim(BaseModel):
    """Words that say more than was shown, verbatim."""

    line: int
    quote: str
    because: str
    instead: str = ""
    by: str = "pattern"


class Report(BaseModel):
    """The JSON of ``gadfly redteam --json``."""

    numbers: list[Number]
    claims: list[Tagged]
    overclaims: list[Overclaim]
    runs: list[str] = []
    unknown_runs: list[str] = []
    notices: list[str] = []
    dollars: float | None = 0.0

    @property
    def flagged(self) -> list[Number]:
        return [n for n in self.numbers if n.state in ("untraced", "uncited")]


def page(report: Report) -> str:
    """The report as Markdown: what must be mended first. What the text says is code, found again as it is written."""
    counts = Counter(number.state for number in report.numbers)
    total = ", ".join(f"{count} {state}" for state, count in counts.most_common()) or "none"
    return template.page(__file__, "report", r=report, total=total) + "\n"
