"""Cache marks for providers that want them in the messages: what comes before a mark is paid for once and then read.

Without them every round of a turn pays again for the tools' schemas, the instructions and the conversation so far.
Other providers cache a common prefix by themselves.
"""

from __future__ import annotations

from collections.abc import Sequence

from gadfly.agent.llm.model import Message

_MARK = {"type": "ephemeral"}


def wants_marks(model: str) -> bool:
    """Whether this model's provider takes cache marks."""
    return "claude" in model or model.startswith("anthropic/")


def marked(messages: Sequence[Message], model: str) -> list[Message]:
    """The messages with a mark behind the system prompt (which the tools precede) and behind the newest message."""
    out = list(messages)
    if not wants_marks(model):
        return out
    # Anthropic itself takes marks on tool results; on the way there only system and user messages are sure to.
    roles = ("user", "tool") if model.startswith("anthropic/") else ("user",)
    newest = next((i for i in reversed(range(len(out))) if out[i]["role"] in roles), None)
    for index in {i for i, m in enumerate(out) if m["role"] == "system"} | {newest}:
        if index is not None and isinstance(text := out[index].get("content"), str) and text:
            out[index] = {
                **out[index],
                "content": [{"type": "text", "text": text, "cache_control": _MARK}],
            }
    return out
