"""Straight lines on log axes: how something grows, and what that means one size further."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


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
