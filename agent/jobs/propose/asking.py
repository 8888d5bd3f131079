"""Asking a language model in a fresh context, and the bill of it."""

from __future__ import annotations

from threading import Lock
from typing import Any

from gadfly.agent.llm.model import ChatModel
from gadfly.agent.turn.skeptic.split import read_json


class Asker:
    """One question, one reply, no tools. Thread-safe; ``dollars`` is None once a price was unknown."""

    def __init__(self, chat: ChatModel) -> None:
        self.chat = chat
        self.dollars: float | None = 0.0
        self._lock = Lock()

    @property
    def name(self) -> str:
        return self.chat.name

    def ask(self, text: str) -> str:
        """The reply's text. Raises LLMError: the provider failed for good."""
        reply = self.chat.reply([{"role": "user", "content": text}], [], lambda _: None)
        with self._lock:
            known = self.dollars is not None and reply.dollars is not None
            self.dollars = (self.dollars or 0.0) + (reply.dollars or 0.0) if known else None
        return reply.text

    def list(self, text: str) -> list[dict[str, Any]]:
        """The objects of the reply's JSON list; empty where there is none."""
        found = clean(read_json(self.ask(text), list) or [])
        return [each for each in found if isinstance(each, dict)]

    def object(self, text: str) -> dict[str, Any]:
        """The reply's JSON object; empty where there is none."""
        found: dict[str, Any] = clean(read_json(self.ask(text), dict) or {})
        return found


def clean(value: Any) -> Any:
    """Parsed JSON without control characters: a reply must not steer a terminal."""
    if isinstance(value, str):
        return "".join(c for c in value if c.isprintable() or c in "\n\t")
    if isinstance(value, list):
        return [clean(each) for each in value]
    if isinstance(value, dict):
        return {clean(key): clean(each) for key, each in value.items()}
    return value
