"""What the loop itself takes, beyond the LLM and the tools: for each step, with every step kept on disk.

    python -m gadfly.evals.bench.loop [--steps 40] [--history 60000] [--json]

A scripted model replies at once and a tool returns at once, so that all the time is the loop's own: LangGraph, the
tools' plumbing, counting tokens, and writing each checkpoint. ``--history`` is the conversation already there, in
tokens: a checkpoint holds all of it. Beside it, in the same run: the same loop without checkpoints, a turn's start,
and the time from a question to the first token.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from typing import Any

from pydantic import BaseModel

from gadfly import settings
from gadfly.agent.llm.model import Message
from gadfly.agent.llm.scripted import ScriptedModel, calls, says
from gadfly.agent.sessions.store import Sessions
from gadfly.agent.turn.budget import Budget
from gadfly.agent.turn.loop import Loop
from gadfly.agent.turn.state import begin
from gadfly.agent.turn.toolbox import Toolbox
from gadfly.errors import CorpusError
from gadfly.evals.kit.rates import quantile
from gadfly.evals.kit.script import script
from gadfly.tools.contract import Context, ToolArgs, tool
from gadfly.tools.ledger import Ledger
from gadfly.tools.registry import all_tools


class NoteArgs(ToolArgs):
    number: int


class Noted(BaseModel):
    number: int


@tool(name="note", cost="nothing")
def note(args: NoteArgs, context: Context) -> Noted:
    """Give a number back."""
    return Noted(number=args.number)


class Empty:
    """A corpus without documents."""

    def document(self, document_id: str) -> Any:
        raise CorpusError(f"no document {document_id!r}")


class Marks(ScriptedModel):
    """Notes when it is asked: the time between two replies is the loop's."""

    def __init__(self, steps: int) -> None:
        super().__init__([*(calls("note", {"number": n}) for n in range(steps)), says("Done.")])
        self.asked: list[float] = []

    def reply(self, *args: Any) -> Any:
        self.asked.append(time.perf_counter())
        return super().reply(*args)


def conversation(tokens: int) -> list[Message]:
    """One of about so many tokens, in messages of a search result's size."""
    # About 3,000 tokens.
    text = "The residual stream carries what every layer writes and reads. " * 230
    rounds = max(0, tokens // 3_000)
    return [
        {"role": "user" if n % 2 == 0 else "assistant", "content": f"{n} {text}", "turn": 0}
        for n in range(rounds)
    ]


def run(count: int, before: list[Message], saver: Any) -> tuple[list[float], float, float]:
    """Milliseconds of each step (reply to reply), of the way to the first reply, and of processor time a step."""
    model = Marks(count)
    budget = Budget(tool_rounds=count + 1, tool_calls=count + 1)
    started = time.perf_counter()
    tools, how = Toolbox([note, *all_tools()]), {"budget": budget, "checkpointer": saver}
    loop = Loop(model, tools, Empty(), Ledger(), window=1_000_000, **how)
    used = time.process_time()
    config = {**loop.options, "configurable": {"thread_id": f"bench-{started}"}}
    start: Any = {**begin("What is it?"), "messages": before, "turns": []}
    for _ in loop.graph.stream(start, config, **({"durability": "sync"} if saver else {})):
        pass
    between = [(b - a) * 1000 for a, b in zip(model.asked, model.asked[1:], strict=False)]
    cpu = (time.process_time() - used) * 1000 / count
    return between, (model.asked[0] - started) * 1000, cpu


def measure(steps: int = 40, history: int = 60_000) -> dict[str, Any]:
    """Milliseconds of each way to run the loop.

    Args:
        steps: tool rounds of each way
        history: tokens of the conversation that is already there
    """
    with tempfile.TemporaryDirectory() as folder, settings.instead({settings.HOME: folder}):
        saver = Sessions().saver()
        run(2, [], saver)  # what loads on first use is not the loop's
        before = conversation(history)
        return {
            f"{name}, {kept}": _summary(*run(steps, messages, on_disk))
            for name, messages in (("fresh talk", []), (f"{history:,} tokens before", before))
            for kept, on_disk in (("on disk", saver), ("not kept", None))
        }


def _summary(between: list[float], first: float, cpu: float) -> dict[str, float]:
    found = {
        "median_ms": statistics.median(between),
        "p95_ms": quantile(between, 0.95),
        "max_ms": max(between),
        "to_first_reply_ms": first,
        "cpu_ms_a_step": cpu,
    }
    return {name: round(value, 2) for name, value in found.items()}


if __name__ == "__main__":
    script(measure)
