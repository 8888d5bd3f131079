"""The ``ChatModel`` protocol: messages and tool schemas in, one streamed reply out.

Messages and tools are plain dicts in the OpenAI chat-completions format, typed by the openai package.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

if TYPE_CHECKING:
    from openai.types.chat import ChatCompletionToolParam

    ToolSchema: TypeAlias = ChatCompletionToolParam

Message: TypeAlias = dict[str, Any]


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

    def reply(
        self,
        messages: Sequence[Message],
        tools: Sequence[ToolSchema],
        on_text: Callable[[str], None],
    ) -> Reply:
        """Stream one turn. ``on_text`` gets each piece of visible text as it arrives.

        Raises:
            LLMError: after retries, with one line that names the way out and no secret.
        """
        ...
