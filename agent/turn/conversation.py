"""Small operations on a conversation's messages and turns. Plain dicts in, plain dicts out; no model, no disk."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from gadfly.agent.answers.answer import Answer
from gadfly.agent.answers.receipts import Runs, Verified
from gadfly.agent.llm.model import Message, ToolCall
from gadfly.agent.turn.context.compact import compact, size
from gadfly.errors import GadflyError

_SAME_CALL = 2  # times that one call may be made with the same arguments in a turn
STOPPED = "error: stopped before it ran"


def merge(old: list[Message], new: list[Message]) -> list[Message]:
    """Messages appended; a first item ``{"replace": [...]}`` takes the place of all the old ones."""
    if new and "replace" in new[0]:
        return [*new[0]["replace"], *new[1:]]
    return [*old, *new]


def sendable(messages: Sequence[Message]) -> list[Message]:
    """Messages as a provider takes them: without our own bookkeeping."""
    return [{k: v for k, v in message.items() if k != "turn"} for message in messages]


def fitted(messages: list[Message], window: int) -> tuple[list[Message], str]:
    """The messages, shortened where they exceed the window, and what to say about it."""
    before = size(messages)
    if before <= window:
        return messages, ""
    short = compact(messages, int(window * 0.7))
    after = size(short)
    if after >= before:
        return messages, ""
    return (
        short,
        f"shortened the conversation from {before:,} to {after:,} tokens; every receipt is kept",
    )


def of_turn(number: int, messages: Sequence[Message]) -> list[Message]:
    """Messages marked with the turn they belong to, so that a turn can be taken back."""
    return [{**message, "turn": number} for message in messages]


def repeated(calls: Sequence[ToolCall], messages: Sequence[Message], turn: int) -> set[str]:
    """Ids of the calls that were made with these very arguments too often in this turn."""
    made = Counter(
        (call["function"]["name"], call["function"]["arguments"])
        for message in messages
        if message.get("turn") == turn
        for call in message.get("tool_calls") or ()
    )
    return {call.id for call in calls if made[(call.name, call.arguments)] > _SAME_CALL}


def close_dangling(messages: Sequence[Message]) -> list[Message]:
    """Results for calls of a turn that was left behind: providers refuse a call without one."""
    answered = {m.get("tool_call_id") for m in messages if m["role"] == "tool"}
    return [
        {"role": "tool", "tool_call_id": call["id"], "content": STOPPED}
        for message in messages[-1:]
        for call in message.get("tool_calls") or ()
        if call["id"] not in answered
    ]


def standing(turns: Sequence[dict[str, Any]]) -> Answer | None:
    """The last answer given."""
    given = next((turn["answer"] for turn in reversed(turns) if turn["answer"]), None)
    return Answer.model_validate(given) if given else None


def so_far(runs: Sequence[str], ledger: Runs) -> str:
    """The best answer so far where the model wrote none: what was measured, with its receipts."""
    from gadfly.agent.answers.offline.experiment import claims

    lines: list[str] = []
    for run_id in runs:
        try:
            run = ledger.find(run_id)
        except GadflyError:
            continue
        if run is not None and run.result is not None:
            result = run.result.model_copy(update={"run": run_id})
            lines += [f"- {claim}" for claim in claims(result)]
    if not lines:
        return "[[abstain | the model returned no text]]"
    return "No answer was written before the turn ended. This was measured:\n\n" + "\n".join(lines)


def problems(checked: Verified) -> list[str]:
    """What a repair must mend, one line each."""
    found = []
    for claim in checked.claims:
        for receipt in claim.receipts:
            if receipt.state == "struck":
                what = receipt.quote or f"{receipt.run} {receipt.field} = {receipt.value}"
                found.append(f"[{receipt.kind}] {what!r}: {receipt.reason}")
        found += [
            f"the number {number} in {claim.text!r} stands in none of its receipts"
            for number in claim.loose_numbers
        ]
        if claim.contradicts:
            found.append(f"{claim.text!r} says otherwise than its run: {claim.contradicts}")
    return found
