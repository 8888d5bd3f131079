"""The time that one rule may take over one file, and how far it came.

A rule walks over the nodes of a file; each walk says where it is, and stops when the time is over. Processor time
of the thread, so that a busy machine makes no rule give up.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any, Generic, TypeVar

Item = TypeVar("Item")


class OutOfTimeError(Exception):
    """The time of a rule is over."""


class Watch:
    """The time that is left, and the walks that are under way, the outermost first."""

    def __init__(self) -> None:
        self._seconds = float("inf")
        self._until = float("inf")  # on the clock, whose reading costs least
        self._began = 0.0
        self._walks: list[Walk] = []
        # The outermost of those that were left since anything went on.
        self._left: Walk | None = None

    def start(self, seconds: float) -> None:
        """Begin to count for the next rule."""
        self._seconds, self._began = seconds, time.thread_time()
        self._until = time.monotonic() + seconds
        self._walks, self._left = [], None

    def stop(self) -> None:
        self._until = float("inf")

    def check(self) -> None:
        """Raise :class:`OutOfTimeError` where the time is over."""
        if time.monotonic() <= self._until:
            return
        left = self._seconds - (time.thread_time() - self._began)
        if left <= 0:
            raise OutOfTimeError
        self._until = time.monotonic() + left  # others had the processor

    def unseen(self) -> tuple[int, int] | None:
        """The lines of what the outermost walk had not reached; None where no walk was under way.

        An error ends the walks that it passes through, the outermost last.
        """
        outermost = self._walks[0] if self._walks else self._left
        rest = [_line(each) for each in outermost.rest()] if outermost is not None else []
        return (min(rest), max(rest)) if rest else None

    def over(self, items: list[Item]) -> Iterator[Item]:
        """The items one by one, until the time is over."""
        walk = Walk(items)
        self._walks.append(walk)
        self._left = None
        try:
            for item in list.__iter__(items):
                if time.monotonic() > self._until:
                    self.check()
                yield item
                walk.done += 1
                self._left = None
            self._left = None
        except BaseException:
            self._left = walk
            raise
        finally:
            self._walks.remove(walk)


class Walk:
    """Items that are gone through, and how many are done."""

    __slots__ = ("done", "items")

    def __init__(self, items: Sequence[Any]) -> None:
        self.items, self.done = items, 0

    def rest(self) -> list[Any]:
        return list(self.items[self.done :])


class Watched(list[Item], Generic[Item]):
    """A list that is gone through under a watch."""

    def __init__(self, items: Sequence[Item], watch: Watch) -> None:
        super().__init__(items)
        self._watch = watch

    def __iter__(self) -> Iterator[Item]:
        return self._watch.over(self)


def _line(item: Any) -> int:
    """The line of a node, or of what is found at one."""
    within = (getattr(item, name, None) for name in ("node", "function", "block"))
    lines = (getattr(each, "lineno", 0) for each in (item, *within))
    return next((int(each) for each in lines if each), 1)
