"""Measuring by doubling: the time of a call on an input, and on one that is doubled two or three times.

Processor time of this process with the garbage collector off, so that another process on the same machine changes
little. What is quick even on the larger input has no growth to speak of. A ratio that is too large is measured again,
several times, before it counts.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from gadfly.errors import GadflyError

MOST = 2.4  # times, for twice the input
LARGE = 16_000  # characters
_QUICK = 0.01  # seconds on the larger input
_SLOW = 0.25  # seconds on the smaller one, from which both are made smaller
_GIVEN_UP = 5.0  # seconds, from which nothing is measured twice
_TRIES = 5


@dataclass(frozen=True)
class Growth:
    """Seconds on a small input and on a large one, which is the small one doubled so many times."""

    small: float
    large: float
    size: int
    doublings: int

    @property
    def ratio(self) -> float:
        """How many times longer twice the input takes; 0 where all was quick."""
        if self.large < _QUICK:
            return 0.0
        return float((self.large / max(self.small, 1e-7)) ** (1 / self.doublings))

    def __str__(self) -> str:
        sizes = f"{self.size >> self.doublings:,} and {self.size:,}"
        return f"{self.ratio:.2f} times for twice the input ({self.small:.4f} s and {self.large:.4f} s on {sizes})"


def growth(
    make: Callable[[int], Any],
    run: Callable[[Any], Any],
    *,
    large: int = LARGE,
    least: int = 1_000,
    doublings: int = 3,
    seconds: Callable[[Any, Callable[[Any], Any]], float] | None = None,
) -> Growth:
    """How the time of ``run(make(size))`` grows up to ``size = large``.

    What takes long is measured on less, down to ``least`` characters.
    An input that is refused with an error of Gadfly's own is answered like any other; other errors get out.
    """
    taken = seconds or elapsed
    first = taken(make(large >> doublings), run)
    while first > _SLOW and large > least:
        large >>= doublings
        first = taken(make(large >> doublings), run)
    found = Growth(first, taken(make(large), run), large, doublings)
    for _ in range(_TRIES):
        if found.ratio <= MOST or found.large > _GIVEN_UP:
            break
        # Of the small input a time that was short by chance misleads, of the large one a time that was long.
        small = max(found.small, taken(make(large >> doublings), run))
        found = Growth(small, min(found.large, taken(make(large), run)), large, doublings)
    return found


def elapsed(given: Any, run: Callable[[Any], Any]) -> float:
    """Processor time of one call."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        began = time.process_time()
        with suppress(GadflyError):
            run(given)
        return time.process_time() - began
    finally:
        if collecting:
            gc.enable()
