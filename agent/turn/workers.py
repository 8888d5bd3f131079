"""Threads that do not hold up the end of the program, unlike those of ``concurrent.futures``: loading a model or
waiting for a provider takes long, and somebody who pressed Ctrl-C does not wait for it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from queue import Empty, Queue
from typing import Any, TypeVar

T = TypeVar("T")
Item = TypeVar("Item")

_IDLE = 20.0  # seconds without work after which a thread ends


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
                with (
                    self._lock
                ):  # work that came in this moment finds a thread: this one, or a new one
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


def side_by_side(work: Callable[[Item], T], items: Sequence[Item]) -> list[T]:
    """``work`` on all items at once; results in their order, or the first error."""
    workers = Workers(len(items), "beside")
    return [future.result() for future in [workers.submit(work, item) for item in items]]
