"""Every number of a write-up and the run behind it, by the ledger's own values.

A number counts as traced if a run that the text names recorded it: as a value or control, or in its headline, interval
or table. A match in a run that is not named is weaker, since in a large ledger some number always fits; it is flagged
with the run's id. Small counts and conventions (95 %) are told apart and not flagged.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from itertools import islice
from typing import Any

from gadfly.agent.answers.receipts import NUMBER, equals
from gadfly.agent.jobs.redteam.blocks import Block, Line
from gadfly.agent.jobs.redteam.report import Number, State
from gadfly.tables import patterns
from gadfly.tools.ledger import Run

_TOLD_APART = patterns(__file__)
_SMALL = 12  # whole numbers up to here without a percent sign are counts, as a rule
_CONTEXT = 60
MOST = 2000  # numbers of one text


def trace(found: list[Block], named: dict[str, Run], others: list[Run]) -> list[Number]:
    """The numbers of the blocks, in order.

    Args:
        named: runs that the text names, by id.
        others: more runs to look in, newest first.
    """
    values = [(run.id, *field) for run in others for field in _fields(run)]
    out: list[Number] = []
    for block in found:
        here = [named[run] for run in sorted(block.runs) if run in named]
        rest = [run for name, run in named.items() if name not in block.runs]
        for line in block.lines:
            conventions = [m.span() for m in _TOLD_APART["convention"].finditer(line.text)]
            out += [
                _number(match, line, [*here, *rest], values, conventions)
                for match in islice(_matches(line), MOST - len(out))
            ]
    return out


def _matches(line: Line) -> Iterator[re.Match[str]]:
    masked = _TOLD_APART["not_results"].sub(lambda m: "x" * len(m[0]), line.text)
    yield from NUMBER.finditer(re.sub(r"(\d)\s%", r"\1% ", masked))


def _number(
    match: re.Match[str],
    line: Line,
    runs: list[Run],
    values: list[tuple[str, str, float]],
    conventions: list[tuple[int, int]],
) -> Number:
    text = match[0]
    written = line.raw or line.text
    around = written[max(0, match.start() - _CONTEXT) : match.end() + _CONTEXT].strip()

    def made(state: State, run: str = "", field: str = "") -> Number:
        return Number(
            text=text, line=line.number, state=state, run=run, field=field, context=around
        )

    for run in runs:
        field = recorded(run, text)
        if field:
            return made("setting" if field.startswith("argument ") else "traced", run.id, field)
    last = bisect_right(conventions, match.start(), key=lambda span: span[0])
    if last and match.start() < conventions[last - 1][1]:
        return made("convention")
    if re.fullmatch(r"[+-]?\d{1,2}", text) and abs(int(text)) <= _SMALL:
        return made("small")
    if _digits(text) >= 2:
        amount = _amount(text)
        for run_id, field, value in values:
            if abs(amount - value) <= _near(value) and equals(text, value):
                return made("uncited", run_id, field)
    return made("untraced")


def recorded(run: Run, text: str) -> str:
    """Where a run recorded this number: a value or control, its words or table, an argument; empty if nowhere."""
    if field := next((name for name, value in _fields(run) if equals(text, value)), ""):
        return field
    result = run.result
    if result is not None:
        intervals = [edge for control in result.controls for edge in control.interval or ()]
        cells = [cell for row in result.table.rows for cell in row if isinstance(cell, int | float)]
        words = NUMBER.findall(f"{result.headline} {result.why} {' '.join(result.notes)}")
        told = [*intervals, *cells, *map(_amount, words)]
        if any(_amount(text) == n or (_digits(text) >= 2 and equals(text, n)) for n in told):
            return "its recorded text"
    arguments = (f"argument {name}" for name, n in _numbers(run.arguments) if equals(text, n))
    return next(arguments, "")


def _fields(run: Run) -> list[tuple[str, float]]:
    if run.result is None:
        return []
    return [*run.result.values.items(), *((c.name, c.value) for c in run.result.controls)]


def _near(value: float) -> float:
    """A bound that ``equals`` never exceeds: most values are ruled out by it, at a hundredth of the time."""
    return 1.01 * max(0.05 * abs(value), 0.005)


def _amount(written: str) -> float:
    """A number as a run wrote it: 91.7% is 0.917."""
    plain = written.replace("−", "-").replace(",", "").rstrip("%")
    return float(plain) / (100 if written.endswith("%") else 1)


def _numbers(arguments: dict[str, Any]) -> Iterator[tuple[str, float]]:
    for name, value in arguments.items():
        for each in value if isinstance(value, list) else [value]:
            if isinstance(each, int | float) and not isinstance(each, bool):
                yield name, float(each)


def _digits(text: str) -> int:
    return len(re.sub(r"\D", "", text).lstrip("0"))
