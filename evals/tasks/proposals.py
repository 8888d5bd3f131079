"""Is a proposal's page one that a mentor could sign? A rubric that a program checks, and a judge's if there is one.

Each criterion is 1 or 0: ``hypothesis`` (compares, and says how much), ``baseline``, ``falsifiable`` (both outcomes by
a sign that can be seen), ``quotes`` (there are some, and all are verbatim), ``kill`` (at hours within the days),
``fits`` (days, GPU and budget), ``pilot`` (a run with controls, or said to be absent), ``neighbours``, ``no 'novel'``.
``met`` is their mean. ``sank`` is 1 where the planted project, whose effect is not there, stays unshown. ``by the
model`` says whose page came out best; ``disagreement`` whether framings of the red team were two points apart.

    inspect eval evals/tasks/proposals.py --model gadfly/honest -T limit=2
    inspect eval evals/tasks/proposals.py --model gadfly/honest --model-role judge=gadfly/sycophantic -T limit=2

With ``--model-role judge=NAME`` that model scores each page by the red team's rubric: ``judged``, in [0, 1].
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from inspect_ai import Task, task
from inspect_ai.dataset import MemoryDataset
from inspect_ai.model import model_roles
from inspect_ai.scorer import Score, Target
from inspect_ai.solver import TaskState

from gadfly.evals.kit.place import rows
from gadfly.evals.tasks.chat import InspectChat
from gadfly.evals.tasks.proposing import ARMS, checks, judged, proposed
from gadfly.evals.tasks.solving import Numbers, among, by_arm, in_arms, scoring, solving


@task
def proposals(limit: int | None = None, arms: str | list[str] = "") -> Task:
    """Topics x arms.

    Args:
        limit: at most this many topics.
        arms: which arms, separated by commas; all of them by default.
    """
    chosen, samples = among(arms, ARMS), []
    for row in rows("proposals")[:limit]:
        asked = (
            f"{row['topic']}, {row['days']} days, {row['gpu']}, ${row['budget']}, {row['level']}"
        )
        samples += in_arms(chosen, row["id"], asked, "signed", row=row)
    return Task(dataset=MemoryDataset(samples, name="topics"), solver=page(), scorer=rubric())


@solving
def page(chat: InspectChat, state: TaskState) -> tuple[str, Numbers]:
    """The arm's best page and its scores; an arm that gives none scores 0 throughout."""
    arm, row, role = state.metadata["arm"], state.metadata["row"], model_roles().get("judge")
    shown = proposed(arm, chat, row)
    if shown is None:
        return "no proposal", {"met": 0.0, "sank": 0.0, "by the model": 0.0}
    found = checks(shown, row)
    scores = {"met": sum(found.values()) / len(found), **found}
    if arm != "bare":  # nothing is ranked, and nobody attacks
        scores |= {"sank": float(shown.sank), "disagreement": float(shown.disagreement)}
    scores["by the model"] = float(shown.by_model)
    if role is not None:
        scores["judged"] = judged(shown.page, chat.beside(role))
    return shown.page, scores


def means(scored: Sequence[dict[str, Any]]) -> Numbers:
    """The mean of every criterion."""
    found: dict[str, list[float]] = {}
    for about in scored:
        for name, value in about["scores"].items():
            found.setdefault(name, []).append(value)
    return {name: sum(values) / len(values) for name, values in found.items()}


@scoring([by_arm(means)])
def rubric(state: TaskState, target: Target) -> Score:
    """The share of criteria that are met."""
    scores = state.store.get("found")
    missing = [name for name, value in scores.items() if not value and name != "disagreement"]
    return Score(
        value=scores["met"],
        answer=state.output.completion[:200],
        explanation=f"not met: {', '.join(missing) or 'nothing'}",
        metadata={"arm": state.metadata["arm"], "scores": scores},
    )
