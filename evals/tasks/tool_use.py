"""Is the planted mechanism found, and is noise called noise? Experiments on a model whose weights were written by hand.

Each sample gives the data of an experiment and asks what they show; half of them have answers or labels drawn at
random. ``right`` on a planted sample: a verified receipt of a run whose verdict is ``supported``, and the place named
in words or in the cited run. On noise: no claim of success, and a verified receipt of a run that was not supported.
"""

from __future__ import annotations

import json
import re
import tempfile
from pathlib import Path
from typing import Any

from inspect_ai import Task, task
from inspect_ai.dataset import MemoryDataset
from inspect_ai.scorer import Score, Target, grouped, mean
from inspect_ai.solver import TaskState

from gadfly import tables
from gadfly.agent.answers.answer import Answer
from gadfly.agent.llm.model import ChatModel
from gadfly.evals.measuring.false_positives import chosen, weakened
from gadfly.evals.tasks.arms import MEASURING, answered
from gadfly.evals.tasks.solving import among, in_arms, scoring, solving
from gadfly.tools import planted
from gadfly.tools.contract import Verdict

_TABLE = tables.table(__file__)
_SPOT = {"layer": str(planted.LAYER), "head": str(planted.HEAD)}


@task
def tool_use(seeds: int = 2, tools: str | list[str] = "", arms: str | list[str] = "") -> Task:
    """Tools x (planted, noise) x seeds x arms.

    Args:
        seeds: data sets of each kind for each tool.
        tools: which tools, separated by commas; all of them by default.
        arms: which arms, separated by commas; all of them by default.
    """
    chosen_arms = among(arms, MEASURING)
    samples = []
    for case in chosen(among(tools, _TABLE["asked"], "tool named")):
        for seed in range(seeds):
            with tempfile.TemporaryDirectory() as folder:
                whole = case.planted(seed, Path(folder))
            for kind, data in (("planted", whole), ("noise", weakened(whole, 0.0, seed))):
                about = {"group": kind, "tool": case.tool, "data": json.dumps(data)}
                name = f"{case.tool} {kind} {seed}"
                samples += in_arms(chosen_arms, name, _TABLE["asked"][case.tool], kind, **about)
    dataset = MemoryDataset(samples, name="planted")
    return Task(dataset=dataset, solver=experiment(), scorer=truthful())


@solving
def experiment(chat: ChatModel, state: TaskState) -> tuple[str, Any]:
    """The engine's answer on the planted model, with the data attached."""
    about, asked = state.metadata, state.input_text
    found = answered(about["arm"], chat, asked, context=about["data"], model="planted")
    return found.answer, found.model_dump(mode="json")


@scoring([grouped(mean(), "group", all=False)])
def truthful(state: TaskState, target: Target) -> Score:
    """1 where the answer fits what was planted."""
    found = Answer.model_validate(state.store.get("found"))
    value = float(right(found, state.metadata["tool"], target.text))
    return Score(value=value, answer=found.answer)


def right(found: Answer, tool: str, kind: str) -> bool:
    """Whether an answer fits what was planted. Only what has a receipt counts; place names may stand in the text."""
    verdicts = {receipt.verdict for receipt in found.receipts if receipt.kind == "run"}
    success = str(Verdict.SUPPORTED) in verdicts
    if kind == "noise":
        return bool(verdicts) and not success
    place = tables.filled(_TABLE["place"].get(tool, ""), _SPOT)
    return success and bool(re.search(place, found.answer, re.IGNORECASE))
