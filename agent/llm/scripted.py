"""A chat model that replays a script: for tests and evals, with no network. It ships with the package."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

from gadfly.agent.llm.model import Message, Messages, OnText, Reply, ToolCall, Tools
from gadfly.errors import LLMError

Turn = Reply | Callable[[Messages], Reply]


def says(text: str) -> Reply:
    """A turn that is text alone."""
    return Reply(text=text, message={"role": "assistant", "content": text})


def calls(name: str, arguments: dict[str, Any] | str, *, call_id: str = "call_1") -> Reply:
    """A turn that calls one tool; a string is sent as it is, valid JSON or not."""
    raw = arguments if isinstance(arguments, str) else json.dumps(arguments)
    call = {"id": call_id, "type": "function", "function": {"name": name, "arguments": raw}}
    return Reply(
        text="",
        message={"role": "assistant", "content": None, "tool_calls": [call]},
        tool_calls=[ToolCall(call_id, name, raw)],
    )


class ScriptedModel:
    """Replies with its turns in order; a turn may be a function of the messages so far."""

    name = "scripted"

    def __init__(self, turns: Iterable[Turn]) -> None:
        self._turns = iter(turns)
        self.seen: list[list[Message]] = []
        """The messages of each call, for assertions."""
        self.tools_seen: list[list[str]] = []

    def reply(self, messages: Messages, tools: Tools, on_text: OnText) -> Reply:
        self.seen.append([dict(message) for message in messages])
        self.tools_seen.append([tool["function"]["name"] for tool in tools])
        turn = next(self._turns, None)
        if turn is None:
            raise LLMError("the scripted model has no turn left")
        reply = turn if isinstance(turn, Reply) else turn(messages)
        on_text(reply.text)
        return reply
