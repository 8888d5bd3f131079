"""Whole-corpus mode on the anthropic SDK: documents as documents, citations made by the provider.

A citation arrives beside the text it backs and is written into it as a quote marker, so that our own check verifies
it like any other: the provider's word is not taken for it. The documents carry a cache mark; from the second question
on they are read from the provider's cache. Leaves out every other provider and retrieval (``provider``).
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from gadfly.agent.llm.anthropic_format import (
    Document,
    as_object,
    documents,
    quotable,
    tool_schema,
    translate,
)  # fmt: skip
from gadfly.agent.llm.choose import Choice
from gadfly.agent.llm.facts import facts
from gadfly.agent.llm.model import Message, Reply, ToolCall
from gadfly.agent.llm.retry import Dropped, line, persist

if TYPE_CHECKING:
    from gadfly.agent.llm.model import ToolSchema

_MOST_OUTPUT = 16_000  # tokens


class Native:
    """A :class:`~gadfly.agent.llm.model.ChatModel` over the anthropic SDK, with documents before the conversation."""

    def __init__(
        self,
        choice: Choice,
        documents: Sequence[Document],
        *,
        effort: str = "medium",
        timeout: float = 600.0,
        on_retry: Callable[[str], None] = lambda _: None,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        self._choice = choice
        self._documents = list(documents)
        self._effort = effort
        self._timeout = timeout
        self._on_retry = on_retry
        self._wait = wait
        self._thinks = facts(choice.model).reasoning is not False

    @property
    def name(self) -> str:
        return self._choice.model

    def reply(
        self,
        messages: Sequence[Message],
        tools: Sequence[ToolSchema],
        on_text: Callable[[str], None],
    ) -> Reply:
        import anthropic

        client = anthropic.Anthropic(
            api_key=os.environ.get("ANTHROPIC_API_KEY"),
            base_url=os.environ.get("ANTHROPIC_API_BASE") or os.environ.get("ANTHROPIC_BASE_URL"),
            timeout=self._timeout,
            max_retries=0,
        )

        def attempt() -> Reply:
            try:
                return self._stream(client, messages, tools, on_text)
            except anthropic.BadRequestError as error:
                # Models of an earlier generation know no adaptive thinking; the request is right without it.
                if not self._thinks or "thinking" not in str(error):
                    raise
                self._thinks = False
                return self._stream(client, messages, tools, on_text)

        with client:
            return persist(
                attempt,
                name=self.name,
                passing=_passing,
                explain=lambda error: f"{self.name}: {line(error)}; or use --llm offline",
                on_retry=self._on_retry,
                wait=self._wait,
            )

    def _stream(
        self,
        client: Any,
        messages: Sequence[Message],
        tools: Sequence[ToolSchema],
        on_text: Callable[[str], None],
    ) -> Reply:
        system, talk = translate(messages)
        if talk and self._documents:
            talk[0]["content"] = [*documents(self._documents), *talk[0]["content"]]
        if talk:  # the conversation so far is read from the cache in the next round
            talk[-1]["content"][-1] = {
                **talk[-1]["content"][-1],
                "cache_control": {"type": "ephemeral"},
            }
        extra: dict[str, Any] = {}
        if self._thinks:
            extra = {"thinking": {"type": "adaptive"}, "output_config": {"effort": self._effort}}
        stream = client.messages.create(
            model=self.name.partition("/")[2],
            max_tokens=_MOST_OUTPUT,
            system=system,
            messages=talk,
            tools=[tool_schema(tool) for tool in tools],
            stream=True,
            **extra,
        )
        written = _Written(self._documents, on_text)
        with stream:
            for event in stream:
                written.take(event)
        return written.reply(self.name)


class _Written:
    """Puts a stream of events together into one reply."""

    def __init__(self, documents: Sequence[Document], on_text: Callable[[str], None]) -> None:
        self._documents = documents
        self._on_text = on_text
        self._blocks: list[dict[str, Any]] = []
        self._cited: list[tuple[str, str]] = []
        self._text: list[str] = []
        self._usage: dict[str, int] = {}
        self._complete = False

    def take(self, event: Any) -> None:
        match event.type:
            case "message_start":
                self._count(event.message.usage)
            case "content_block_start":
                self._blocks.append(event.content_block.model_dump(exclude_none=True))
                self._blocks[-1]["json"] = ""
            case "content_block_delta":
                self._delta(event.delta)
            case "content_block_stop":
                self._cite()
            case "message_delta":
                self._count(event.usage)
            case "message_stop":
                self._complete = True

    def _delta(self, delta: Any) -> None:
        block = self._blocks[-1]
        match delta.type:
            case "text_delta":
                block["text"] = block.get("text", "") + delta.text
                self._say(delta.text)
            case "citations_delta":
                cited = delta.citation
                index = getattr(cited, "document_index", None)
                if isinstance(index, int) and 0 <= index < len(self._documents):
                    self._cited.append((self._documents[index].id, cited.cited_text))
            case "input_json_delta":
                block["json"] += delta.partial_json
            case "thinking_delta":
                block["thinking"] = block.get("thinking", "") + delta.thinking
            case "signature_delta":
                block["signature"] = block.get("signature", "") + delta.signature

    def _cite(self) -> None:
        """The citations of the block that ended, as quote markers behind its text."""
        markers = [
            f"[[quote {name} | {words}]]" for name, text in self._cited if (words := quotable(text))
        ]
        if markers:
            self._say(" " + " ".join(dict.fromkeys(markers)))
        self._cited = []

    def _say(self, text: str) -> None:
        self._text.append(text)
        self._on_text(text)

    def _count(self, usage: Any) -> None:
        for name in (
            "input_tokens",
            "output_tokens",
            "cache_creation_input_tokens",
            "cache_read_input_tokens",
        ):
            value = getattr(usage, name, None)
            if value is not None:
                self._usage[name] = int(value)

    def reply(self, name: str) -> Reply:
        if not self._complete:
            raise Dropped("the connection dropped before the reply was complete")
        calls = [
            ToolCall(b["id"], b["name"], b["json"] or json.dumps(b.get("input") or {}))
            for b in self._blocks if b["type"] == "tool_use"
        ]  # fmt: skip
        text = "".join(self._text)
        message: Message = {"role": "assistant", "content": text or None}
        if calls:
            message["tool_calls"] = [
                {"id": c.id, "type": "function", "function": {"name": c.name, "arguments": as_object(c.arguments)}}
                for c in calls
            ]  # fmt: skip
        thinking = [
            {k: v for k, v in b.items() if k != "json"}
            for b in self._blocks if b["type"] in ("thinking", "redacted_thinking")
        ]  # fmt: skip
        if thinking:
            message["thinking_blocks"] = thinking
        fresh, output = self._usage.get("input_tokens", 0), self._usage.get("output_tokens", 0)
        wrote = self._usage.get("cache_creation_input_tokens", 0)
        read = self._usage.get("cache_read_input_tokens", 0)
        return Reply(
            text=text,
            message=message,
            tool_calls=calls,
            input_tokens=fresh + wrote + read,
            output_tokens=output,
            dollars=facts(name).dollars(fresh, output, written=wrote, read=read),
        )


def _passing(error: Exception) -> bool:
    """Whether trying again may help."""
    import anthropic
    import httpx

    if isinstance(error, anthropic.APIStatusError):
        return error.status_code in (408, 409, 429) or error.status_code >= 500
    return isinstance(error, (Dropped, anthropic.APIConnectionError, httpx.HTTPError, OSError))
