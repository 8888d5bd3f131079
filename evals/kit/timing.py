"""Seconds of work, by rounds that are interleaved, so that no method has the quiet minutes to itself."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Mapping
from typing import TypeVar

T = TypeVar("T")


def took(work: Callable[[], T]) -> tuple[T, float]:
    """What one call gives, and the seconds that it takes, with all that it leaves to a GPU."""
    _wait()
    began = time.perf_counter()
    found = work()
    _wait()
    return found, time.perf_counter() - began


def seconds(work: Callable[[], object]) -> float:
    """The seconds of one call."""
    return took(work)[1]


def timed(work: Callable[[], object], rounds: int) -> list[float]:
    """Seconds of each round."""
    return [seconds(work) for _ in range(rounds)]


def interleaved(
    methods: Mapping[str, Callable[[], T]], rounds: int
) -> tuple[dict[str, T], dict[str, float]]:
    """What each method gives in a first round, which is not measured: caches get warm; and the median seconds after."""
    values = {name: method() for name, method in methods.items()}
    taken: dict[str, list[float]] = {name: [] for name in methods}
    for _ in range(rounds):
        for name, method in methods.items():
            taken[name].append(seconds(method))
    return values, {name: statistics.median(each) for name, each in taken.items()}


def _wait() -> None:
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        torch.cuda.synchronize()
