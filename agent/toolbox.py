"""The engine's tools as an LLM sees them: schemas out, calls in, results back as fenced data."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from gadfly.agent.prompting import fence
from gadfly.corpus.progress import Progress, Silent
from gadfly.errors import Cancelled, GadflyError
from gadfly.tools.contract import ExperimentArgs, Result, Tool
from gadfly.tools.runner import execute

if TYPE_CHECKING:
    from gadfly.agent.llm.model import ToolCall, ToolSchema


class Toolbox:
    """The tools an agent may call.

    Args:
        tools: only read-only tools belong here; a tool with side effects needs an approval first.
        model: the local model that experiments run on when the LLM names none.
    """

    def __init__(
        self,
        tools: Sequence[Tool[Any, Any]],
        *,
        model: str = "demo",
        progress: Progress | None = None,
    ) -> None:
        self._tools = {tool.name: tool for tool in tools if tool.read_only}
        self._model = model
        self._progress = progress or Silent()
        self.runs: list[str] = []
        """Ids of the experiments run so far."""

    def schemas(self) -> list[ToolSchema]:
        """The tools in the OpenAI function format."""
        return [
            {
                "type": "function",
                "function": {
                    "name": tool.name,
                    "description": f"{tool.description} Cost: {tool.cost}.",
                    "parameters": tool.args.model_json_schema(),
                },
            }
            for tool in self._tools.values()
        ]

    def call(self, call: ToolCall) -> str:
        """Run one call. What goes wrong is told to the model, so that it can correct itself."""
        tool = self._tools.get(call.name)
        if tool is None:
            return f"error: no tool named {call.name!r}; there are: {', '.join(self._tools)}"
        try:
            arguments = json.loads(call.arguments or "{}")
        except ValueError as error:
            return f"error: the arguments are not valid JSON ({error}); send one JSON object"
        if not isinstance(arguments, dict):
            return f"error: the arguments must be one JSON object, not {type(arguments).__name__}"
        if issubclass(tool.args, ExperimentArgs):
            arguments.setdefault("model", self._model)
        try:
            result = execute(tool, arguments, progress=self._progress)
        except Cancelled:
            raise
        except GadflyError as error:
            return f"error: {error}"
        if isinstance(result, Result):
            self.runs.append(result.run)
        return fence(call.name, digest(result))


def digest(result: BaseModel) -> str:
    """A result as compact JSON for an LLM's context: no figures, no reproduction script."""
    left_out = {"figures", "reproduce"} if isinstance(result, Result) else set()
    data = _rounded(result.model_dump(mode="json", exclude=left_out, exclude_none=True))
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"))


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.5g}")
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_rounded(item) for item in value]
    return value
