"""The shape of the loop: which step follows which. What the steps do is in ``loop``.

hear ──pressure alone, or no model──▶ END
  └─▶ think ──tool calls──▶ approve ──▶ act ──▶ think
        └──text──▶ check ──receipts that do not resolve, first time──▶ think
                     └──▶ doubt ──claims refuted, first time──▶ think
                            └──▶ finish ──▶ END
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from gadfly.agent.turn.state import State

Step = Callable[[State], dict[str, Any]]


def build(steps: Mapping[str, Step], checkpointer: Any = None) -> Any:
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
