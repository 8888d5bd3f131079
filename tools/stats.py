"""The statistics that tools share: bootstrap intervals, sign-flip tests, false discovery rate, Wilson intervals.

All are seeded and take pairs (or other independent units) as the unit of resampling. numpy only, vectorised over
cells. Differences that rounding alone may make are ties (``ties``). Leaves out what a tool concludes from them.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from gadfly.tools import ties
from gadfly.tools.arrays import Array, Flags

DRAWS = 2000


class Interval(NamedTuple):
    """A 95 % interval. ``noise`` is what rounding alone may move its ends by. ``f"{it:.2f}"`` is [0.12, 0.34]."""

    low: float
    high: float
    noise: float = 0.0

    def __format__(self, form: str) -> str:
        return f"[{self.low:{form}}, {self.high:{form}}]"

    def above(self, limit: float) -> bool:
        """Whether all of it is above, by more than noise."""
        return bool(ties.exceeds(self.low, limit, self.noise))

    def below(self, limit: float) -> bool:
        """Whether all of it is below, by more than noise."""
        return bool(ties.exceeds(limit, self.high, self.noise))


def halves(count: int, seed: int) -> tuple[Flags, Flags]:
    """Two halves of the units, drawn: one to choose on, and the one that is measured, which is the same where there is
    but one unit. Masks [count]."""
    first: Flags = np.random.default_rng(seed).permutation(count) % 2 == 0
    return first, ~first if (~first).any() else first


def ratio_intervals(numerator: Array, denominator: Array, seed: int) -> Array:
    """Percentile bootstrap of mean(numerator) / mean(denominator) over pairs (Efron & Tibshirani 1993).

    The ratio of means, not the mean of ratios: a pair with almost no difference to restore would blow up the latter.

    Args:
        numerator: [cells, pairs].
        denominator: [pairs].

    Returns:
        [cells, 2], low and high.
    """
    rng = np.random.default_rng(seed)
    pairs = denominator.shape[0]
    # Each draw as counts of the pairs, so that all cells' means are one matrix product.
    counts = rng.multinomial(pairs, np.full(pairs, 1 / pairs), size=DRAWS).astype(np.float64)
    bottom = counts @ denominator
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = (numerator @ counts.T) / bottom
    # Where there is nothing to divide by there is no effect either.
    return np.percentile(np.where(np.isfinite(ratios), ratios, 0.0), [2.5, 97.5], axis=1).T


def mean_interval(values: Array, seed: int, noise: float) -> Interval:
    """Percentile bootstrap of the mean of [pairs] values."""
    low, high = ratio_intervals(values[None], np.ones_like(values), seed)[0]
    return Interval(float(low), float(high), noise)


def ratio_interval(numerator: Array, denominator: Array, seed: int, noise: float) -> Interval:
    """:func:`ratio_intervals` of one cell, [pairs] each. ``noise`` is that of the numerator."""
    low, high = ratio_intervals(numerator[None], denominator, seed)[0]
    bottom = abs(float(denominator.mean()))
    return Interval(float(low), float(high), noise / bottom if bottom else 0.0)


def sign_flip(values: Array, seed: int, noise: float | Array) -> Array:
    """One-sided p-values that the mean over pairs is above 0, by random sign flips (Fisher's randomisation test).

    Exact enumeration where there are at most 2 ** 11 flips; else drawn, with the observed one counted in.

    A flip that ties with what was observed counts as reaching it: where nothing is measured but noise, p is 1.

    Args:
        values: [cells, pairs].
        noise: of a value, and so of any mean of them; one number, or [cells].

    Returns:
        [cells].
    """
    observed, flipped, slack = _flipped(values, seed, noise)
    p: Array = ties.reaches(flipped, observed[:, None], slack[:, None]).mean(1)
    return p


def max_t(values: Array, seed: int, noise: float | Array) -> Array:
    """The same for many cells at once: p-values that hold for all of them together, so that the chance of even one
    false finding stays below the level (step-down maxT, Westfall & Young 1993).

    The pairs are flipped in all cells alike, and a cell must beat the largest mean among itself and those below it. So
    its floor is one over the number of flips and does not grow with the cells, as that of a corrected p-value does.
    Cells must be in one unit: a cell of wide values sets what the others must beat.

    Args:
        values: [cells, pairs].
        noise: of a value; one number, or [cells].

    Returns:
        [cells].
    """
    observed, flipped, slack = _flipped(values, seed, noise)
    order = np.argsort(-observed, kind="stable")
    highest = np.maximum.accumulate((flipped + slack[:, None])[order][::-1], axis=0)[::-1]
    p = np.empty_like(observed)
    p[order] = np.maximum.accumulate((highest >= observed[order][:, None]).mean(1))
    return p


def _flipped(values: Array, seed: int, noise: float | Array) -> tuple[Array, Array, Array]:
    """Mean over pairs as observed [cells] and under each flip of signs [cells, flips], and their noise [cells]."""
    pairs = values.shape[1]
    observed = values.mean(1)
    if pairs <= 11:
        signs = 1.0 - 2.0 * ((np.arange(2**pairs)[:, None] >> np.arange(pairs)) & 1)
    else:
        rng = np.random.default_rng(seed)
        signs = rng.choice([-1.0, 1.0], size=(DRAWS, pairs))
        signs[0] = 1.0  # the observed arrangement itself
    flipped = values @ signs.T / pairs
    # Both means are off by noise, in opposite ways at worst; and these sums round too: the observed arrangement must
    # not lose against itself.
    slack = 2 * np.broadcast_to(noise, observed.shape) + ties.noise("float64", values)
    return observed, flipped, slack


def benjamini_hochberg(p: Array) -> Array:
    """q-values: the false discovery rate at which each test is kept (Benjamini & Hochberg 1995). Shape as given."""
    flat = p.ravel()
    order = np.argsort(flat)
    ranked = flat[order] * flat.size / np.arange(1, flat.size + 1)
    q = np.empty_like(flat)
    q[order] = np.minimum.accumulate(ranked[::-1])[::-1].clip(max=1.0)
    return q.reshape(p.shape)


def wilson(successes: int, trials: int) -> Interval:
    """Wilson's 95 % interval for a proportion (Wilson 1927); sound at 0 and 1, where the normal one is not."""
    if trials == 0:
        return Interval(0.0, 1.0)
    z = 1.959964
    share = successes / trials
    centre = share + z * z / (2 * trials)
    spread = z * math.sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials))
    bottom = 1 + z * z / trials
    return Interval(max(0.0, (centre - spread) / bottom), min(1.0, (centre + spread) / bottom))
