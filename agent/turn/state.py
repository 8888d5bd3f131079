"""The shape of the loop: which step follows which, and the state that each leaves on disk, plain data and no objects.

What the steps do is in ``loop``.

hear ──pressure alone, or no model──▶ END
  └─▶ think ──tool calls──▶ approve ──▶ act ──▶ think
        └──text──▶ check ──receipts that do not resolve, first time──▶ think
                     └──▶ doubt ──claims refuted, first time──▶ think
                            └──▶ finish ──▶ END
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
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


def build(steps: Mapping[str, Callable[[State], dict[str, Any]]], checkpointer: Any = None) -> Any:
    """The compiled graph. A step that leaves no draft sends the turn back to thinking."""
    from langgraph.graph import END, START, StateGraph

    def answered(state: State) -> str:
        return END if state["turns"][-1]["answer"] else "think"

    def called(state: State) -> str:
        return "approve" if state["calls"] else "check"

    def checked(state: State) -> str:
        return "doubt" if state["draft"] else "think"

    def doubted(state: State) -> str:
        return "finish" if state["draft"] else "think"

    graph = StateGraph(State)
    for name, step in steps.items():
        graph.add_node(name, step)  # type: ignore[call-overload]
    graph.add_edge(START, "hear")
    graph.add_conditional_edges("hear", answered, ["think", END])
    graph.add_conditional_edges("think", called, ["approve", "check"])
    graph.add_edge("approve", "act")
    graph.add_edge("act", "think")
    graph.add_conditional_edges("check", checked, ["doubt", "think"])
    graph.add_conditional_edges("doubt", doubted, ["finish", "think"])
    graph.add_edge("finish", END)
    return graph.compile(checkpointer=checkpointer)
