"""Between chat-completions messages and Anthropic's: documents, tools, roles, citations as markers. Pure functions."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

from gadfly.agent.llm.model import Message

if TYPE_CHECKING:
    from gadfly.agent.llm.model import ToolSchema


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
        blocks[-1]["cache_control"] = {"type": "ephemeral"}
    return blocks


def quotable(text: str) -> str:
    """A cited stretch as the words of a marker: its longest line, which a marker's end cannot stand in."""
    parts = [" ".join(part.split()) for part in re.split(r"\n\s*\n|\]\]|\[\[", text)]
    return max(parts, key=len, default="")


def translate(messages: Sequence[Message]) -> tuple[str, list[dict[str, Any]]]:
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
        text = _plain(message.get("content"))
        said = [{"type": "text", "text": text}] if text.strip() else []
        match message["role"]:
            case "system":
                system.append(text)
            case "user":
                put("user", *said)
            case "tool":
                put(
                    "user",
                    {
                        "type": "tool_result",
                        "tool_use_id": message["tool_call_id"],
                        "content": text,
                    },
                )
            case "assistant":
                uses = [
                    {
                        "type": "tool_use", "id": call["id"], "name": call["function"]["name"],
                        "input": json.loads(as_object(call["function"]["arguments"])),
                    }
                    for call in message.get("tool_calls") or ()
                ]  # fmt: skip
                put("assistant", *(message.get("thinking_blocks") or ()), *said, *uses)
    return "\n\n".join(system), talk


def _plain(content: Any) -> str:
    if isinstance(content, list):
        return "\n".join(str(part.get("text", "")) for part in content)
    return str(content or "")


def as_object(arguments: str) -> str:
    try:
        return arguments if isinstance(json.loads(arguments), dict) else "{}"
    except ValueError:
        return "{}"


def tool_schema(tool: ToolSchema) -> dict[str, Any]:
    function = tool["function"]
    return {
        "name": function["name"],
        "description": function.get("description", ""),
        "input_schema": function.get("parameters", {"type": "object"}),
    }
