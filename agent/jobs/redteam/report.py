"""What an attack found. Types, and the page."""

from __future__ import annotations

from collections import Counter
from typing import Literal

from pydantic import BaseModel

from gadfly.agent.markup import document, phrase, plain, span

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

    @property
    def unheld(self) -> list[Tagged]:
        return [c for c in self.claims if c.missing or c.contradicts]


def page(report: Report) -> str:
    """The report as Markdown: what must be mended first. What the text says is code, found again as it is written."""
    counts = Counter(number.state for number in report.numbers)
    total = ", ".join(f"{count} {state}" for state, count in counts.most_common()) or "none"
    parts = [
        f"# Red team\n\nNumbers: {total}. Runs named: {', '.join(map(span, report.runs)) or 'none'}."
    ]
    parts += [
        f"- line names run {span(run)}, which the ledger does not hold"
        for run in report.unknown_runs
    ]
    if report.flagged:
        rows = [
            f"- line {n.line}: {span(n.text)} {_flag(n)}: {span(n.context)}" for n in report.flagged
        ]
        parts.append("## Numbers without a run\n\n" + "\n".join(rows))
    if report.claims:
        rows = [f"- line {c.line}, {c.kind}: {_held(c)}\n  {span(c.text)}" for c in report.claims]
        parts.append("## Claims and their baselines\n\n" + "\n".join(rows))
    if report.overclaims:
        rows = [
            f"- line {o.line} ({plain(o.by)}): {span(o.quote)}: {phrase(o.because)}"
            + (f" Say: {phrase(o.instead)}" if o.instead else "")
            for o in report.overclaims
        ]
        parts.append("## Overclaims\n\n" + "\n".join(rows))
    parts += [f"- {phrase(notice)}" for notice in report.notices]
    return document(parts) + "\n"


def _flag(number: Number) -> str:
    if number.state == "uncited":
        return (
            f"equals {plain(number.field)} of run {span(number.run)}, which the text does not name"
        )
    return "matches no run of the ledger"


def _held(claim: Tagged) -> str:
    if claim.contradicts:
        return f"**{plain(claim.contradicts)}**"
    return f"**{plain(claim.missing)}**" if claim.missing else f"held to {phrase(claim.baseline)}"
