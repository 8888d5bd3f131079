"""Inspect's model as the agent's :class:`~gadfly.agent.llm.model.ChatModel`; a scripted reasoner as an Inspect model.

Importing this registers ``gadfly/honest``, ``gadfly/sycophantic`` and the others as models.
"""

from __future__ import annotations

import asyncio
import contextvars
import json
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from inspect_ai.model import (
    ChatMessage,
    ChatMessageAssistant,
    ChatMessageSystem,
    ChatMessageTool,
    ChatMessageUser,
    GenerateConfig,
    Model,
    ModelAPI,
    ModelOutput,
    get_model,
    modelapi,
)
from inspect_ai.tool import ToolCall as InspectCall
from inspect_ai.tool import ToolChoice, ToolInfo, ToolParams

from gadfly.agent.llm.model import Message, Reply, ToolCall
from gadfly.evals.reasoners import reasoner

if TYPE_CHECKING:
    from gadfly.agent.llm.model import ToolSchema


class InspectChat:
    """Calls ``get_model().generate`` from the agent's threads. Made inside a solver, used outside its event loop."""

    def __init__(self, model: Model | None = None) -> None:
        self._model = model or get_model()
        self._loop = asyncio.get_running_loop()
        self._context = contextvars.copy_context()  # which sample the transcript belongs to

    @property
    def name(self) -> str:
        return str(self._model)

    def reply(
        self,
        messages: Sequence[Message],
        tools: Sequence[ToolSchema],
        on_text: Callable[[str], None],
    ) -> Reply:
        """One turn of the protocol."""
        work = self._model.generate(
            [inspected(each) for each in messages], [_tool(each) for each in tools]
        )
        # The task takes over the context that it is submitted in.
        waiting: Future[ModelOutput] = self._context.copy().run(
            asyncio.run_coroutine_threadsafe, work, self._loop
        )
        output = waiting.result()
        on_text(output.completion)
        said = plain(output.message)
        calls = [
            ToolCall(c["id"], c["function"]["name"], c["function"]["arguments"])
            for c in said.get("tool_calls", ())
        ]
        usage = output.usage
        return Reply(
            text=output.completion, message=said, tool_calls=calls,
            input_tokens=usage.input_tokens if usage else 0, output_tokens=usage.output_tokens if usage else 0,
            dollars=usage.total_cost if usage else None,
        )  # fmt: skip


@modelapi(name="gadfly")
class ReasonerAPI(ModelAPI):
    """A scripted reasoner behind Inspect: ``--model gadfly/honest``. A new one for each conversation is not needed:
    what a reasoner says follows from the messages."""

    def __init__(
        self, model_name: str, base_url: str | None = None, api_key: str | None = None,
        config: GenerateConfig | None = None, **_: Any,
    ) -> None:  # fmt: skip
        super().__init__(model_name, base_url, api_key, [], config or GenerateConfig())
        self._reasoner = reasoner(model_name)

    async def generate(
        self,
        input: list[ChatMessage],  # noqa: A002 (Inspect's name for it)
        tools: list[ToolInfo],
        tool_choice: ToolChoice,
        config: GenerateConfig,
    ) -> ModelOutput:
        """One turn."""
        schemas: Any = [{"type": "function", "function": {"name": tool.name}} for tool in tools]
        reply = self._reasoner.reply([plain(each) for each in input], schemas, lambda _: None)
        said = inspected(reply.message)
        assert isinstance(said, ChatMessageAssistant)
        output = ModelOutput.from_message(said)
        output.model = f"gadfly/{self.model_name}"
        return output


def inspected(message: Message) -> ChatMessage:
    """A message of ours as Inspect's."""
    content = str(message.get("content") or "")
    match message["role"]:
        case "system":
            return ChatMessageSystem(content=content)
        case "tool":
            return ChatMessageTool(content=content, tool_call_id=message["tool_call_id"])
        case "assistant":
            calls = [
                InspectCall(c["id"], c["function"]["name"], *_parsed(c["function"]["arguments"]))
                for c in message.get("tool_calls") or ()
            ]
            return ChatMessageAssistant(content=content, tool_calls=calls or None)
    return ChatMessageUser(content=content)


def plain(message: ChatMessage) -> Message:
    """A message of Inspect's as ours."""
    said: Message = {"role": message.role, "content": message.text}
    if isinstance(message, ChatMessageTool):
        said["tool_call_id"] = message.tool_call_id
    if isinstance(message, ChatMessageAssistant) and message.tool_calls:
        said["tool_calls"] = [
            {
                "id": c.id,
                "type": "function",
                "function": {"name": c.function, "arguments": json.dumps(c.arguments)},
            }
            for c in message.tool_calls
        ]
    return said


def _parsed(arguments: str) -> tuple[dict[str, Any], str | None]:
    try:
        found = json.loads(arguments or "{}")
    except ValueError as error:
        return {}, str(error)
    return (found, None) if isinstance(found, dict) else ({}, "not an object")


def _tool(schema: ToolSchema) -> ToolInfo:
    function: Any = schema["function"]
    # References are resolved first: Inspect keeps properties and drops definitions.
    parameters = _resolved(function["parameters"], function["parameters"].get("$defs", {}))
    parameters = {k: v for k, v in parameters.items() if k in ("type", "properties", "required")}
    return ToolInfo(
        name=function["name"],
        description=function["description"],
        parameters=ToolParams.model_validate(parameters),
    )


def _resolved(part: Any, definitions: dict[str, Any]) -> Any:
    if isinstance(part, list):
        return [_resolved(each, definitions) for each in part]
    if not isinstance(part, dict):
        return part
    if "$ref" in part:
        return _resolved(definitions[part["$ref"].rsplit("/", 1)[1]], definitions)
    return {key: _resolved(value, definitions) for key, value in part.items() if key != "$defs"}
