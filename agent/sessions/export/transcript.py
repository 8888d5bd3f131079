"""What a session holds, gathered for writing: its turns, and the runs they name with their figures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from gadfly.agent.answers.answer import Answer, Cost, Receipt
from gadfly.agent.llm.asking import line_of
from gadfly.tools.contract import Result
from gadfly.tools.ledger import Ledger, Run

if TYPE_CHECKING:
    from gadfly.agent.sessions.session import Session, Turn


@dataclass(frozen=True)
class Exhibit:
    """A run with the figures that are still on disk: title and file."""

    run: Run
    figures: list[tuple[str, Path]] = field(default_factory=list)


@dataclass(frozen=True)
class Chapter:
    """A question, its answer (None while unfinished), and the runs that no earlier chapter showed."""

    question: str
    answer: Answer | None
    exhibits: list[Exhibit]


@dataclass(frozen=True)
class Transcript:
    id: str
    engine: str
    cost: Cost
    turns: list[Chapter]

    @property
    def title(self) -> str:
        return line_of(self.turns[0].question, 100)


def transcript(session: Session) -> Transcript:
    """Gather ``session`` and what the ledger knows of its runs. A run that is gone is left out."""
    ledger = Ledger()
    shown: set[str] = set()
    turns = [_chapter(turn, ledger, shown) for turn in session.history()]
    engines = dict.fromkeys(turn.answer.engine for turn in turns if turn.answer is not None)
    return Transcript(session.id, ", ".join(engines), session.cost, turns)


def receipt_line(receipt: Receipt) -> str:
    """A receipt in words, plain text."""
    if receipt.kind == "run":
        said = f"run {receipt.run}: {receipt.field} = {receipt.value}"
        return f"{said} (the run: {receipt.verdict})" if receipt.verdict else said
    quote = " ".join((receipt.quote or "").split())
    return f'{receipt.document}, characters {receipt.start}-{receipt.end}: "{quote}"'


def doubts(answer: Answer) -> Iterator[str]:
    """What a reader must know of the claims, a line each."""
    for claim in answer.claims:
        if claim.grade == "opinion":
            yield f"opinion, no receipt: {claim.text}"
        if claim.disputed:
            yield f"disputed: {claim.text} ({claim.disputed})"
        if claim.contradicts:
            yield f"contradicts its run: {claim.text} ({claim.contradicts})"
        if claim.loose_numbers:
            yield f"no receipt for {', '.join(claim.loose_numbers)} in: {claim.text}"
        for each in claim.receipts:
            if each.state == "struck":
                what = each.quote or f"run {each.run}: {each.field} = {each.value}"
                yield f"struck: {what}: {each.reason}"
    if answer.judgement:
        said = ", ".join(f"{each.framing}: {each.verdict}" for each in answer.judgement.opinions)
        yield f"judged under opposed framings: {answer.judgement.verdict} ({said})"
    yield from answer.notices


def controls(result: Result) -> Sequence[tuple[str, str, str, str]]:
    """The controls as rows: name, value, interval, meaning."""
    from gadfly.tools.telling import shown as number

    return [
        (
            each.name,
            number(each.value),
            "" if each.interval is None else " … ".join(map(number, each.interval)),
            each.meaning,
        )
        for each in result.controls
    ]


def _chapter(turn: Turn, ledger: Ledger, shown: set[str]) -> Chapter:
    exhibits = []
    for run_id in _runs(turn.answer) if turn.answer else ():
        run = ledger.find(run_id)
        if run is not None and run.result is not None and run_id not in shown:
            exhibits.append(Exhibit(run, list(_figures(run, ledger))))
            shown.add(run_id)
    return Chapter(turn.question, turn.answer, exhibits)


def _runs(answer: Answer) -> Iterator[str]:
    cited = [receipt.run for receipt in answer.receipts if receipt.run]
    yield from dict.fromkeys([*answer.runs, *cited])


def _figures(run: Run, ledger: Ledger) -> Iterator[tuple[str, Path]]:
    for figure in run.result.figures if run.result else ():
        path = ledger.artifacts(run.id) / (figure.png or "")
        if figure.png and path.is_file():
            yield figure.title, path
