"""The uncomfortable questions, from the log, the write-up, the seals and the ledger. Each names its evidence.

A question is ``serious`` where something is wrong as it stands, ``ask`` where only the researcher can answer. Looking
back (``retro``) sets plan against clock and ledger, with places for what only a person knows.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Literal

from pydantic import BaseModel

from gadfly.agent.jobs.propose.page import span
from gadfly.agent.jobs.redteam.attack import attack
from gadfly.agent.jobs.redteam.blocks import named_runs
from gadfly.agent.markup import phrase, template
from gadfly.agent.sessions.projects import log
from gadfly.agent.sessions.projects.folder import WRITEUP
from gadfly.agent.sessions.projects.state import Project, now
from gadfly.tools.ledger import Ledger, Run

Kind = Literal["predictions", "runs", "control", "best-of-n", "verdict", "numbers", "time"]
RETRO = "RETRO.md"
_QUIET = 0.3  # share of the time after which silence about controls is asked about
_SHOWN = 6
_CONTROLS = ("control", "baseline", "random", "placebo", "null")


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
    told = named_runs(text) | named_runs(writeup)
    return Check(
        title=project.proposal.draft.title,
        hour=round(project.hour(at), 2),
        box=project.box,
        runs=len(runs),
        questions=[
            *_predictions(project, text),
            *_untold(runs, told),
            *_controls(project, text, runs, told, at),
            *_best_of(runs, named_runs(writeup) or named_runs(text)),
            *_writeup(writeup, ledger),
            *_time(project, text, at),
        ],
    )


def _predictions(project: Project, text: str) -> Iterator[Question]:
    written = log.predictions(text)
    sealed = {seal.name: seal for seal in project.seals}
    if broken := project.broken():
        what = f"The seals were edited: {broken.name} does not follow from the one before it."
        yield _serious("predictions", what)
    for name, seal in sealed.items():
        if name not in written:
            yield _serious("predictions", f"{name} was removed from the log. Why?", seal.text)
        elif written[name] not in (seal.text, phrase(seal.text)):
            when = f"{seal.time:%Y-%m-%d %H:%M} UTC"
            what = f"{name} was changed after it was sealed at {when}. Because of what?"
            told = (f"sealed: {seal.text}", f"now: {written[name]}")
            yield _serious("predictions", what, *told)
        if seal.runs:
            after = f"{name} was sealed after {seal.runs} runs of the project."
            yield _ask("predictions", f"{after} Did you know the answer?")
    for name in [name for name in written if name not in sealed]:
        what = f"{name} was never sealed: nothing says when it was written."
        yield _serious("predictions", what, written[name])
    own = [seal for seal in project.seals if not seal.text.startswith(("True if:", "False if:"))]
    if not own:
        what = "You have predicted nothing in your own words and numbers. What do you expect?"
        yield _ask("predictions", what)
    elif not any(any(c.isdigit() for c in seal.text) for seal in own):
        what = "No prediction of yours holds a number. What would count as wrong?"
        yield _ask("predictions", what)


def _untold(runs: list[Run], told: set[str]) -> Iterator[Question]:
    untold = [run for run in runs if run.id not in told]
    done = [run for run in untold if run.status == "done"]
    bad = [run for run in untold if run.status != "done"]
    if done:
        what = f"{len(done)} finished runs stand in neither log nor write-up. What did they say?"
        yield _ask("runs", what, *_lines(done))
    if bad:
        what = f"{len(bad)} runs failed or were stopped, and nothing mentions them."
        yield _ask("runs", what, *_lines(bad))


def _controls(
    project: Project, text: str, runs: list[Run], told: set[str], at: datetime
) -> Iterator[Question]:
    for run in runs:
        if run.id in told and run.result is not None and not run.result.controls:
            what = f"Run {run.id} is used and recorded no control."
            yield _serious("control", what, log.line(run))
    words = text.partition("## Entries")[2].lower()
    silent = not any(word in words for word in _CONTROLS)
    if silent and project.hour(at) >= _QUIET * project.box:
        what = f"{_QUIET:.0%} of the time is gone and the log speaks of no control or baseline."
        yield _serious("control", what)


def _best_of(runs: list[Run], shown: set[str]) -> Iterator[Question]:
    """Several runs of one tool on one model, of which some are shown: was the best chosen?"""
    groups: dict[tuple[str, str], list[Run]] = defaultdict(list)
    for run in runs:
        if run.result is not None and run.rerun_of is None:
            groups[run.tool, str(run.arguments.get("model", ""))].append(run)
    for (tool, model), group in groups.items():
        told = [run for run in group if run.id in shown]
        if not told or len(told) == len(group) or len(group) < 3:
            continue
        moved = ", ".join(_moved(group)) or "nothing"
        passed, kept = sum(map(_supported, group)), sum(map(_supported, told))
        question = _serious if kept and passed < len(group) and kept == len(told) else _ask
        what = (
            f"{tool} ran {len(group)} times on {model} (changing {moved}); {len(told)} are shown, {passed} of "
            "all were supported. Were the shown ones chosen for their result?"
        )
        yield question("best-of-n", what, *_lines(group))


def _supported(run: Run) -> bool:
    return run.result is not None and run.result.verdict == "supported"


def _moved(group: list[Run]) -> list[str]:
    names = dict.fromkeys(name for run in group for name in run.arguments)
    return [name for name in names if len({repr(run.arguments.get(name)) for run in group}) > 1]


def _writeup(writeup: str, ledger: Ledger) -> Iterator[Question]:
    if not writeup.strip():
        return
    report = attack(writeup, ledger=ledger)
    for run in report.unknown_runs:
        what = f"{WRITEUP} names run {run}, which the ledger does not hold."
        yield _serious("numbers", what)
    untraced = [number for number in report.numbers if number.state == "untraced"]
    uncited = [number for number in report.numbers if number.state == "uncited"]
    if untraced:
        what = f"{len(untraced)} numbers of {WRITEUP} match no run."
        told = (f"line {n.line}: {n.text} … {n.context}" for n in untraced)
        yield _serious("numbers", what, *told)
    if uncited:
        what = f"{len(uncited)} numbers match a run that {WRITEUP} does not name."
        told = (f"line {n.line}: {n.text} is {n.field} of {n.run}" for n in uncited)
        yield _ask("numbers", what, *told)
    for claim in report.claims:
        if claim.contradicts:
            yield _serious("verdict", f"Line {claim.line}: {claim.contradicts}.", claim.text)
        elif claim.missing:
            what = f"Line {claim.line}, {claim.kind} claim: {claim.missing}."
            yield _ask("control", what, claim.text)


def _time(project: Project, text: str, at: datetime) -> Iterator[Question]:
    hour = project.hour(at)
    words = text.lower()
    passed = [stage for stage in project.proposal.stages if stage.kill and stage.end <= hour]
    silent = [each for each in passed if f"hour {each.end:g}" not in words and "kill" not in words]
    if silent:
        what = "Hours to stop at have passed without a word in the log (write 'kill criterion' with the decision)."
        yield _ask("time", what, *(f"hour {stage.end:g}: {stage.kill}" for stage in silent))
    if hour > project.box:
        ended = f"The box of {project.box:g} hours ended {hour - project.box:.1f} hours ago."
        yield _serious("time", f"{ended} Who extended it?")


def _lines(runs: list[Run]) -> list[str]:
    lines = [log.line(run) for run in runs[:_SHOWN]]
    return lines + ([f"and {len(runs) - _SHOWN} more"] if len(runs) > _SHOWN else [])


def _serious(kind: Kind, text: str, *evidence: str) -> Question:
    return Question(kind=kind, level="serious", text=text, evidence=list(evidence[: _SHOWN + 1]))


def _ask(kind: Kind, text: str, *evidence: str) -> Question:
    return Question(kind=kind, level="ask", text=text, evidence=list(evidence[: _SHOWN + 1]))


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


def retro_page(found: Retro) -> str:
    """As Markdown, with the places that a person fills in."""
    verdicts = ", ".join(f"{count} {name}" for name, count in found.verdicts.items()) or "none"
    return template.filled(__file__, "retro", r=found, verdicts=verdicts, span=span) + "\n"
