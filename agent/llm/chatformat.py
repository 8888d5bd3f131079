"""Tool calls in the text of open models, in the formats that their chat templates teach. Text only; no model."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from gadfly.agent.llm.model import Message, ToolCall, arguments, text_of

# Hermes and Qwen; Mistral; Llama 3 (with or without its tag). Each leads to JSON.
_TAGGED = re.compile(r"<tool_call>\s*(.*?)\s*(?:</tool_call>|\Z)", re.S)
_MISTRAL = re.compile(r"\[TOOL_CALLS\]\s*(\[.*\])", re.S)
_LLAMA = re.compile(r"^\s*(?:<\|python_tag\|>)?\s*(\{\s*\"(?:name|type)\".*\})\s*\Z", re.S)
_THOUGHT = re.compile(r"<think>.*?(?:</think>|\Z)", re.S)
# Where visible text must wait until it is known whether a call or a thought begins.
OPENINGS = ("<tool_call>", "<think>", "[TOOL_CALLS]", "<|python_tag|>")


class Parsed(NamedTuple):
    """What a person reads, and what is called. A call that is no JSON keeps its text as arguments."""

    text: str
    calls: list[ToolCall]


def parse(raw: str) -> Parsed:
    """Split a model's text into prose and calls; thoughts are left out of both."""
    text = _THOUGHT.sub("", raw)
    calls: list[ToolCall] = []
    for pattern in (_TAGGED, _MISTRAL, _LLAMA):
        for match in pattern.finditer(text):
            calls += _calls(match[1], len(calls))
        if calls:
            return Parsed(pattern.sub("", text).strip(), calls)
    return Parsed(text.strip(), calls)


def _calls(body: str, start: int) -> Iterator[ToolCall]:
    try:
        data = json.loads(body)
    except ValueError:
        name = re.search(r'"name"\s*:\s*"([\w.-]+)"', body)
        yield ToolCall(f"call_{start}", name[1] if name else "", body)
        return
    for number, item in enumerate(data if isinstance(data, list) else [data], start):
        if isinstance(item, dict) and isinstance(item.get("name"), str):
            given: Any = item.get("arguments", item.get("parameters", {}))
            written = given if isinstance(given, str) else json.dumps(given)
            yield ToolCall(f"call_{number}", item["name"], written)


def for_template(messages: list[Message]) -> list[Message]:
    """Messages as chat templates take them: arguments as objects, contents as strings."""
    out = []
    for message in messages:
        plain: Message = {"role": message["role"], "content": text_of(message)}
        if message.get("tool_calls"):
            plain["tool_calls"] = [
                {
                    "type": "function",
                    "function": {
                        "name": call["function"]["name"],
                        "arguments": arguments(call["function"]["arguments"]),
                    },
                }
                for call in message["tool_calls"]
            ]
        if message["role"] == "tool":
            plain["tool_call_id"] = message.get("tool_call_id", "")
        out.append(plain)
    return out


class Stream:
    """Gives visible text as soon as it is sure that no call and no thought begins in it."""

    def __init__(self) -> None:
        self._raw = ""
        self._told = 0

    def feed(self, piece: str) -> str:
        """The text that may be shown now."""
        self._raw += piece
        end = len(self._raw)
        for opening in OPENINGS:
            at = self._raw.find(opening, self._told)
            if at >= 0:
                closing = {"<think>": "</think>"}.get(opening)
                after = self._raw.find(closing, at) if closing else -1
                if closing and after >= 0:  # the thought is over: go on behind it
                    shown = self._raw[self._told : at]
                    self._told = after + len(closing)
                    return shown + self.feed("")
                end = min(end, at)
                continue
            tail = next(
                (n for n in range(len(opening) - 1, 0, -1) if self._raw.endswith(opening[:n])), 0
            )
            end = min(end, len(self._raw) - tail)
        if self._raw.lstrip().startswith("{"):  # Llama writes a call as bare JSON
            return ""
        shown = self._raw[self._told : end] if end > self._told else ""
        self._told = max(self._told, end)
        return shown
