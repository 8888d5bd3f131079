"""Looking back: plan against clock and ledger, and places for what only a person knows."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from pathlib import Path

from pydantic import BaseModel

from gadfly.agent.jobs.propose.page import span
from gadfly.agent.markup import template
from gadfly.agent.sessions.projects import log
from gadfly.agent.sessions.projects.check import check
from gadfly.agent.sessions.projects.state import now
from gadfly.tools.ledger import Ledger

FILE = "RETRO.md"


class Retro(BaseModel):
    """The JSON of ``gadfly project retro --json``."""

    title: str
    hours: float
    box: float
    entries: int
    runs: int
    verdicts: dict[str, int]
    machine_seconds: float
    estimated_seconds: float
    predictions: list[str]
    open_questions: list[str]
    serious: int


def retro(folder: Path, ledger: Ledger | None = None, at: datetime | None = None) -> Retro:
    """What there is to say. Raises UsageError if the folder is no project."""
    (project, text), ledger, at = log.together(folder), ledger or Ledger(), at or now()
    runs = log.runs_since(ledger, project.started)
    verdicts = Counter(str(run.result.verdict) if run.result else str(run.status) for run in runs)
    asked = check(folder, ledger, at)
    return Retro(
        title=project.proposal.draft.title,
        hours=round(project.hour(at), 1),
        box=project.box,
        entries=text.count("\n### "),
        runs=len(runs),
        verdicts=dict(verdicts),
        machine_seconds=round(sum(run.seconds for run in runs), 1),
        estimated_seconds=project.proposal.feasibility.seconds,
        predictions=[
            f"{seal.name} ({seal.time:%Y-%m-%d %H:%M} UTC): {seal.text}" for seal in project.seals
        ],
        open_questions=[question.text for question in asked.questions],
        serious=len(asked.serious),
    )


def page(found: Retro) -> str:
    """As Markdown, with the places that a person fills in."""
    verdicts = ", ".join(f"{count} {name}" for name, count in found.verdicts.items()) or "none"
    return template.filled(__file__, "retro", r=found, verdicts=verdicts, span=span) + "\n"
