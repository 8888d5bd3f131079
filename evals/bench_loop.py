"""What the loop itself takes, beyond the LLM and the tools: for each step, with every step kept on disk.

    python -m gadfly.evals.bench_loop [--steps 40] [--history 60000] [--json]

A scripted model replies at once and a tool returns at once, so that all the time is the loop's own: LangGraph, the
tools' plumbing, counting tokens, and writing each checkpoint. ``--history`` is the conversation already there, in
tokens: a checkpoint holds all of it. Beside it, in the same run: the same loop without checkpoints, a turn's start,
and the time from a question to the first token.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from typing import Any

from pydantic import BaseModel

from gadfly.agent.llm.model import Message
from gadfly.agent.llm.scripted import ScriptedModel, calls, says
from gadfly.agent.sessions.store import Sessions
from gadfly.agent.turn.budget import Budget
from gadfly.agent.turn.loop import Loop
from gadfly.agent.turn.state import begin
from gadfly.agent.turn.toolbox import Toolbox
from gadfly.errors import CorpusError
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


def history(tokens: int) -> list[Message]:
    """A conversation of about so many tokens, in messages of a search result's size."""
    text = (
        "The residual stream carries what every layer writes and reads. " * 230
    )  # about 3,000 tokens
    rounds = max(0, tokens // 3_000)
    return [
        {"role": "user" if n % 2 == 0 else "assistant", "content": f"{n} {text}", "turn": 0}
        for n in range(rounds)
    ]


def steps(count: int, before: list[Message], saver: Any) -> tuple[list[float], float, float]:
    """Milliseconds of each step (reply to reply), of the way to the first reply, and of processor time a step."""
    model = Marks(count)
    budget = Budget(tool_rounds=count + 1, tool_calls=count + 1)
    started = time.perf_counter()
    loop = Loop(
        model,
        Toolbox([note, *all_tools()]),
        Empty(),
        Ledger(),
        budget=budget,
        window=1_000_000,
        checkpointer=saver,
    )
    used = time.process_time()
    config = {**loop.options, "configurable": {"thread_id": f"bench-{started}"}}
    start: Any = {**begin("What is it?"), "messages": before, "turns": []}
    for _ in loop.graph.stream(start, config, **({"durability": "sync"} if saver else {})):
        pass
    between = [(b - a) * 1000 for a, b in zip(model.asked, model.asked[1:], strict=False)]
    cpu = (time.process_time() - used) * 1000 / count
    return between, (model.asked[0] - started) * 1000, cpu


def summary(values: list[float]) -> dict[str, float]:
    ordered = sorted(values)
    return {
        "median_ms": round(statistics.median(ordered), 2),
        "p95_ms": round(ordered[int(len(ordered) * 0.95)], 2),
        "max_ms": round(ordered[-1], 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--history", type=int, default=60_000)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["GADFLY_HOME"] = folder
        saver = Sessions().saver()
        steps(2, [], saver)  # what loads on first use is not the loop's
        found: dict[str, Any] = {}
        for name, before, keep in (
            ("fresh talk, on disk", [], saver),
            ("fresh talk, not kept", [], None),
            (f"{args.history:,} tokens before, on disk", history(args.history), saver),
            (f"{args.history:,} tokens before, not kept", history(args.history), None),
        ):
            between, first, cpu = steps(args.steps, before, keep)
            found[name] = {
                **summary(between),
                "to_first_reply_ms": round(first, 2),
                "cpu_ms_a_step": round(cpu, 2),
            }
    if args.json:
        print(json.dumps(found, indent=2))
        return
    for name, row in found.items():
        print(f"{name:34}", "  ".join(f"{key} {value:8.2f}" for key, value in row.items()))
    print(
        f"{args.steps} steps each; a step is one tool round: reply, approve, act, next reply",
        file=sys.stderr,
    )


if __name__ == "__main__":
    main()
