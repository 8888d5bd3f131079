"""A scripted critic: it tells its tasks apart by their prompts and answers by the functions that a test gives it."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from itertools import repeat
from typing import Any

from gadfly.agent.llm.model import Message, Reply
from gadfly.agent.llm.scripted import ScriptedModel, says

MARKS = {
    "neutral": "Which mistakes, if any",
    "bugged": "My friend wrote this code",
    "invalidate": "would invalidate the claim",
    "passed": "This code passed review",
}
Finds = Callable[[str, str], Any]


def task(messages: Sequence[Message]) -> str:
    """A framing's name, ``refute``, ``fix`` or ``repro``."""
    text = str(messages[-1]["content"])
    for name, mark in MARKS.items():
        if text.startswith(mark) or mark in text.split("<data-", 1)[0]:
            return name
    if text.startswith("Somebody claims"):
        return "refute"
    return "fix" if text.startswith("The code below makes the mistake") else "repro"


def critic(
    finds: Finds,
    *,
    refutes: Callable[[str], bool] = lambda _: False,
    fix: dict[str, Any] | None = None,
    repro: str = "",
) -> ScriptedModel:
    """A model for the critique.

    Args:
        finds: from a framing's name and the whole question to the entries of the reply, or to a raw text.
        refutes: from the refuter's question to whether the claim falls.
    """

    def turn(messages: Sequence[Message]) -> Reply:
        name, text = task(messages), str(messages[-1]["content"])
        if name == "refute":
            return says(
                json.dumps(
                    {"verdict": "refuted" if refutes(text) else "stands", "reason": "as scripted"}
                )
            )
        if name == "fix":
            return says(json.dumps(fix or {"fix": "scripted", "replacement": None}))
        if name == "repro":
            return says(repro)
        told = finds(name, text)
        return says(told if isinstance(told, str) else json.dumps(told))

    return ScriptedModel(repeat(turn))


def entry(quote: str, problem: str = "the axis is wrong", severity: str = "high") -> dict[str, str]:
    """One entry of a reply."""
    return {"quote": quote, "problem": problem, "severity": severity}
