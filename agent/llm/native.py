"""Whole-corpus mode on the anthropic SDK: documents as documents, citations made by the provider.

A citation arrives beside the text it backs and is written into it as a quote marker, so that our own check verifies
it like any other: the provider's word is not taken for it. The documents carry a cache mark; from the second question
on they are read from the provider's cache. Leaves out every other provider and retrieval (``provider``).
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from typing import Any

from gadfly.agent.llm.anthropic_format import (
    CACHED,
    Document,
    documents,
    quotable,
    tool_schema,
    translate,
)
from gadfly.agent.llm.choose import Choice
from gadfly.agent.llm.facts import facts
from gadfly.agent.llm.model import Messages, OnText, Reply, ToolCall, Tools, assistant
from gadfly.agent.llm.road import Dropped, Road, line

_MOST_OUTPUT = 16_000  # tokens
_PATIENCE = 600.0  # seconds: a large corpus is read before the first word


class Native(Road):
    """A :class:`~gadfly.agent.llm.model.ChatModel` over the anthropic SDK, with documents before the conversation."""

    def __init__(
        self,
        choice: Choice,
        documents: Sequence[Document],
        *,
        timeout: float = _PATIENCE,
        **more: Any,
    ) -> None:
        super().__init__(choice, timeout=timeout, **more)
        self._documents = list(documents)

    def _attempt(self, messages: Messages, tools: Tools, on_text: OnText) -> Reply:
        import anthropic

        client = anthropic.Anthropic(
            api_key=os.environ.get("ANTHROPIC_API_KEY"),
            base_url=os.environ.get("ANTHROPIC_API_BASE") or os.environ.get("ANTHROPIC_BASE_URL"),
            max_retries=0,
        )
        with client:
            try:
                return self._stream(client, messages, tools, on_text)
            except anthropic.BadRequestError as error:
                # Models of an earlier generation know no adaptive thinking; the request is right without it.
                if not self._reasons or "thinking" not in str(error):
                    raise
                self._reasons = False
                return self._stream(client, messages, tools, on_text)

    def _stream(self, client: Any, messages: Messages, tools: Tools, on_text: OnText) -> Reply:
        system, talk = translate(messages)
        if talk and self._documents:
            talk[0]["content"] = [*documents(self._documents), *talk[0]["content"]]
        if talk:  # the conversation so far is read from the cache in the next round
            talk[-1]["content"][-1] = {**talk[-1]["content"][-1], "cache_control": CACHED}
        # In the body as they are: the SDK knows by name only what the newest models take.
        extra: dict[str, Any] = {"timeout": self._timeout, "extra_body": self._options()}
        if self._reasons:
            extra["thinking"] = {"type": "adaptive"}
            extra["output_config"] = {"effort": self._choice.effort}
        text: list[str] = []

        def say(piece: str) -> None:
            text.append(piece)
            on_text(piece)

        with client.messages.stream(
            model=self.name.partition("/")[2],
            max_tokens=_MOST_OUTPUT,
            system=system,
            messages=talk,
            tools=[tool_schema(tool) for tool in tools],
            **extra,
        ) as stream:
            if not self._told(stream, say):
                raise Dropped
            return self._reply("".join(text), stream.get_final_message())

    def _told(self, stream: Any, say: Callable[[str], None]) -> bool:
        """Say the text, the citations of each block as quote markers behind it; whether the stream was complete."""
        complete = False
        for event in stream:
            match event.type:
                case "text":
                    say(event.text)
                case "content_block_stop":
                    found = map(self._marker, getattr(event.content_block, "citations", None) or ())
                    if markers := list(dict.fromkeys(filter(None, found))):
                        say(" " + " ".join(markers))
                case "message_stop":
                    complete = True
        return complete

    def _marker(self, cited: Any) -> str:
        index, words = getattr(cited, "document_index", None), quotable(cited.cited_text)
        if not words or not isinstance(index, int) or not 0 <= index < len(self._documents):
            return ""
        return f"[[quote {self._documents[index].id} | {words}]]"

    def _reply(self, text: str, message: Any) -> Reply:
        calls = [
            ToolCall(block.id, block.name, json.dumps(block.input))
            for block in message.content
            if block.type == "tool_use"
        ]
        thinking = [
            block.model_dump(exclude_none=True)
            for block in message.content
            if block.type in ("thinking", "redacted_thinking")
        ]
        fresh, output = message.usage.input_tokens, message.usage.output_tokens
        wrote = message.usage.cache_creation_input_tokens or 0
        read = message.usage.cache_read_input_tokens or 0
        return Reply(
            text=text,
            message=assistant(text, calls, **({"thinking_blocks": thinking} if thinking else {})),
            tool_calls=calls,
            input_tokens=fresh + wrote + read,
            output_tokens=output,
            dollars=facts(self.name).dollars(fresh, output, written=wrote, read=read),
        )

    def _passing(self, error: Exception) -> bool:
        import anthropic
        import httpx

        if isinstance(error, anthropic.APIStatusError):
            return error.status_code in (408, 409, 429) or error.status_code >= 500
        # ValueError: the SDK could not put the arguments of a tool together.
        return isinstance(error, (anthropic.APIConnectionError, httpx.HTTPError, ValueError))

    def _explain(self, error: Exception) -> str:
        return f"{self.name}: {line(error)}; or use --llm offline"
