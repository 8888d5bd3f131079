"""The state of a conversation, as each step leaves it on disk: plain data, no objects."""

from __future__ import annotations

from typing import Annotated, Any, TypedDict

from gadfly.agent.llm.model import Message
from gadfly.agent.turn.budget import Spending, nothing
from gadfly.agent.turn.conversation import merge
from gadfly.tools.ledger import Ledger


class State(TypedDict, total=False):
    """``messages``, ``turns`` and ``total`` last for the conversation; everything else for the turn."""

    messages: Annotated[list[Message], merge]
    turns: list[dict[str, Any]]
    """Each ``question``, ``answer`` (an Answer's JSON, or None) and ``matter`` (what was put forward for judgement)."""
    total: Spending
    since: int
    """Where the ledger stood when the turn began: no time, for the clock may be set back."""
    question: str
    context: str
    content: str
    """The question without its pressure."""
    aside: list[dict[str, Any]]
    calls: list[dict[str, Any]]
    declined: list[str]
    draft: str
    rounds: int
    repaired: bool
    revised: bool
    concluding: bool
    objections: list[dict[str, str]]
    examined: list[str]
    """Claims that faced the fresh context."""
    unexamined: str
    """Why no fresh context examined the draft, or nothing."""
    judgement: dict[str, Any] | None
    runs: list[str]
    spent: Spending


def begin(question: str, context: str = "") -> State:
    """The input that starts a turn: what an earlier one left is reset, the conversation stays."""
    turn = State(since=Ledger().mark(), question=question, context=context, content=question)
    turn |= State(draft="", rounds=0, unexamined="", judgement=None, spent=nothing())
    turn |= State(aside=[], calls=[], declined=[], objections=[], examined=[], runs=[])
    return turn | State(repaired=False, revised=False, concluding=False)
