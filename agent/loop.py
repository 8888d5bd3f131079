"""The loop, in LangGraph: think, act, check, and repair once; then the answer as it stands.

    think ──tool calls──▶ act ──▶ think
      └──text──▶ check ──struck receipts, first time──▶ think
                   └──▶ end

The state is plain message dicts. Receipts are resolved by ``receipts``; nothing here judges prose.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from operator import add
from typing import Annotated, Any, TypedDict

from gadfly.agent.answer import Answer, Cost
from gadfly.agent.llm.model import ChatModel, Message, ToolCall
from gadfly.agent.prompting import prompt
from gadfly.agent.receipts import Library, Runs, Verified, verify
from gadfly.agent.toolbox import Toolbox


@dataclass(frozen=True)
class Budget:
    """What one question may take; the answer so far is asked for when one is used up."""

    tool_rounds: int = 12
    dollars: float = 1.0
    seconds: float = 900.0


class State(TypedDict):
    messages: Annotated[list[Message], add]
    calls: list[ToolCall]
    draft: str
    rounds: int
    repaired: bool
    concluding: bool
    dollars: float | None
    input_tokens: int
    output_tokens: int


class Loop:
    """One question through the graph."""

    def __init__(
        self,
        model: ChatModel,
        toolbox: Toolbox,
        library: Library,
        runs: Runs,
        *,
        experiment_model: str = "demo",
        budget: Budget | None = None,
        on_text: Callable[[str], None] = lambda _: None,
        on_step: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._model = model
        self._toolbox = toolbox
        self._library = library
        self._runs = runs
        self._experiment_model = experiment_model
        self._budget = budget or Budget()
        self._on_text = on_text
        self._on_step = on_step

    def answer(self, question: str) -> Answer:
        """Run the loop and return the checked answer.

        Raises:
            LLMError: the provider failed for good.
        """
        self._started = time.monotonic()
        self._question = question
        system = prompt("system").render(experiment_model=self._experiment_model)
        start: State = {
            "messages": [
                {"role": "system", "content": system},
                {"role": "user", "content": question},
            ],
            "calls": [],
            "draft": "",
            "rounds": 0,
            "repaired": False,
            "concluding": False,
            "dollars": 0.0,
            "input_tokens": 0,
            "output_tokens": 0,
        }
        # Each tool round is two steps; check and repair add a few.
        limit = 2 * self._budget.tool_rounds + 16
        end: State = self._graph().invoke(start, {"recursion_limit": limit})
        checked = self._verify(end["draft"])
        return Answer(
            question=question,
            answer=checked.text or f"No answer: {checked.abstained}",
            claims=checked.claims,
            abstained=checked.abstained is not None and not checked.claims,
            engine=self._model.name,
            runs=list(self._toolbox.runs),
            cost=Cost(
                dollars=end["dollars"],
                input_tokens=end["input_tokens"],
                output_tokens=end["output_tokens"],
                seconds=round(time.monotonic() - self._started, 2),
            ),
        )

    def _graph(self) -> Any:
        from langgraph.graph import END, START, StateGraph

        graph = StateGraph(State)
        graph.add_node("think", self._think)
        graph.add_node("act", self._act)
        graph.add_node("check", self._check)
        graph.add_edge(START, "think")
        graph.add_conditional_edges("think", lambda state: "act" if state["calls"] else "check")
        graph.add_edge("act", "think")
        graph.add_conditional_edges("check", lambda state: END if state["draft"] else "think")
        return graph.compile()

    def _think(self, state: State) -> dict[str, Any]:
        spent = self._spent(state)
        new: list[Message] = []
        if spent and not state["concluding"]:
            self._on_step(spent)
            text = prompt("conclude").render(reason=spent)
            new.append({"role": "user", "content": text})
        # Tools stay listed while concluding, because providers refuse tool messages without them.
        reply = self._model.reply(
            [*state["messages"], *new], self._toolbox.schemas(), self._on_text
        )
        known = state["dollars"] is not None and reply.dollars is not None
        return {
            "messages": [*new, reply.message],
            "calls": [] if spent else list(reply.tool_calls),
            "draft": reply.text,
            "concluding": bool(spent),
            "dollars": (state["dollars"] or 0) + (reply.dollars or 0) if known else None,
            "input_tokens": state["input_tokens"] + reply.input_tokens,
            "output_tokens": state["output_tokens"] + reply.output_tokens,
        }

    def _act(self, state: State) -> dict[str, Any]:
        results: list[Message] = []
        for call in state["calls"]:
            self._on_step(f"{call.name} {call.arguments[:120]}")
            content = self._toolbox.call(call)
            results.append({"role": "tool", "tool_call_id": call.id, "content": content})
        return {"messages": results, "calls": [], "rounds": state["rounds"] + 1}

    def _check(self, state: State) -> dict[str, Any]:
        """Keep the draft, or clear it and say what to repair."""
        problems = _problems(self._verify(state["draft"]))
        if not problems or state["repaired"] or state["concluding"]:
            return {"draft": state["draft"] or "[[abstain | the model returned no text]]"}
        self._on_step(f"{len(problems)} receipts did not resolve; asking for a repair")
        text = prompt("repair").render(problems="\n".join(f"- {p}" for p in problems))
        message = {"role": "user", "content": text}
        return {"messages": [message], "draft": "", "repaired": True}

    def _verify(self, text: str) -> Verified:
        return verify(text, self._library, self._runs, given=self._question)

    def _spent(self, state: State) -> str:
        """Which budget is used up, as a sentence, or nothing."""
        if state["rounds"] >= self._budget.tool_rounds:
            return f"The {self._budget.tool_rounds} tool rounds of this question are used up."
        if (state["dollars"] or 0) >= self._budget.dollars:
            return f"The budget of ${self._budget.dollars:.2f} is used up."
        if time.monotonic() - self._started >= self._budget.seconds:
            return f"The {self._budget.seconds:.0f} s of this question are used up."
        return ""


def _problems(checked: Verified) -> list[str]:
    problems = []
    for claim in checked.claims:
        for receipt in claim.receipts:
            if receipt.state == "struck":
                what = receipt.quote or f"{receipt.run} {receipt.field} = {receipt.value}"
                problems.append(f"[{receipt.kind}] {what!r}: {receipt.reason}")
        problems += [
            f"the number {number} in {claim.text!r} stands in none of its receipts"
            for number in claim.loose_numbers
        ]
    return problems
