"""Rates with intervals, the two numbers of signal detection, quantiles, and straight lines on log axes: how something
grows, and what that means one size further. Nothing here knows what is counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np

from gadfly.tools.stats import wilson


@dataclass(frozen=True)
class Rate:
    """``count`` of ``of``, with a 95 % Wilson interval. ``share`` is None where there was nothing to count."""

    count: int
    of: int

    @property
    def share(self) -> float | None:
        return self.count / self.of if self.of else None

    @property
    def interval(self) -> tuple[float, float]:
        if not self.of:
            return 0.0, 1.0
        found = wilson(self.count, self.of)
        return found.low, found.high

    def as_json(self) -> dict[str, Any]:
        counts = {"count": self.count, "of": self.of}
        return {**counts, "share": self.share, "interval": list(self.interval)}


def rate(outcomes: Sequence[bool]) -> Rate:
    """How often it was so."""
    return Rate(sum(outcomes), len(outcomes))


def sensitivity(hits: Rate, alarms: Rate) -> tuple[float, float]:
    """d′ and criterion of a yes/no judge.

    Args:
        hits: said "wrong" of what is wrong.
        alarms: said "wrong" of what is right.

    Half a count is added on each side, so that rates of 0 and 1 stay finite (the log-linear rule of Hautus, 1995).
    d′ is 0 for a judge who cannot tell; a criterion below 0 leans towards "wrong", above 0 towards "right".
    """
    z = NormalDist().inv_cdf
    hit = z((hits.count + 0.5) / (hits.of + 1))
    alarm = z((alarms.count + 0.5) / (alarms.of + 1))
    return hit - alarm, -(hit + alarm) / 2


def slope(x: Sequence[float], y: Sequence[float]) -> float:
    """The exponent of y in x: a straight line through the points on log axes."""
    return float(np.polyfit(np.log(x), np.log(y), 1)[0])


def beyond(x: Sequence[float], y: Sequence[float], at: float) -> float:
    """y at a size that was not measured, by the line through the last two points."""
    exponent = slope(x[-2:], y[-2:])
    return float(y[-1] * (at / x[-1]) ** exponent)


def quantile(values: Sequence[float], share: float) -> float:
    """A value of ``values`` that at least this share of them does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
