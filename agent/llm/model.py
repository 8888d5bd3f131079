"""The ``ChatModel`` protocol: messages and tool schemas in, one streamed reply out.

Messages and tools are plain dicts in the OpenAI chat-completions format, typed by the openai package.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

if TYPE_CHECKING:
    from openai.types.chat import ChatCompletionToolParam

    ToolSchema: TypeAlias = ChatCompletionToolParam

Message: TypeAlias = dict[str, Any]
Messages: TypeAlias = Sequence[Message]
Tools: TypeAlias = "Sequence[ToolSchema]"
OnText: TypeAlias = Callable[[str], None]


@dataclass(frozen=True)
class ToolCall:
    """A call the model asks for. ``arguments`` is its JSON as written, possibly malformed."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True)
class Reply:
    """One turn of the model, complete."""

    text: str
    message: Message
    """The assistant message as it goes back into the conversation, reasoning blocks included."""
    tool_calls: Sequence[ToolCall] = ()
    input_tokens: int = 0
    output_tokens: int = 0
    dollars: float | None = field(default=0.0)
    """None when no price is known for the model."""


class ChatModel(Protocol):
    """A language model with tools."""

    @property
    def name(self) -> str: ...

    def reply(self, messages: Messages, tools: Tools, on_text: OnText) -> Reply:
        """Stream one turn. ``on_text`` gets each piece of visible text as it arrives.

        Raises:
            LLMError: after retries, with one line that names the way out and no secret.
        """
        ...


def assistant(text: str, calls: Sequence[ToolCall], **more: Any) -> Message:
    """The message of a reply, as it may be sent back: providers refuse malformed arguments, so they become ``{}`` (the
    model has been told already what was wrong with them)."""
    message: Message = {"role": "assistant", "content": text or None, **more}
    if calls:
        message["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": json.dumps(arguments(call.arguments))},
            }
            for call in calls
        ]
    return message


def arguments(written: str) -> dict[str, Any]:
    """A call's arguments; none where they are no JSON object."""
    try:
        found = json.loads(written)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def text_of(message: Message) -> str:
    """The text of a message, whose content may come in parts."""
    content = message.get("content")
    if isinstance(content, list):
        return "\n".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return str(content or "")
