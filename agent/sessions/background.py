"""A turn in a thread of its own, its events as an iterator in the caller's.

The caller can be interrupted at any moment: work that goes on is left to itself, is heard no more, and is told to stop.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from queue import Empty, SimpleQueue

from gadfly import leaving
from gadfly.agent.turn.events import Event

_Item = Event | BaseException | None
_BEAT = 0.1  # seconds between looks for a signal
_GRACE = 3.0  # seconds that work gets to end after it was told to


def in_background(
    work: Callable[[Callable[[Event], None]], None], stop: threading.Event
) -> Iterator[Event]:
    """Run ``work`` and yield what it emits, until it returns; what it raises is raised here.

    Args:
        work: gets the function that emits an event; must end soon, and write nothing more, once ``stop`` is set.
        stop: set here when the iteration ends in any way.
    """
    queue: SimpleQueue[_Item] = SimpleQueue()

    def emit(event: Event) -> None:
        if not stop.is_set():
            queue.put(event)

    def run() -> None:
        try:
            work(emit)
            queue.put(None)
        except BaseException as error:
            queue.put(error)

    thread = threading.Thread(target=run, name="turn", daemon=True)
    thread.start()
    try:
        while (item := _next(queue)) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        stop.set()
        thread.join(leaving.within(_GRACE))


def _next(queue: SimpleQueue[_Item]) -> _Item:
    """The next item. A Ctrl-C that arrives just as the wait begins does not end it; the next beat sees it."""
    while True:
        try:
            return queue.get(timeout=_BEAT)
        except Empty:
            continue
