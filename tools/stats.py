"""The statistics that tools share: bootstrap intervals, sign-flip tests of one cell or many, Wilson intervals.

All are seeded and take pairs (or other independent units) as the unit of resampling. numpy only, vectorised over
cells. Differences that rounding alone may make are ties (``ties``). Leaves out what a tool concludes from them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from gadfly.tools import ties
from gadfly.tools.arrays import Array, Flags

DRAWS = 2000
_MOST_DRAWS = 20_000
_OF_NOISE = 8
"""No cell is measured in a unit of fewer noises: what is below it counts for no more than a quarter of the unit."""
LEVEL = 0.05
"""Of a test: where p lies near it, more is drawn."""
FEWEST = 8
"""Units (pairs, prompts) below which no verdict is given: an interval of fewer means little."""


class Interval(NamedTuple):
    """A 95 % interval. ``noise`` is what rounding alone may move its ends by. ``f"{it:.2f}"`` is [0.12, 0.34].

    One unit has no interval: its ends are NaN, it is neither above nor below anything, and it is told as missing."""

    low: float
    high: float
    noise: float = 0.0

    @property
    def known(self) -> bool:
        """Whether there is an interval."""
        return math.isfinite(self.low)

    def __format__(self, form: str) -> str:
        if not self.known:
            return "(one alone: no interval)"
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
        [cells, 2], low and high; NaN where there is but one pair.
    """
    rng = np.random.default_rng(seed)
    pairs = denominator.shape[0]
    if pairs < 2:
        return np.full((len(numerator), 2), np.nan)
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


def surely(values: Array) -> Array:
    """What the mean over pairs is at least, by three standard errors: to choose one of many cells by, so that a wide
    one is not taken for a large one. The mean itself where there is but one pair. [cells, pairs] → [cells]."""
    pairs = values.shape[1]
    error = values.std(1, ddof=1) / math.sqrt(pairs) if pairs > 1 else 0.0
    found: Array = values.mean(1) - 3 * error
    return found


def sign_flip(values: Array, seed: int, noise: float | Array) -> Array:
    """One-sided p-values that the mean over pairs is above 0, by random sign flips (Fisher's randomisation test).

    Exact enumeration where there are at most 2 ** 11 flips; else drawn, with the observed one counted in, and ten times
    as many where a p lies near :data:`LEVEL`.

    A flip that ties with what was observed counts as reaching it: where nothing is measured but noise, p is 1.

    Args:
        values: [cells, pairs].
        noise: of a value, and so of any mean of them; one number, or [cells].

    Returns:
        [cells].
    """
    return _flipped(values, seed, noise, together=False)


def max_t(values: Array, seed: int, noise: float | Array) -> Array:
    """The same for many cells at once: p-values that hold for all of them together, so that the chance of even one
    false finding stays below the level (step-down maxT, Westfall & Young 1993).

    The pairs are flipped in all cells alike, and a cell must beat the largest mean among itself and those below it. So
    its floor is one over the number of flips and does not grow with the cells, as that of a corrected p-value does.

    Means are compared in units of the cell's own size, which is its root mean square over pairs, or of the cells' size
    together where that is larger, or of several times the noise. No flip changes any of them, so the test stays exact.
    A wide cell thus sets no limit for the others, as with a t statistic, and neither do many that are steady but small,
    or are nothing but rounding.

    Args:
        values: [cells, pairs].
        noise: of a value; one number, or [cells].

    Returns:
        [cells].
    """
    squares = np.square(values).mean(1)
    unit = np.maximum(np.sqrt(np.maximum(squares, squares.mean())), _OF_NOISE * np.asarray(noise))
    unit = np.where(unit > 0, unit, 1.0)
    return _flipped(values / unit[:, None], seed, noise / unit, together=True)


def _flipped(values: Array, seed: int, noise: float | Array, *, together: bool) -> Array:
    """How often the mean over pairs under a flip of signs reaches the observed one, [cells]; ``together``: how often
    that of any cell does which is no larger."""
    observed = values.mean(1)
    # Both means are off by noise, in opposite ways at worst; and these sums round too: the observed arrangement must
    # not lose against itself.
    slack = 2 * np.broadcast_to(noise, observed.shape) + ties.noise("float64", values)
    order = np.argsort(-observed, kind="stable")
    drawn, reached = 0, np.zeros(len(observed))
    for signs in _signs(values.shape[1], seed):
        means = (values @ signs.T / values.shape[1] + slack[:, None])[order]
        if together:
            means = np.maximum.accumulate(means[::-1], axis=0)[::-1]
        reached += (means >= observed[order][:, None]).sum(1)
        drawn += len(signs)
        p = reached / drawn
        if together:
            p = np.maximum.accumulate(p)
        # Wilson's interval of what was drawn holds the level no longer.
        if (np.abs(p - LEVEL) > 2 * math.sqrt(LEVEL * (1 - LEVEL) / drawn)).all():
            break
    found = np.empty_like(p)
    found[order] = p
    return found


def _signs(pairs: int, seed: int) -> Iterator[Array]:
    """Flips of signs [flips, pairs], a portion at a time: all there are, or drawn ones after the observed."""
    if pairs <= 11:
        bits = (np.arange(2**pairs)[:, None] >> np.arange(pairs)) & 1
        yield np.where(bits == 1, -1.0, 1.0)
        return
    rng = np.random.default_rng(seed)
    for portion in range(_MOST_DRAWS // DRAWS):
        signs = rng.choice([-1.0, 1.0], size=(DRAWS, pairs))
        if portion == 0:
            signs[0] = 1.0  # the observed arrangement itself
        yield signs


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
