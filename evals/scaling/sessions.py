"""How many chats one process carries at once: turns a second, and how long a turn waits, from 1 to 16 chats.

    python -m gadfly.evals.scaling.sessions [--turns 32] [--no-experiments] [--quick] [--json] [--no-write]

Every chat has a thread, a session on disk and a scripted LLM that answers at once, so that all the time is spent here:
a real LLM lets the machine rest between steps, and more chats fit. A *reading* turn searches and answers; an
*experiment* turn searches, runs the logit lens on the one local model, and answers with a receipt of that run. Each
asks something of its own. What came back is checked: the search and the run that a chat saw are the ones it asked for,
the receipt is verified, and the values equal those of the same turn in a chat that was alone. ``crossed`` counts the
turns where one of these fails; hooks of two chats meeting in one forward would show there.
"""

from __future__ import annotations

import json
import re
import sys
import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

from gadfly.agent.llm.model import Message, Reply
from gadfly.agent.llm.scripted import ScriptedModel, calls, says
from gadfly.agent.sessions.session import Session
from gadfly.agent.turn.events import Final
from gadfly.agent.turn.settings import Settings
from gadfly.errors import UsageError
from gadfly.evals.kit.place import own_home, rows
from gadfly.evals.kit.rates import quantile, slope
from gadfly.evals.kit.script import script
from gadfly.evals.kit.timing import seconds, took
from gadfly.evals.report.sections import text
from gadfly.tools.ledger import Ledger

CHATS = (1, 2, 4, 8, 16)
_RUN = re.compile(r'"run":"(r[0-9a-f]+)"')


class Asked(NamedTuple):
    """What one turn asks. ``lens`` holds the arguments of its experiment; None where it only reads."""

    question: str
    reply: str
    lens: dict[str, Any] | None


class Done(NamedTuple):
    """One turn. ``values`` are those of its run."""

    seconds: float
    right: bool
    values: dict[str, float]


def turns(count: int, experiments: bool) -> list[Asked]:
    """As many different turns as asked for."""
    from gadfly.tools.demo.behaviours import BEHAVIOURS

    examples = BEHAVIOURS["capital-of"].examples(count)
    questions = [row["question"] for row in rows("questions")]
    return [
        Asked(
            f"{questions[number % len(questions)]} (turn {number})",
            f"These are the findings of turn {number}.",
            {"data": [{"prompt": each.prompt, "answer": each.answer, "wrong": each.wrong}]}
            if experiments
            else None,
        )
        for number, each in enumerate(examples)
    ]


def replies(asked: Asked) -> list[Reply | Callable[[Sequence[Message]], Reply]]:
    """What the LLM says in this turn."""
    search = calls("search", {"query": asked.question, "k": 3}, call_id="c1")
    if asked.lens is None:
        return [search, says(asked.reply)]

    def cites(messages: Sequence[Message]) -> Reply:
        run = _RUN.search(str(messages[-1]["content"]))
        marker = f"[[run {run[1]} | verdict = {_verdict(run[1])}]]" if run else ""
        return says(f"{asked.reply} {marker}")

    return [search, calls("lens", asked.lens, call_id="c2"), cites]


def _verdict(run: str) -> str:
    found = Ledger().find(run)
    return str(found.result.verdict) if found and found.result else "unknown"


def talk(asked: Sequence[Asked]) -> list[Done]:
    """One chat, turn after turn."""
    model = ScriptedModel([reply for each in asked for reply in replies(each)])
    session = Session.start(Settings(llm=model, skeptic=False))
    done = []
    for each in asked:
        events, taken = took(lambda: list(session.turn(each.question)))  # noqa: B023
        done.append(_judged(each, events[-1], model.seen[-1], taken))
    return done


def _judged(asked: Asked, last: Any, seen: Sequence[Message], seconds: float) -> Done:
    """Whether everything in the turn is its own."""
    if not isinstance(last, Final):
        return Done(seconds, False, {})
    answer = last.answer
    right = asked.reply in answer.answer and answer.question == asked.question
    results = [str(message["content"]) for message in seen if message["role"] == "tool"]
    searched = results[-2] if asked.lens else results[-1]
    right &= json.dumps(asked.question, ensure_ascii=False)[1:-1] in searched
    if asked.lens is None:
        return Done(seconds, right, {})
    receipts = [receipt for receipt in answer.receipts if receipt.state == "verified"]
    run = Ledger().find(receipts[0].run or "") if receipts else None
    if run is None or run.result is None:
        return Done(seconds, False, {})
    right &= all(run.arguments[name] == value for name, value in asked.lens.items())
    return Done(seconds, right, run.result.values)


def point(chats: int, asked: Sequence[Asked]) -> tuple[dict[str, Any], list[Done]]:
    """All turns, dealt out to so many chats at once; and each turn's outcome, in the order of ``asked``."""
    dealt = [list(range(chat, len(asked), chats)) for chat in range(chats)]
    done: dict[int, Done] = {}
    failed: list[BaseException] = []

    def one(mine: Sequence[int]) -> None:
        try:
            done.update(zip(mine, talk([asked[number] for number in mine]), strict=True))
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=one, args=(mine,), daemon=True) for mine in dealt]

    def all_at_once() -> None:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    taken = seconds(all_at_once)
    if failed:
        raise failed[0]
    ordered = [done[number] for number in range(len(asked))]
    each_took = [each.seconds for each in ordered]
    return {
        "chats": chats,
        "turns_a_second": len(asked) / taken,
        "median_s": quantile(each_took, 0.5),
        "p95_s": quantile(each_took, 0.95),
    }, ordered


def crossed(done: Sequence[Done], alone: Sequence[Done]) -> int:
    """Turns in which anything was not their own, or whose run gave other values than in a chat alone."""
    return sum(
        not each.right or each.values != before.values
        for each, before in zip(done, alone, strict=True)
    )


def measure(turns: int = 32, experiments: bool = True, quick: bool = False) -> dict[str, Any]:
    """Points for each kind of turn, and how a turn's wait grows with the chats.

    Args:
        turns: of every point; at least 16
        experiments: also turns that run the lens
        quick: 4 turns, 1 and 2 chats
    """
    kinds = ["reading", "experiment"] if experiments else ["reading"]
    return points(4, CHATS[:2], kinds) if quick else points(turns, CHATS, kinds)


def points(count: int, chats: Sequence[int], kinds: Sequence[str]) -> dict[str, Any]:
    """The same for these numbers of chats.

    Raises:
        UsageError: there are fewer turns than chats.
    """
    if count < max(chats):
        raise UsageError(f"--turns is {count}; give at least {max(chats)}, one for every chat")
    found: dict[str, Any] = {"turns": count, "kinds": {}}
    with own_home():
        for kind in kinds:
            asked = turns(count, kind == "experiment")
            talk(asked[:1])  # loads things
            rows_, alone = [], list[Done]()
            for number in chats:
                row, done = point(number, asked)
                alone = alone or done
                row["crossed"] = crossed(done, alone)
                rows_.append(row)
                print(f"{kind}, {number} chats: done", file=sys.stderr)
            found["kinds"][kind] = {
                "points": rows_,
                "p95_slope": slope(chats, [row["p95_s"] for row in rows_]),
            }
    return found


if __name__ == "__main__":
    script(measure, partial(text, "scaling_sessions"), result="scaling_sessions", parts=["quick"])
