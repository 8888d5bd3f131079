"""Is the bug found, is the repaired twin left in peace? Short pieces of interpretability code, each with its repair.

A bug counts as found when a finding stands within two lines of it and speaks of the right concept; any finding on
repaired code is a false alarm. ``rules`` asks no model; ``one framing`` is a single way of asking; ``bare`` is the
model's own list, whose quotes are still looked up. Larger folders of cases: ``review_rules`` and ``review_llm``.
"""

from __future__ import annotations

import re
from typing import Any

from inspect_ai import Task, task
from inspect_ai.dataset import MemoryDataset
from inspect_ai.scorer import Score, Target, grouped, mean
from inspect_ai.solver import TaskState

from gadfly.agent.critic.judge import candidates
from gadfly.agent.critic.views import views
from gadfly.agent.jobs.review import review_material
from gadfly.agent.llm.framings import code_question
from gadfly.agent.llm.model import ChatModel
from gadfly.agent.llm.prompting import prompt
from gadfly.evals.kit.place import rows
from gadfly.evals.tasks.solving import among, in_arms, scoring, solving
from gadfly.tools.review.reading.material import Material, text_file

ARMS = ("gadfly", "rules", "one framing", "bare")
_NEAR = 2  # lines


@task
def reviewing(limit: int | None = None, arms: str | list[str] = "") -> Task:
    """Cases x arms.

    Args:
        limit: at most this many cases; each bug is followed by its repair.
        arms: which arms, separated by commas; all of them by default.
    """
    chosen = among(arms, ARMS)
    samples = []
    for row in rows("review")[:limit]:
        kind, target = ("bug", "found") if row["bug"] else ("repaired", "silent")
        about = {"group": kind, "line": row["line"], "match": row["match"]}
        samples += in_arms(chosen, row["id"], row["code"], target, **about)
    return Task(dataset=MemoryDataset(samples, name="code"), solver=read_code(), scorer=findings())


@solving
def read_code(chat: ChatModel, state: TaskState) -> tuple[str, Any]:
    """The findings of the sample's arm: line and words of each."""
    found = found_in(state.metadata["arm"], chat, state.input_text)
    return "\n".join(f"line {e['line']}: {e['said']}" for e in found) or "nothing", found


@scoring([grouped(mean(), "group", all=False)])
def findings(state: TaskState, target: Target) -> Score:
    """1 where the bug was found, or the repaired code left in peace."""
    found, about = state.store.get("found"), state.metadata
    named = any(
        abs(each["line"] - about["line"]) <= _NEAR
        and re.search(about["match"], each["said"], re.IGNORECASE)
        for each in found
    )
    right = not found if target.text == "silent" else named
    return Score(value=float(right), answer=state.output.completion)


def found_in(arm: str, chat: ChatModel, code: str) -> list[dict[str, Any]]:
    """What an arm reports about code."""
    file = text_file("asked.py", code)
    if arm == "bare":
        view = views(file)[0]
        asked = code_question("neutral", view.text, view.changed)
        system = {"role": "system", "content": prompt("review_detect").render()}
        reply = chat.reply([system, {"role": "user", "content": asked}], [], lambda _: None)
        told = candidates(reply.text, view, "neutral")
        return [
            {"line": each.spot.start, "said": each.problem} for each in (told[0] if told else [])
        ]
    framings = ("neutral",) if arm == "one framing" else ()
    report = review_material(
        Material("asked", [file]), llm="offline" if arm == "rules" else chat, framings=framings
    )
    return [
        {"line": each.start_line, "said": f"{each.message} {each.rule}"} for each in report.findings
    ]
