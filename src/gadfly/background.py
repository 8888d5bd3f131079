"""Threads that do not hold up the end of the program, unlike those of ``concurrent.futures``: loading a model or
waiting for a provider takes long, and somebody who pressed Ctrl-C does not wait for it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from queue import Empty, Queue, SimpleQueue
from typing import Any, TypeVar

from gadfly import leaving

T = TypeVar("T")
Item = TypeVar("Item")

_IDLE = 20.0  # seconds without work after which a thread ends
_BEAT = 0.1  # seconds between looks for a signal
_GRACE = 3.0  # seconds that work gets to end after it was told to


class Workers:
    """At most ``count`` daemon threads that take work in its order. None lives while there is nothing to do."""

    def __init__(self, count: int, name: str) -> None:
        self._count = count
        self._name = name
        self._queue: Queue[tuple[Future[Any], Callable[[], Any]]] = Queue()
        self._lock = threading.Lock()
        self._running = 0

    def submit(self, work: Callable[..., T], *arguments: Any) -> Future[T]:
        """Put work in the queue."""
        future: Future[T] = Future()
        with self._lock:
            self._queue.put((future, lambda: work(*arguments)))
            if self._running < self._count:
                self._running += 1
                threading.Thread(target=self._run, name=self._name, daemon=True).start()
        return future

    def _run(self) -> None:
        while True:
            try:
                future, work = self._queue.get(timeout=_IDLE)
            except Empty:
                with self._lock:
                    # Work that came in this moment finds a thread: this one, or a new one.
                    if self._queue.empty():
                        self._running -= 1
                        return
                continue
            if not future.set_running_or_notify_cancel():
                continue
            try:
                future.set_result(work())
            except BaseException as error:
                future.set_exception(error)
            del future, work  # nothing of the last work is held until the next comes


def side_by_side(
    work: Callable[[Item], T], items: Sequence[Item], at_once: int | None = None
) -> list[T]:
    """``work`` on all items, ``at_once`` of them at a time (None: all); results in their order, or the first error."""
    workers = Workers(at_once or len(items), "beside")
    return [future.result() for future in [workers.submit(work, item) for item in items]]


def told(work: Callable[[Callable[[T], None]], None], stop: threading.Event) -> Iterator[T]:
    """Run ``work`` in a thread and yield what it tells, until it returns; what it raises is raised here.

    The caller can be interrupted at any moment: work that goes on is left to itself and is heard no more.

    Args:
        work: gets the function that tells; must end soon, and write nothing more, once ``stop`` is set.
        stop: set here when the iteration ends in any way.
    """
    queue: SimpleQueue[T] = SimpleQueue()
    ended = threading.Event()

    def tell(item: T) -> None:
        if not stop.is_set():
            queue.put(item)

    future = Workers(1, "turn").submit(work, tell)
    future.add_done_callback(lambda _: ended.set())
    try:
        # A Ctrl-C that arrives just as the wait begins does not end it; the next beat sees it.
        while not (ended.is_set() and queue.empty()):
            try:
                item = queue.get(timeout=_BEAT)
            except Empty:
                continue
            yield item
        future.result()
    finally:
        stop.set()
        ended.wait(leaving.within(_GRACE))
