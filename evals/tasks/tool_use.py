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

from inspect_ai import Task, task
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.scorer import Score, Scorer, Target, grouped, mean, scorer
from inspect_ai.solver import Generate, Solver, TaskState, solver

from gadfly.agent.answers.answer import Answer
from gadfly.evals.measuring.false_positives import chosen, weakened
from gadfly.evals.tasks.arms import MEASURING, answered
from gadfly.evals.tasks.solving import among, engine
from gadfly.tools import planted
from gadfly.tools.contract import Verdict

_ASKED = {
    "patch": "Which attention head carries the answer from the clean to the corrupt prompt? Measure it by patching.",
    "probe": "From which layer on can the label be read off linearly? Measure it with a probe.",
    "ablate": "Is this head necessary for the answer? Measure it by ablation.",
    "lens": "From which layer on does the lens show the answer? Measure it with the logit lens.",
    "attribute": "Which head writes the answer? Measure it by direct logit attribution.",
    "steer": "Does the direction between these two classes steer the answer? Measure it by steering.",
}
_PLACE = {
    "patch": rf"(?:layer {planted.LAYER}\D+head {planted.HEAD}|L{planted.LAYER}\W*(?:H|head ){planted.HEAD}|"
    rf"head {planted.HEAD}\D+layer {planted.LAYER}|\b{planted.LAYER}\.{planted.HEAD}\b)",
    "probe": rf"layer {planted.LAYER}\b",
    "lens": rf"layer {planted.LAYER}\b",
    "attribute": rf"(?:layer {planted.LAYER}\D+head {planted.HEAD}|L{planted.LAYER}\W*(?:H|head ){planted.HEAD})",
}


@task
def tool_use(
    seeds: int = 2,
    tools: str | list[str] = "",
    arms: str | list[str] = "",
) -> Task:
    """Tools x (planted, noise) x seeds x arms.

    Args:
        seeds: data sets of each kind for each tool.
        tools: which tools, separated by commas; all of them by default.
        arms: which arms, separated by commas; all of them by default.
    """
    samples = []
    for case in chosen(among(tools, tuple(_ASKED))):
        for seed in range(seeds):
            with tempfile.TemporaryDirectory() as folder:
                whole = case.planted(seed, Path(folder))
            for kind, data in (("planted", whole), ("noise", weakened(whole, 0.0, seed))):
                samples += [
                    Sample(
                        id=f"{case.tool} {kind} {seed} {arm}",
                        input=_ASKED[case.tool],
                        target=kind,
                        metadata={
                            "arm": arm, "group": f"{kind}: {arm}", "tool": case.tool, "data": json.dumps(data),
                        },
                    )
                    for arm in among(arms, MEASURING)
                ]  # fmt: skip
    return Task(
        dataset=MemoryDataset(samples, name="planted"), solver=experiment(), scorer=truthful()
    )


@solver
def experiment() -> Solver:
    """The engine's answer on the planted model, with the data attached."""

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        about = state.metadata
        found = await engine(
            lambda chat: answered(
                about["arm"], chat, state.input_text, context=about["data"], model="planted"
            )
        )
        state.output.completion = found.answer
        state.store.set("answer", found.model_dump(mode="json"))
        return state

    return solve


@scorer(metrics=[grouped(mean(), "group", all=False)])
def truthful() -> Scorer:
    """1 where the answer fits what was planted."""

    async def score(state: TaskState, target: Target) -> Score:
        found = Answer.model_validate(state.store.get("answer"))
        return Score(
            value=float(right(found, state.metadata["tool"], target.text)), answer=found.answer
        )

    return score


def right(found: Answer, tool: str, kind: str) -> bool:
    """Whether an answer fits what was planted. Only what has a receipt counts; place names may stand in the text."""
    verdicts = {receipt.verdict for receipt in found.receipts if receipt.kind == "run"}
    success = str(Verdict.SUPPORTED) in verdicts
    if kind == "noise":
        return bool(verdicts) and not success
    place = _PLACE.get(tool)
    return success and (place is None or bool(re.search(place, found.answer, re.IGNORECASE)))
