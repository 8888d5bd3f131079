"""Inspect's model as the agent's :class:`~gadfly.agent.llm.model.ChatModel`, and the agent's as Inspect's.

Importing this registers ``gadfly/honest`` and the other reasoners as models, and any provider as ``gadfly/NAME`` by its
litellm name. Inspect's own OpenAI client asks for a newer ``openai`` than litellm allows, so that road is the one here.
"""

from __future__ import annotations

import asyncio
import contextvars
import json
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from copy import copy
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

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
    ModelUsage,
    get_model,
    modelapi,
)
from inspect_ai.tool import ToolCall as InspectCall
from inspect_ai.tool import ToolChoice, ToolInfo, ToolParams

from gadfly.agent.llm.model import ChatModel, Message, Reply, ToolCall
from gadfly.evals.reasoners import REASONERS, reasoner

if TYPE_CHECKING:
    from gadfly.agent.llm.model import ToolSchema


class InspectChat:
    """Calls ``get_model().generate`` from the agent's threads. Made inside a solver, used outside its event loop."""

    def __init__(self, model: Model | None = None) -> None:
        self._model = model or get_model()
        self._loop = asyncio.get_running_loop()
        self._context = contextvars.copy_context()  # which sample the transcript belongs to

    def beside(self, model: Model) -> InspectChat:
        """Another model for the same sample."""
        made = copy(self)
        made._model = model
        return made

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
        counts = usage.input_tokens if usage else 0, usage.output_tokens if usage else 0
        dollars = usage.total_cost if usage else None
        return Reply(output.completion, said, calls, *counts, dollars)


_AT_ONCE = 16  # calls to a provider; Inspect's own --max-connections allows fewer


@modelapi(name="gadfly")
class GadflyAPI(ModelAPI):
    """A chat model of the agent's behind Inspect: a scripted reasoner (``--model gadfly/honest``), or any provider by
    its litellm name (``--model gadfly/openrouter/...``), over the road that a user's question takes.

    Raises:
        UsageError: the named model's key is not set, or its name is malformed.
    """

    def __init__(
        self,
        model_name: str,
        base_url: str | None = None,
        api_key: str | None = None,
        config: GenerateConfig | None = None,
        **_: Any,
    ) -> None:
        super().__init__(model_name, base_url, api_key, [], config or GenerateConfig())
        self._chat = _named(model_name, base_url)
        self._threads = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="chat")

    async def generate(
        self,
        input: list[ChatMessage],  # noqa: A002 (Inspect's name for it)
        tools: list[ToolInfo],
        tool_choice: ToolChoice,
        config: GenerateConfig,
    ) -> ModelOutput:
        """One turn."""
        # Threads of its own: the default ones are taken by samples that wait for this very reply.
        said_before, schemas = [plain(each) for each in input], [_schema(tool) for tool in tools]
        reply = await asyncio.get_running_loop().run_in_executor(
            self._threads, self._chat.reply, said_before, schemas, lambda _: None
        )
        said = inspected(reply.message)
        assert isinstance(said, ChatMessageAssistant)
        output = ModelOutput.from_message(said)
        output.model = f"gadfly/{self.model_name}"
        output.usage = ModelUsage(
            input_tokens=reply.input_tokens,
            output_tokens=reply.output_tokens,
            total_tokens=reply.input_tokens + reply.output_tokens,
            total_cost=reply.dollars,
        )
        return output


def _named(name: str, base_url: str | None) -> ChatModel:
    if name in REASONERS or "/" not in name:  # a provider's name has a slash, so this is a slip
        return reasoner(name)
    from gadfly.agent.llm.choose import choose
    from gadfly.agent.llm.provider import Provider

    choice = choose(name)
    assert choice is not None
    return Provider(replace(choice, api_base=base_url) if base_url else choice)


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


def _schema(tool: ToolInfo) -> ToolSchema:
    """A tool as providers take it."""
    function = {
        "name": tool.name,
        "description": tool.description,
        "parameters": tool.parameters.model_dump(exclude_none=True),
    }
    schema: Any = {"type": "function", "function": function}
    return cast("ToolSchema", schema)


def _resolved(part: Any, definitions: dict[str, Any]) -> Any:
    if isinstance(part, list):
        return [_resolved(each, definitions) for each in part]
    if not isinstance(part, dict):
        return part
    if "$ref" in part:
        return _resolved(definitions[part["$ref"].rsplit("/", 1)[1]], definitions)
    return {key: _resolved(value, definitions) for key, value in part.items() if key != "$defs"}
