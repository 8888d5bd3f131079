"""Cited question answering over the packaged guide: is the answer where it should be, do its receipts hold, does it say
when there is none?

``correct`` is mechanical: an answerable question is right if a verified quote comes from a document that answers it; an
unanswerable one if the answer abstains. Whether the prose says the right thing is not judged here: that would take
another model's word.
"""

from __future__ import annotations

from typing import Any

from inspect_ai import Task, task
from inspect_ai.dataset import MemoryDataset
from inspect_ai.scorer import Score, Target, grouped, mean
from inspect_ai.solver import TaskState

from gadfly.agent.answers.answer import Answer
from gadfly.agent.llm.model import ChatModel
from gadfly.evals.kit.place import rows
from gadfly.evals.tasks.arms import ANSWERING, answered
from gadfly.evals.tasks.solving import among, in_arms, scoring, solving


@task
def answering(limit: int | None = None, arms: str | list[str] = "") -> Task:
    """Questions x arms.

    Args:
        limit: at most this many answerable and this many unanswerable questions.
        arms: which arms, separated by commas; all of them by default.
    """
    chosen, samples = among(arms, ANSWERING), []
    for kind in ("answerable", "unanswerable"):
        wanted = [row for row in rows("questions") if row["answerable"] is (kind == "answerable")]
        for row in wanted[:limit]:
            target = row["documents"] or "abstain"
            samples += in_arms(chosen, row["id"], row["question"], target, group=kind)
    return Task(dataset=MemoryDataset(samples, name="guide"), solver=answer(), scorer=cited())


@solving
def answer(chat: ChatModel, state: TaskState) -> tuple[str, Any]:
    """The engine's answer, kept whole in the sample's store."""
    found = answered(state.metadata["arm"], chat, state.input_text)
    return found.answer, found.model_dump(mode="json")


_NUMBERS = ("correct", "receipts_valid", "backed")


@scoring({name: [grouped(mean(), "group", all=False)] for name in _NUMBERS})
def cited(state: TaskState, target: Target) -> Score:
    """``correct``, the share of its receipts that resolve, and the share of its claims that are backed."""
    found = Answer.model_validate(state.store.get("found"))
    value = judged(found, list(target))
    return Score(value=value, answer=found.answer, explanation=_why(found))


def judged(found: Answer, documents: list[str]) -> dict[str, Any]:
    """The three numbers of an answer. An answer without receipts has no invalid one."""
    cited_documents = {receipt.document for receipt in found.receipts}
    right = found.abstained if documents == ["abstain"] else bool(cited_documents & set(documents))
    made = len(found.receipts) + found.struck
    backed = [claim.grade == "verified" for claim in found.claims]
    return {
        "correct": float(right),
        "receipts_valid": len(found.receipts) / made if made else 1.0,
        "backed": sum(backed) / len(backed) if backed else float(found.abstained),
    }


def _why(found: Answer) -> str:
    struck = [r.reason for claim in found.claims for r in claim.receipts if r.state == "struck"]
    return "; ".join(struck) or ("abstained" if found.abstained else "every receipt resolves")
