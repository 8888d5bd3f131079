"""Between chat-completions messages and Anthropic's: documents, tools, roles, citations, cache marks."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

from gadfly.agent.llm.model import Message, Messages, arguments, text_of

if TYPE_CHECKING:
    from gadfly.agent.llm.model import ToolSchema


CACHED = {"type": "ephemeral"}
"""What comes before this mark is paid for once and then read."""


class Document(Protocol):
    """What is cited; :class:`gadfly.agent.turn.context.whole.Piece` fits."""

    @property
    def id(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def text(self) -> str: ...


def documents(given: Sequence[Document]) -> list[dict[str, Any]]:
    """Document blocks; the last carries the cache mark, so that all of them are cached."""
    blocks: list[dict[str, Any]] = [
        {
            "type": "document",
            "source": {"type": "text", "media_type": "text/plain", "data": each.text},
            "title": f"{each.id}: {each.title}"[:480],
            "citations": {"enabled": True},
        }
        for each in given
    ]
    if blocks:
        blocks[-1]["cache_control"] = CACHED
    return blocks


def quotable(text: str) -> str:
    """A cited stretch as the words of a marker: its longest line, which a marker's end cannot stand in."""
    parts = [" ".join(part.split()) for part in re.split(r"\n\s*\n|\]\]|\[\[", text)]
    return max(parts, key=len, default="")


def translate(messages: Messages) -> tuple[str, list[dict[str, Any]]]:
    """Chat-completions messages as Anthropic's: system apart, results as user blocks, roles in turn."""
    system: list[str] = []
    talk: list[dict[str, Any]] = []

    def put(role: str, *blocks: dict[str, Any]) -> None:
        if not blocks:
            return
        if talk and talk[-1]["role"] == role:
            talk[-1]["content"].extend(blocks)
        else:
            talk.append({"role": role, "content": list(blocks)})

    for message in messages:
        text = text_of(message)
        said = [{"type": "text", "text": text}] if text.strip() else []
        match message["role"]:
            case "system":
                system.append(text)
            case "user":
                put("user", *said)
            case "tool":
                result = {"type": "tool_result", "tool_use_id": message["tool_call_id"]}
                put("user", {**result, "content": text})
            case "assistant":
                uses = [
                    {
                        "type": "tool_use",
                        "id": call["id"],
                        "name": call["function"]["name"],
                        "input": arguments(call["function"]["arguments"]),
                    }
                    for call in message.get("tool_calls") or ()
                ]
                put("assistant", *(message.get("thinking_blocks") or ()), *said, *uses)
    return "\n\n".join(system), talk


def tool_schema(tool: ToolSchema) -> dict[str, Any]:
    function = tool["function"]
    return {
        "name": function["name"],
        "description": function.get("description", ""),
        "input_schema": function.get("parameters", {"type": "object"}),
    }


def wants_marks(model: str) -> bool:
    """Whether this model's provider takes cache marks. Others cache a common prefix by themselves."""
    return "claude" in model or model.startswith("anthropic/")


def marked(messages: Messages, model: str) -> list[Message]:
    """Chat-completions messages with a mark behind the system prompt (which the tools precede) and behind the newest
    message: without them every round of a turn pays again for all that was said before."""
    out = list(messages)
    if not wants_marks(model):
        return out
    # Anthropic itself takes marks on tool results; on the way there only system and user messages are sure to.
    roles = ("user", "tool") if model.startswith("anthropic/") else ("user",)
    newest = next((i for i in reversed(range(len(out))) if out[i]["role"] in roles), None)
    for index in {i for i, m in enumerate(out) if m["role"] == "system"} | {newest}:
        if index is not None and isinstance(text := out[index].get("content"), str) and text:
            part = {"type": "text", "text": text, "cache_control": CACHED}
            out[index] = {**out[index], "content": [part]}
    return out
