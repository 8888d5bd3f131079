"""The one road to every provider, over litellm: streaming, retries, cost, errors in one line.

litellm takes seconds to import, so that happens at the first reply. Its own retries are off: a stream that
breaks half-way is retried here as a whole, which it cannot do.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from gadfly.agent.llm.caching import marked
from gadfly.agent.llm.choose import Choice
from gadfly.agent.llm.facts import facts
from gadfly.agent.llm.model import Message, Reply, ToolCall
from gadfly.agent.llm.retry import Dropped, line, persist
from gadfly.surroundings import sealed

if TYPE_CHECKING:
    from gadfly.agent.llm.model import ToolSchema


class Provider:
    """A :class:`~gadfly.agent.llm.model.ChatModel` behind litellm.

    Args:
        choice: the litellm model name and where it is served.
        effort: reasoning effort, sent unless the model is known to have none.
        timeout: seconds without a byte before the connection counts as dead.
        wait: sleeps between attempts (tests pass their own).
    """

    def __init__(
        self,
        choice: Choice,
        *,
        effort: str = "medium",
        timeout: float = 120.0,
        on_retry: Callable[[str], None] = lambda _: None,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        self._choice = choice
        self._effort = effort
        self._timeout = timeout
        self._on_retry = on_retry
        self._wait = wait

    @property
    def name(self) -> str:
        return self._choice.model

    def reply(
        self,
        messages: Sequence[Message],
        tools: Sequence[ToolSchema],
        on_text: Callable[[str], None],
    ) -> Reply:
        litellm = _litellm()
        return persist(
            lambda: self._stream(litellm, messages, tools, on_text),
            name=self.name,
            passing=lambda error: _passing(litellm, error),
            explain=lambda error: self._explain(litellm, error),
            on_retry=self._on_retry,
            wait=self._wait,
        )

    def _stream(
        self,
        litellm: Any,
        messages: Sequence[Message],
        tools: Sequence[ToolSchema],
        on_text: Callable[[str], None],
    ) -> Reply:
        chunks = []
        stream = litellm.completion(
            model=self.name,
            messages=marked(messages, self.name),
            tools=list(tools) or None,
            stream=True,
            stream_options={"include_usage": True},
            reasoning_effort=None if facts(self.name).reasoning is False else self._effort,
            drop_params=True,
            api_base=self._choice.api_base,
            # A local OpenAI-compatible server takes any key, but the client insists on one.
            api_key=os.environ.get("GADFLY_API_KEY", "none") if self._choice.api_base else None,
            timeout=self._timeout,
            max_retries=0,
            num_retries=0,
        )
        for chunk in stream:
            chunks.append(chunk)
            for choice in chunk.choices:
                if choice.delta.content:
                    on_text(choice.delta.content)
        if not _finished(stream):
            raise Dropped("the connection dropped before the reply was complete")
        return _assemble(litellm, chunks, list(messages))

    def _explain(self, litellm: Any, error: Exception) -> str:
        if isinstance(error, (litellm.AuthenticationError, litellm.PermissionDeniedError)):
            return (
                f"{self.name} refused the key: {line(error)}; check the key, or use --llm offline"
            )
        if isinstance(error, litellm.ContextWindowExceededError):
            return f"the conversation no longer fits into {self.name}: {line(error)}"
        if isinstance(error, litellm.NotFoundError):
            return f"no model {self.name}: {line(error)}; name another with --llm"
        return f"{self.name}: {line(error)}"


def preload() -> None:
    """Import litellm ahead of the first reply."""
    _litellm()


def _finished(stream: Any) -> bool:
    """Whether the provider itself said that the reply is complete. litellm writes a finish reason of its own
    into a stream that merely broke off, so the chunks cannot tell."""
    if not hasattr(stream, "received_finish_reason"):
        return True
    return bool(stream.received_finish_reason or stream.intermittent_finish_reason)


def _litellm() -> Any:
    with sealed():
        import litellm

    litellm.suppress_debug_info = True
    return litellm


def _assemble(litellm: Any, chunks: list[Any], messages: list[Message]) -> Reply:
    whole = litellm.stream_chunk_builder(chunks, messages=messages)
    message = whole.choices[0].message
    calls = [
        ToolCall(
            call.id or f"call_{index}", call.function.name or "", call.function.arguments or ""
        )
        for index, call in enumerate(message.tool_calls or [])
    ]
    usage = getattr(whole, "usage", None)
    return Reply(
        text=message.content or "",
        message=_portable(message.model_dump(exclude_none=True), calls),
        tool_calls=calls,
        input_tokens=int(getattr(usage, "prompt_tokens", 0) or 0),
        output_tokens=int(getattr(usage, "completion_tokens", 0) or 0),
        dollars=_dollars(litellm, whole, usage),
    )


def _portable(message: Message, calls: list[ToolCall]) -> Message:
    """The message as it may be sent back: malformed arguments would be refused, so they become {}
    (the tool node has already told the model what was wrong with them)."""
    message.setdefault("content", None)
    message.pop("function_call", None)
    if calls:
        message["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {
                    "name": call.name,
                    "arguments": call.arguments if _is_object(call.arguments) else "{}",
                },
            }
            for call in calls
        ]
    return message


def _is_object(text: str) -> bool:
    import json

    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False


def _dollars(litellm: Any, whole: Any, usage: Any) -> float | None:
    """What the provider billed, else the price list, else unknown."""
    billed = getattr(usage, "cost", None)
    if isinstance(billed, (int, float)):
        return float(billed)
    try:
        price = litellm.completion_cost(completion_response=whole)
    except Exception:
        return None  # litellm raises a bare Exception for a model that it has no price for
    return float(price)


def _passing(litellm: Any, error: Exception) -> bool:
    """Whether trying again may help."""
    lasting = (
        litellm.AuthenticationError,
        litellm.PermissionDeniedError,
        litellm.NotFoundError,
        litellm.BadRequestError,  # context window, content policy and payment are subclasses
        litellm.UnprocessableEntityError,
    )
    status = getattr(error, "status_code", None)
    if isinstance(error, Dropped):
        return True
    if isinstance(error, lasting) or status in (400, 401, 402, 403, 404, 422):
        return False
    import httpx
    import openai

    return isinstance(error, (openai.APIError, httpx.HTTPError, OSError))
