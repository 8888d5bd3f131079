"""Sessions against a scripted server: each role has a model of its own, so that a script knows who asks."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from gadfly.agent.sessions.session import Session
from gadfly.agent.turn.events import Event, Final
from gadfly.agent.turn.settings import Settings
from support.loopback import Script, error, text

KEY = "sk-secret-key-9876543210"
JUDGED = text('{"verdict": "undecided", "why": "no evidence"}')


class Cast:
    """The scripts of each role: ``main`` in order; ``judge`` and ``fast`` in order, else nothing to object."""

    def __init__(
        self, *main: Script, judge: Iterable[Script] = (), fast: Iterable[Script] = ()
    ) -> None:
        self.main, self.judge, self.fast = list(main), list(judge), list(fast)
        self.asked: list[str] = []

    def __call__(self, body: dict[str, Any]) -> Script:
        role = str(body["model"])
        self.asked.append(role)
        if role == "main":
            return self.main.pop(0) if self.main else error(400, "script exhausted")
        if role == "fast":
            return self.fast.pop(0) if self.fast else text("[]")
        if self.judge:
            return self.judge.pop(0)
        prompt = str(body["messages"][0]["content"])
        return text("[]") if "CLAIM" in prompt else JUDGED


def surround(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("GADFLY_API_BASE", url)
    monkeypatch.setenv("GADFLY_API_KEY", KEY)
    monkeypatch.setenv("GADFLY_LLM", "openai/main")
    monkeypatch.setenv("GADFLY_FAST_LLM", "openai/fast")
    monkeypatch.setenv("GADFLY_JUDGE_LLM", "openai/judge")
    monkeypatch.setenv("GADFLY_EMBEDDER", "none")


def stock(ready: Path, home: Path) -> None:
    """A data folder with the packaged corpus, copied: indexing takes seconds."""
    shutil.copytree(ready / "corpus", home / "corpus", dirs_exist_ok=True)


def play(events: Iterable[Event], seen: list[Event] | None = None) -> Event:
    """All events; returns the last."""
    last: Event | None = None
    for event in events:
        if seen is not None:
            seen.append(event)
        last = event
    assert last is not None
    return last


def answer(session: Session, question: str, **more: Any) -> Any:
    end = play(session.turn(question, **more))
    assert isinstance(end, Final), end
    return end.answer


def told(request: dict[str, Any]) -> str:
    """Everything a request carries, as text."""
    return json.dumps(request)


def plain(**more: Any) -> Settings:
    """Settings without the skeptic."""
    return Settings(skeptic=False, **more)


Made = Callable[..., Session]
