"""One question to a model in a fresh context, and what its reply is worth.

A reply is data like the code: it is parsed, its quotes are looked up, and nothing in it is followed.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from threading import Lock
from typing import Any

from gadfly.agent.critic.views import Spot, View
from gadfly.agent.llm.model import ChatModel, Message
from gadfly.tools.review.report import Level, Spent, level

_LONGEST = 600  # characters of a sentence that a model wrote
_MOST = 12  # entries of one reply
_PLACES = 100  # brackets of a reply that are tried; prose about code is full of them


@dataclass(frozen=True)
class Candidate:
    """A mistake that one reading reports, at code that is there."""

    view: View
    spot: Spot
    problem: str
    severity: Level
    framing: str


@dataclass(frozen=True)
class Lost:
    """An entry of a reply that cannot be placed."""

    problem: str
    reason: str


class Asker:
    """Asks, without tools, and keeps the bill."""

    def __init__(self, chat: ChatModel) -> None:
        self.chat = chat
        self.spent = Spent()
        self._lock = Lock()

    def ask(self, user: str, system: str = "") -> str:
        """One reply in a fresh context.

        Raises:
            LLMError: the provider failed for good.
        """
        messages: list[Message] = [{"role": "system", "content": system}] if system else []
        reply = self.chat.reply([*messages, {"role": "user", "content": user}], [], lambda _: None)
        with self._lock:
            spent = self.spent
            spent.calls += 1
            spent.input_tokens += reply.input_tokens
            spent.output_tokens += reply.output_tokens
            known = spent.dollars is not None and reply.dollars is not None
            spent.dollars = (spent.dollars or 0) + (reply.dollars or 0) if known else None
        return reply.text


def candidates(reply: str, view: View, framing: str) -> tuple[list[Candidate], list[Lost]] | None:
    """The mistakes in a reply that stand at code of the view, and the others; None for a reply that is no list."""
    entries = _list(reply)
    if entries is None:
        return None
    found: list[Candidate] = []
    lost: list[Lost] = []
    for entry in entries[:_MOST]:
        problem = _sentence(entry.get("problem"))
        quote = entry.get("quote")
        if not problem or not isinstance(quote, str):
            lost.append(Lost(problem or "an entry without a problem", "malformed"))
            continue
        spots = view.find(quote)
        if not spots:
            lost.append(Lost(problem, "its quote is not in the code"))
            continue
        file = view.file
        counted = [spot for spot in spots if file.counts(*spot)]
        counted = counted or [spot for spot in spots if file.is_near(*spot)]
        if not counted:
            lost.append(Lost(problem, "its quote is outside the change"))
            continue
        said = entry.get("severity")
        severity = level(said) if said in ("high", "medium", "low") else "warning"
        found.append(Candidate(view, counted[0], problem, severity, framing))
    return found, lost


def verdict(reply: str) -> tuple[bool, str] | None:
    """Whether a claim was refuted, and why; None for a reply that says neither."""
    told = _object(reply) or {}
    if told.get("verdict") not in ("refuted", "stands"):
        return None
    return bool(told["verdict"] == "refuted"), _sentence(told.get("reason"))


def repair(reply: str) -> tuple[str, str | None]:
    """The way out in words, and code for the quoted lines."""
    told = _object(reply) or {}
    code = told.get("replacement")
    return _sentence(told.get("fix")), code if isinstance(code, str) and code.strip() else None


def _sentence(text: Any) -> str:
    line = " ".join(text.split()) if isinstance(text, str) else ""
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"


def _list(reply: str) -> list[dict[str, Any]] | None:
    """The list in a reply, whatever stands around it. An empty list counts only where no other is there."""
    empty = None
    for value in _values(reply, "["):
        if isinstance(value, list) and value and all(isinstance(each, dict) for each in value):
            return value
        if value == []:
            empty = value
    return empty


def _object(reply: str) -> dict[str, Any] | None:
    return next((value for value in _values(reply, "{") if isinstance(value, dict)), None)


def _values(reply: str, opening: str) -> list[Any]:
    """What parses as JSON at one of the first places where it could begin."""
    found: list[Any] = []
    decoder, at = json.JSONDecoder(), reply.find(opening)
    for _ in range(_PLACES):
        if at < 0:
            break
        try:
            value, end = decoder.raw_decode(reply, at)
            found.append(value)
        except (ValueError, RecursionError):
            end = at + 1
        at = reply.find(opening, end)
    return found
