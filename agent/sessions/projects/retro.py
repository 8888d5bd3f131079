"""Looking back: plan against clock and ledger, and places for what only a person knows."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from pathlib import Path

from pydantic import BaseModel

from gadfly.agent.jobs.propose.page import span
from gadfly.agent.markup import phrase
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
    verdicts = phrase(", ".join(f"{count} {name}" for name, count in found.verdicts.items()))
    predictions = "\n".join(
        f"- {phrase(line)}\n  - came true (yes, no, cannot say), by which run:"
        for line in found.predictions
    )
    questions = "\n".join(f"- {phrase(line)}" for line in found.open_questions) or "- none"
    machine = f"{span(found.machine_seconds)} of machine time; the plan said {span(found.estimated_seconds)}"
    return f"""# Retrospective: {phrase(found.title)}

- Time: {found.hours:g} of {found.box:g} working hours, {found.entries} log entries
- Runs: {found.runs} ({verdicts or "none"}), {machine}
- Questions still open: {len(found.open_questions)}, {found.serious} of them serious

## Predictions

{predictions or "none"}

## Still open

{questions}

## In your words

- What is now believed that was not before, and how strongly:
- Which control decided, and when was it run:
- What would have halved the time:
- What was tried and is in no figure:
- Drop, extend by one sprint, or hand on:
"""
