"""What an LLM and a person are told of a tool: its schema, how far it is, its result in few tokens and in one line."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

from pydantic import BaseModel

from gadfly.agent.llm.model import ToolCall
from gadfly.agent.turn.events import Event, Notice, ToolProgress
from gadfly.errors import Cancelled
from gadfly.tools.contract import Result

_LINE = 160  # characters
_OFTEN = 0.1  # seconds between two reports of a call


def digest(result: BaseModel) -> str:
    """A result as compact JSON for an LLM's context: no figures, no reproduction script."""
    left_out = {"figures", "reproduce"} if isinstance(result, Result) else set()
    data = _rounded(result.model_dump(mode="json", exclude=left_out, exclude_none=True))
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"))


def summary(result: BaseModel) -> str:
    """One line for a person."""
    if isinstance(result, Result):
        return f"{result.headline} {result.verdict}: {result.why}"
    found = getattr(result, "results", None)
    if isinstance(found, list):
        documents = list(dict.fromkeys(getattr(each, "document", "") for each in found))
        return f"{len(found)} passages: {', '.join(documents[:4])}"[:_LINE]
    return digest(result)[:_LINE]


def figures(result: Result) -> tuple[str, ...]:
    """The files of an experiment's figures, the picture where there is one."""
    from gadfly.tools.ledger import Ledger

    if not result.figures:
        return ()
    folder = Ledger().artifacts(result.run)
    return tuple(str(folder / (f.png or f.html or "")) for f in result.figures if f.png or f.html)


def lean(schema: Any) -> Any:
    """A JSON schema without pydantic's titles: they repeat the names, and every round pays for them."""
    if isinstance(schema, list):
        return [lean(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: lean(value)
        for key, value in schema.items()
        if not (key == "title" and isinstance(value, str))
    }


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.5g}")
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_rounded(item) for item in value]
    return value


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
