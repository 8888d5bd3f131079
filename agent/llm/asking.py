"""One question to a model in a fresh context, and what its reply is worth.

A reply is data: it is parsed, its quotes are looked up (``answers.receipts``), and nothing in it is followed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from threading import Lock
from typing import Any

from gadfly.agent.llm.model import ChatModel, Message, Reply

Ask = Callable[[str], str]
"""A prompt in, a model's text out, in a context of its own."""

_PLACES = 100  # brackets of a reply that are tried; prose about code is full of them


class Asker:
    """Asks a model one question at a time, without tools, and keeps the replies for the bill. Thread-safe."""

    def __init__(self, chat: ChatModel) -> None:
        self.chat = chat
        self.replies: list[Reply] = []
        self._lock = Lock()

    @property
    def name(self) -> str:
        return self.chat.name

    @property
    def dollars(self) -> float | None:
        """What the replies took; None once a price was unknown."""
        prices = [reply.dollars for reply in self.replies]
        return None if None in prices else sum(price or 0.0 for price in prices)

    def ask(self, text: str, system: str = "") -> str:
        """The reply's text. Raises LLMError: the provider failed for good."""
        messages: list[Message] = [{"role": "system", "content": system}] if system else []
        reply = self.chat.reply([*messages, {"role": "user", "content": text}], [], lambda _: None)
        with self._lock:
            self.replies.append(reply)
        return reply.text

    def list(self, text: str) -> list[dict[str, Any]]:
        """The objects of the reply's JSON list; none where there is no list."""
        return list_in(self.ask(text)) or []

    def object(self, text: str) -> dict[str, Any]:
        """The reply's JSON object; empty where there is none."""
        return object_in(self.ask(text))


def list_in(reply: str, of: type | tuple[type, ...] = dict) -> list[Any] | None:
    """The first list of a reply with items of this type or these, whatever stands around it; other items are left out.

    An empty list counts only where no other is there; None where there is no list.
    """
    empty = None
    for value in _values(reply, "["):
        if items := [item for item in value if isinstance(item, of)]:
            return items
        empty = value if value == [] else empty
    return empty


def object_in(reply: str) -> dict[str, Any]:
    """The first JSON object of a reply, whatever stands around it; empty where there is none."""
    return next(_values(reply, "{"), {})


def line_of(value: Any, most: int = 600) -> str:
    """A sentence that a model wrote, on one line of at most ``most`` characters; empty for what is no text."""
    text = " ".join(value.split()) if isinstance(value, str) else ""
    return text if len(text) <= most else text[: most - 1] + "…"


def _values(reply: str, opening: str) -> Iterator[Any]:
    """What parses as JSON at one of the first places where it could begin."""
    decoder, at = json.JSONDecoder(), reply.find(opening)
    for _ in range(_PLACES):
        if at < 0:
            return
        try:
            value, end = decoder.raw_decode(reply, at)
        except (ValueError, RecursionError):
            end = at + 1
        else:
            yield _printable(value)
        at = reply.find(opening, end)


def _printable(value: Any) -> Any:
    """Parsed JSON without control characters: a reply must not steer a terminal."""
    if isinstance(value, str):
        return "".join(c for c in value if c.isprintable() or c in "\n\t")
    if isinstance(value, list):
        return [_printable(each) for each in value]
    if isinstance(value, dict):
        return {_printable(key): _printable(each) for key, each in value.items()}
    return value
