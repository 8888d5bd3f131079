"""A turn in a thread of its own, its events as an iterator in the caller's.

The caller can be interrupted at any moment: work that goes on is left to itself, is heard no more, and is told to stop.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from queue import SimpleQueue

from gadfly.agent.events import Event

_GRACE = 3.0  # seconds that work gets to end after it was told to


def in_background(
    work: Callable[[Callable[[Event], None]], None], stop: threading.Event
) -> Iterator[Event]:
    """Run ``work`` and yield what it emits, until it returns; what it raises is raised here.

    Args:
        work: gets the function that emits an event; must end soon, and write nothing more, once ``stop`` is set.
        stop: set here when the iteration ends in any way.
    """
    queue: SimpleQueue[Event | BaseException | None] = SimpleQueue()

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
        while (item := queue.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        stop.set()
        thread.join(_GRACE)
