"""What a turn may take and what it took: dollars, tokens, seconds, tool calls. Plain numbers, kept with the state."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypedDict

from gadfly.agent.answers.answer import Cost
from gadfly.agent.llm.model import Reply


@dataclass(frozen=True)
class Budget:
    """What one turn may take; when any of it is used up, the best answer so far is asked for and given."""

    tool_rounds: int = 12
    tool_calls: int = 40
    dollars: float = 1.0
    tokens: int = 2_000_000
    seconds: float = 900.0

    def used_up(self, spent: Spending, rounds: int) -> str:
        """Which limit is reached, as a sentence, or nothing."""
        tokens, calls = spent["input_tokens"] + spent["output_tokens"], spent["tool_calls"]
        limits = (
            (rounds, self.tool_rounds, f"{self.tool_rounds} tool rounds of this question are"),
            (calls, self.tool_calls, f"{self.tool_calls} tool calls of this question are"),
            (spent["dollars"], self.dollars, f"budget of ${self.dollars:.2f} is"),
            (tokens, self.tokens, f"{self.tokens:,} tokens of this question are"),
            (spent["seconds"], self.seconds, f"{self.seconds:.0f} s of this question are"),
        )
        return next((f"The {what} used up." for have, most, what in limits if have >= most), "")


class Spending(TypedDict):
    """``dollars`` counts the replies whose price is known; ``unpriced`` is how many there were of the others."""

    dollars: float
    unpriced: int
    input_tokens: int
    output_tokens: int
    seconds: float
    tool_calls: int


def nothing() -> Spending:
    return Spending(
        dollars=0.0, unpriced=0, input_tokens=0, output_tokens=0, seconds=0.0, tool_calls=0
    )


def add(
    spent: Spending, replies: Iterable[Reply] = (), *, seconds: float = 0.0, tool_calls: int = 0
) -> Spending:
    """``spent`` with more on top."""
    total = Spending(**spent)
    for reply in replies:
        total["dollars"] += reply.dollars or 0.0
        total["unpriced"] += reply.dollars is None
        total["input_tokens"] += reply.input_tokens
        total["output_tokens"] += reply.output_tokens
    total["seconds"] += seconds
    total["tool_calls"] += tool_calls
    return total


def cost(spent: Spending) -> Cost:
    """As the answer tells it: a sum with an unknown part is unknown."""
    return Cost(
        dollars=None if spent["unpriced"] else spent["dollars"],
        input_tokens=spent["input_tokens"],
        output_tokens=spent["output_tokens"],
        seconds=round(spent["seconds"], 2),
    )
