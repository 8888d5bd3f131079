"""Running tool calls beside the event loop: workers, progress, cancellation, the end of the process.

Whatever touches the local model runs on one worker, one call after the other: its libraries must not be imported
by two threads at once, nor two callers meet in one forward. Reading runs on four.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any, NamedTuple

from pydantic import BaseModel

from gadfly import leaving
from gadfly.agent.faces.mcp.permits import Permits
from gadfly.errors import Cancelled, GadflyError
from gadfly.tools.contract import Tool
from gadfly.tools.runner import execute, validate

_READERS = 4
log = logging.getLogger(__name__)


class State(NamedTuple):
    """Where a call stands. ``steps`` only ever grows; ``expected`` is None where no end is known."""

    steps: int
    expected: int | None
    label: str


class Watch:
    """One call's progress, written by its worker and read by anybody. Stops the tool at its next report."""

    def __init__(self) -> None:
        self.state = State(0, None, "")
        self.begun = threading.Event()
        self._stopped = threading.Event()
        self._task, self._done = "", 0
        self._total: int | None = None

    def stop(self) -> None:
        """Raise Cancelled into the tool when it next reports."""
        self._stopped.set()

    def start(self, label: str, total: int | None = None) -> None:
        self._task, self._done, self._total = label, 0, total
        before = self.state
        expected = None if total is None else before.steps + 1 + total
        self._move(1, expected)

    def advance(self, n: int = 1) -> None:
        self._done += n
        self._move(n, self.state.expected)

    def finish(self) -> None: ...

    def note(self, message: str) -> None:
        self._task = message
        self._move(0, self.state.expected)

    def _move(self, n: int, expected: int | None) -> None:
        if self._stopped.is_set():
            raise Cancelled("stopped")
        of = f" {self._done}/{self._total}" if self._total else ""
        self.state = State(self.state.steps + n, expected, self._task + of)


class Running(NamedTuple):
    """A call that was handed to a worker."""

    future: Future[BaseModel]
    watch: Watch

    def here(self) -> asyncio.Future[BaseModel]:
        """Its end, to wait for in this event loop. An error that nobody asks for is not reported as lost: a call
        that was given up may still fail."""
        future = asyncio.wrap_future(self.future)
        future.add_done_callback(lambda done: done.cancelled() or done.exception())
        return future

    def cancel(self) -> None:
        """Never start it, or stop it at its next report; an experiment is then recorded as cancelled."""
        self.watch.stop()
        self.future.cancel()


class Workers:
    """The threads of one server, and the one door to them: a call that reaches too far is not run."""

    def __init__(self, permits: Permits | None = None) -> None:
        self.permits = permits or Permits()
        self._model = ThreadPoolExecutor(1, thread_name_prefix="model")
        self._reading = ThreadPoolExecutor(_READERS, thread_name_prefix="reading")
        self._open: set[Running] = set()
        # A signal's handler closes, in a thread that may hold it.
        self._lock = threading.RLock()

    def run(self, tool: Tool[Any, Any], arguments: dict[str, Any]) -> Running:
        """Queue a call of ``tool``. Its errors come out of the future.

        Raises:
            ToolInputError: the arguments do not fit.
            UsageError: they reach what this server may not.
        """
        args = validate(tool, arguments)
        self.permits.check(tool, args)
        watch = Watch()

        def work() -> BaseModel:
            watch.begun.set()
            result: BaseModel = execute(tool, args, progress=watch)
            return result

        return self._submit(self._model if tool.extra == "interp" else self._reading, work, watch)

    def preload(self, name: str) -> Running:
        """Load a local model before anybody asks for it. What goes wrong is logged: nobody waits for it."""
        watch = Watch()

        def work() -> BaseModel:
            from gadfly.tools.model import load

            watch.begun.set()
            try:
                load(name, progress=watch)
            except GadflyError as error:
                log.warning("--preload %s: %s", name, error)
            return BaseModel()

        return self._submit(self._model, work, watch)

    def close(self, grace: float = 3.0) -> None:
        """Stop everything, and give what runs ``grace`` seconds to write itself down."""
        with self._lock:
            left = list(self._open)
        for each in left:
            each.cancel()
        for pool in (self._model, self._reading):
            pool.shutdown(wait=False, cancel_futures=True)
        wait([each.future for each in left], timeout=leaving.within(grace))

    def _submit(
        self, pool: ThreadPoolExecutor, work: Callable[[], BaseModel], watch: Watch
    ) -> Running:
        running = Running(pool.submit(work), watch)
        with self._lock:
            self._open.add(running)
        running.future.add_done_callback(lambda _: self._forget(running))
        return running

    def _forget(self, running: Running) -> None:
        with self._lock:
            self._open.discard(running)
