"""How a result is told: numbers for receipts, controls with their meanings, tables. Every ``report`` builds on it.

A measured thing is a number, an :class:`~gadfly.tools.stats.Interval`, or a number with its interval; None is what was
not measured, and is left out, as is the interval of one unit. Leaves out sentences, which are each tool's own, and
figures (``figures``).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gadfly.errors import ToolInputError
from gadfly.tools.contract import Control, Table
from gadfly.tools.stats import Interval

if TYPE_CHECKING:
    from gadfly.tools.model import LocalModel

Measured = float | Interval | tuple[float, Sequence[float] | NDArray[np.float64]] | None
Cell = str | int | float | None


def values(**found: Measured) -> dict[str, float]:
    """The numbers that a receipt may cite, rounded. An interval is ``NAME_low`` and ``NAME_high``.

    What the headline speaks of goes first: a number that two names share is cited as the first of them.
    """
    told: dict[str, float] = {}
    for name, measured in found.items():
        value, ends = _parts(measured)
        named = {name: value}
        if ends is not None:
            named |= {f"{name}_low": ends[0], f"{name}_high": ends[1]}
        numbers = {each: float(n) for each, n in named.items() if n is not None}
        told |= {each: round(n, 6) for each, n in numbers.items() if math.isfinite(n)}
    return told


def controls(meanings: Mapping[str, str], **found: Measured) -> list[Control]:
    """The controls in order, each with what it would mean if the effect were no larger."""
    told = []
    for name, measured in found.items():
        value, ends = _parts(measured)
        if value is not None:
            told.append(Control(name=name, value=value, interval=ends, meaning=meanings[name]))
    return told


def table(
    columns: Mapping[str, Sequence[Cell]],
    keep: Iterable[int] | None = None,
    total: int | None = None,
) -> Table:
    """A table from its columns, whole or with the rows of ``keep`` alone.

    ``total`` says how many rows there are where the columns themselves are a part.
    """
    rows = [list(row) for row in zip(*columns.values(), strict=True)]
    shown = rows if keep is None else [rows[index] for index in keep]
    return Table(columns=list(columns), rows=shown, total=len(rows) if total is None else total)


def column(numbers: Iterable[float], digits: int) -> list[float]:
    """The numbers of a column, rounded."""
    return [round(float(number), digits) for number in numbers]


def ends(intervals: Iterable[Sequence[float]], form: str) -> list[str]:
    """A column of intervals, ``low … high``, each number in the given format; a dash where there is none."""
    told = ((low, high, f"{low:{form}} … {high:{form}}") for low, high, *_ in intervals)
    return [text if math.isfinite(low + high) else "—" for low, high, text in told]


def shown(number: float) -> str:
    """A number in a table for people, of three digits, or whole from a thousand on: a rank has no exponent."""
    return f"{number:.0f}" if abs(number) >= 999.5 else f"{number:.3g}"


def count(number: int, unit: str) -> str:
    """``1 pair``, ``2 pairs``."""
    return f"{number} {unit}" if number == 1 else f"{number} {unit}s"


def held_out(held: int, total: int, unit: str) -> str:
    """``4 held out of 8 prompts``; ``1 prompt`` where nothing was held out."""
    return count(total, unit) if held == total else f"{held} held out of {count(total, unit)}"


def page(number: int, size: int, count: int, what: str) -> slice:
    """Which of ``count`` rows are on a page; pages count from 1.

    Raises:
        ToolInputError: there is no such page.
    """
    pages = max(1, -(-count // size))
    if number > pages:
        raise ToolInputError(f"there is no page {number}; the {count} {what} fill {pages}")
    return slice((number - 1) * size, number * size)


def thinned(total: int, most: int, always: Sequence[int]) -> list[int]:
    """Every second, third, ... row where there are more than ``most``, and with them those of ``always``."""
    step = -(-total // (most - len(always))) if total > most else 1
    return sorted({*range(0, total, step), *always})


def short_name(model: LocalModel) -> str:
    """What titles call a model: the last part of a path or of a hub name."""
    return Path(model.name).name


def _parts(measured: Any) -> tuple[float | None, tuple[float, float] | None]:
    if measured is None:
        return None, None
    if isinstance(measured, Interval):
        return None, (measured.low, measured.high) if measured.known else None
    if isinstance(measured, tuple):
        value, (low, high, *_) = measured
        # One unit alone has no interval.
        return float(value), (float(low), float(high)) if math.isfinite(low + high) else None
    return float(measured), None
