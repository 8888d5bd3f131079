"""The road to every provider, over litellm: streaming, cost, errors in one line.

litellm takes seconds to import, so that happens at the first reply.
"""

from __future__ import annotations

from typing import Any

from gadfly.agent.llm.anthropic_format import marked
from gadfly.agent.llm.model import Message, Messages, OnText, Reply, ToolCall, Tools, assistant
from gadfly.agent.llm.road import Dropped, Road, line
from gadfly.settings import API_KEY
from gadfly.surroundings import sealed


class Provider(Road):
    """A :class:`~gadfly.agent.llm.model.ChatModel` behind litellm."""

    def _attempt(self, messages: Messages, tools: Tools, on_text: OnText) -> Reply:
        litellm = _litellm()
        chunks = []
        stream = litellm.completion(
            model=self.name,
            messages=marked(messages, self.name),
            tools=list(tools) or None,
            stream=True,
            stream_options={"include_usage": True},
            reasoning_effort=self._choice.effort if self._reasons else None,
            drop_params=True,
            api_base=self._choice.api_base,
            # A local OpenAI-compatible server takes any key, but the client insists on one.
            api_key=(API_KEY.value() or "none") if self._choice.api_base else None,
            max_retries=0,
            num_retries=0,
            timeout=self._timeout,
            **self._options(),
        )
        for chunk in stream:
            chunks.append(chunk)
            for choice in chunk.choices:
                if choice.delta.content:
                    on_text(choice.delta.content)
        if not _finished(stream):
            raise Dropped
        return _assemble(litellm, chunks, list(messages))

    def _explain(self, error: Exception) -> str:
        litellm = _litellm()
        if isinstance(error, (litellm.AuthenticationError, litellm.PermissionDeniedError)):
            return (
                f"{self.name} refused the key: {line(error)}; check the key, or use --llm offline"
            )
        if isinstance(error, litellm.ContextWindowExceededError):
            return f"the conversation no longer fits into {self.name}: {line(error)}"
        if isinstance(error, litellm.NotFoundError):
            return f"no model {self.name}: {line(error)}; name another with --llm"
        return f"{self.name}: {line(error)}"

    def _passing(self, error: Exception) -> bool:
        import httpx
        import openai

        litellm = _litellm()
        lasting = (
            litellm.AuthenticationError,
            litellm.PermissionDeniedError,
            litellm.NotFoundError,
            litellm.BadRequestError,  # context window, content policy and payment are subclasses
            litellm.UnprocessableEntityError,
        )
        status = getattr(error, "status_code", None)
        if isinstance(error, lasting) or status in (400, 401, 402, 403, 404, 422):
            return False
        return isinstance(error, (openai.APIError, httpx.HTTPError))


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
    kept = message.model_dump(exclude_none=True, exclude={"function_call", "tool_calls"})
    return Reply(
        text=message.content or "",
        message={**kept, **assistant(message.content, calls)},
        tool_calls=calls,
        input_tokens=int(getattr(usage, "prompt_tokens", 0) or 0),
        output_tokens=int(getattr(usage, "completion_tokens", 0) or 0),
        dollars=_dollars(litellm, whole, usage),
    )


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
