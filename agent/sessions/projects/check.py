"""The uncomfortable questions, from the log, the write-up, the seals and the ledger. Each names its evidence.

A question is ``serious`` where something is wrong as it stands, ``ask`` where only the researcher can answer.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from pathlib import Path
from typing import Literal

from pydantic import BaseModel

from gadfly.agent.jobs.redteam.attack import attack
from gadfly.agent.markup import phrase
from gadfly.agent.sessions.projects import log
from gadfly.agent.sessions.projects.folder import WRITEUP
from gadfly.agent.sessions.projects.state import Project, now
from gadfly.tools.ledger import Ledger, Run

Kind = Literal["predictions", "runs", "control", "best-of-n", "verdict", "numbers", "time"]
_QUIET = 0.3  # share of the time after which silence about controls is asked about
_SHOWN = 6


class Question(BaseModel):
    """One question, and what it rests on."""

    kind: Kind
    level: Literal["serious", "ask"]
    text: str
    evidence: list[str] = []


class Check(BaseModel):
    """The JSON of ``gadfly project check --json``."""

    title: str
    hour: float
    box: float
    runs: int
    questions: list[Question]

    @property
    def serious(self) -> list[Question]:
        return [question for question in self.questions if question.level == "serious"]


def check(folder: Path, ledger: Ledger | None = None, at: datetime | None = None) -> Check:
    """Ask. Raises UsageError if the folder is no project."""
    (project, text), ledger, at = log.together(folder), ledger or Ledger(), at or now()
    path = folder / WRITEUP
    writeup = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
    runs = log.runs_since(ledger, project.started)
    told = log.mentioned(text) | log.mentioned(writeup)
    return Check(
        title=project.proposal.draft.title,
        hour=round(project.hour(at), 2),
        box=project.box,
        runs=len(runs),
        questions=[
            *_predictions(project, text),
            *_untold(runs, told),
            *_controls(project, text, runs, told, at),
            *_best_of(runs, log.mentioned(writeup) or log.mentioned(text)),
            *_writeup(writeup, ledger),
            *_time(project, text, at),
        ],
    )


def _predictions(project: Project, text: str) -> list[Question]:
    found: list[Question] = []
    written = log.predictions(text)
    sealed = {seal.name: seal for seal in project.seals}
    broken = project.broken()
    if broken is not None:
        found.append(
            _serious(
                "predictions",
                f"The seals were edited: {broken.name} does not follow from the one before it.",
            )
        )
    for name, seal in sealed.items():
        if name not in written:
            found.append(
                _serious("predictions", f"{name} was removed from the log. Why?", seal.text)
            )
        elif written[name] not in (seal.text, phrase(seal.text)):
            found.append(
                _serious(
                    "predictions",
                    f"{name} was changed after it was sealed at {seal.time:%Y-%m-%d %H:%M} UTC. Because of what?",
                    f"sealed: {seal.text}",
                    f"now: {written[name]}",
                )
            )
        if seal.runs:
            found.append(
                _ask(
                    "predictions",
                    f"{name} was sealed after {seal.runs} runs of the project. Did you know the answer?",
                )
            )
    found += [
        _serious(
            "predictions", f"{name} was never sealed: nothing says when it was written.", words
        )
        for name, words in written.items()
        if name not in sealed
    ]
    own = [seal for seal in project.seals if not seal.text.startswith(("True if:", "False if:"))]
    if not own:
        found.append(
            _ask(
                "predictions",
                "You have predicted nothing in your own words and numbers. What do you expect?",
            )
        )
    elif not any(any(c.isdigit() for c in seal.text) for seal in own):
        found.append(
            _ask("predictions", "No prediction of yours holds a number. What would count as wrong?")
        )
    return found


def _untold(runs: list[Run], told: set[str]) -> list[Question]:
    untold = [run for run in runs if run.id not in told]
    bad = [run for run in untold if run.status != "done"]
    rest = [run for run in untold if run.status == "done"]
    found = []
    if rest:
        found.append(
            _ask(
                "runs",
                f"{len(rest)} finished runs stand in neither log nor write-up. What did they say?",
                *_lines(rest),
            )
        )
    if bad:
        found.append(
            _ask(
                "runs",
                f"{len(bad)} runs failed or were stopped, and nothing mentions them.",
                *_lines(bad),
            )
        )
    return found


def _controls(
    project: Project, text: str, runs: list[Run], told: set[str], at: datetime
) -> list[Question]:
    found = [
        _serious("control", f"Run {run.id} is used and recorded no control.", log.line(run))
        for run in runs
        if run.id in told and run.result is not None and not run.result.controls
    ]
    late = project.hour(at) >= _QUIET * project.box
    words = text.partition("## Entries")[2].lower()
    if late and not any(
        word in words for word in ("control", "baseline", "random", "placebo", "null")
    ):
        found.append(
            _serious(
                "control",
                f"{_QUIET:.0%} of the time is gone and the log speaks of no control or baseline.",
            )
        )
    return found


def _best_of(runs: list[Run], shown: set[str]) -> list[Question]:
    """Several runs of one tool on one model, of which some are shown: was the best chosen?"""
    groups: dict[tuple[str, str], list[Run]] = defaultdict(list)
    for run in runs:
        if run.result is not None and run.rerun_of is None:
            groups[run.tool, str(run.arguments.get("model", ""))].append(run)
    found = []
    for (tool, model), group in groups.items():
        told = [run for run in group if run.id in shown]
        if not told or len(told) == len(group) or len(group) < 3:
            continue
        moved = ", ".join(_moved(group)) or "nothing"
        passed = sum(run.result is not None and run.result.verdict == "supported" for run in group)
        kept = sum(run.result is not None and run.result.verdict == "supported" for run in told)
        level = _serious if kept and passed < len(group) and kept == len(told) else _ask
        found.append(
            level(
                "best-of-n",
                f"{tool} ran {len(group)} times on {model} (changing {moved}); {len(told)} are shown, {passed} of "
                f"all were supported. Were the shown ones chosen for their result?",
                *_lines(group),
            )
        )
    return found


def _moved(group: list[Run]) -> list[str]:
    names = dict.fromkeys(name for run in group for name in run.arguments)
    return [name for name in names if len({repr(run.arguments.get(name)) for run in group}) > 1]


def _writeup(writeup: str, ledger: Ledger) -> list[Question]:
    if not writeup.strip():
        return []
    report = attack(writeup, ledger=ledger)
    found = [
        _serious("numbers", f"{WRITEUP} names run {run}, which the ledger does not hold.")
        for run in report.unknown_runs
    ]
    untraced = [number for number in report.numbers if number.state == "untraced"]
    uncited = [number for number in report.numbers if number.state == "uncited"]
    if untraced:
        told = [f"line {n.line}: {n.text} … {n.context}" for n in untraced]
        found.append(
            _serious("numbers", f"{len(untraced)} numbers of {WRITEUP} match no run.", *told)
        )
    if uncited:
        told = [f"line {n.line}: {n.text} is {n.field} of {n.run}" for n in uncited]
        found.append(
            _ask(
                "numbers",
                f"{len(uncited)} numbers match a run that {WRITEUP} does not name.",
                *told,
            )
        )
    for claim in report.claims:
        if claim.contradicts:
            found.append(
                _serious("verdict", f"Line {claim.line}: {claim.contradicts}.", claim.text)
            )
        elif claim.missing:
            found.append(
                _ask(
                    "control",
                    f"Line {claim.line}, {claim.kind} claim: {claim.missing}.",
                    claim.text,
                )
            )
    return found


def _time(project: Project, text: str, at: datetime) -> list[Question]:
    hour = project.hour(at)
    found = []
    words = text.lower()
    passed = [stage for stage in project.proposal.stages if stage.kill and stage.end <= hour]
    open_ = [
        stage for stage in passed if f"hour {stage.end:g}" not in words and "kill" not in words
    ]
    if open_:
        found.append(
            _ask(
                "time",
                "Hours to stop at have passed without a word in the log (write 'kill criterion' with the decision).",
                *(f"hour {stage.end:g}: {stage.kill}" for stage in open_),
            )
        )
    if hour > project.box:
        found.append(
            _serious(
                "time",
                f"The box of {project.box:g} hours ended {hour - project.box:.1f} hours ago. Who extended it?",
            )
        )
    return found


def _lines(runs: list[Run]) -> list[str]:
    lines = [log.line(run) for run in runs[:_SHOWN]]
    return lines + ([f"and {len(runs) - _SHOWN} more"] if len(runs) > _SHOWN else [])


def _serious(kind: Kind, text: str, *evidence: str) -> Question:
    return Question(kind=kind, level="serious", text=text, evidence=list(evidence[: _SHOWN + 1]))


def _ask(kind: Kind, text: str, *evidence: str) -> Question:
    return Question(kind=kind, level="ask", text=text, evidence=list(evidence[: _SHOWN + 1]))
