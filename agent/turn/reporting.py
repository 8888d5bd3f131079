"""A tool's own progress as events of the turn, and the turn's end as an exception inside the tool."""

from __future__ import annotations

import time
from collections.abc import Callable

from gadfly.agent.llm.model import ToolCall
from gadfly.agent.turn.events import Event, Notice, ToolProgress
from gadfly.errors import Cancelled

_OFTEN = 0.1  # seconds between two reports of a call


class Reported:
    """A tool's progress as events; raises Cancelled into the tool once the turn is stopped."""

    def __init__(
        self, call: ToolCall, emit: Callable[[Event], None], stop: Callable[[], bool]
    ) -> None:
        self._call, self._emit, self._stop = call, emit, stop
        self._label, self._done, self._told = "", 0, 0.0
        self._total: int | None = None

    def start(self, label: str, total: int | None = None) -> None:
        self._label, self._done, self._total = label, 0, total
        self._tell(always=True)

    def advance(self, n: int = 1) -> None:
        self._done += n
        self._tell()

    def finish(self) -> None: ...

    def note(self, message: str) -> None:
        self._emit(Notice("corpus", message))

    def _tell(self, always: bool = False) -> None:
        if self._stop():
            raise Cancelled("stopped")
        if always or time.monotonic() - self._told > _OFTEN:
            self._told = time.monotonic()
            call = self._call
            self._emit(ToolProgress(call.id, call.name, self._label, self._done, self._total))
