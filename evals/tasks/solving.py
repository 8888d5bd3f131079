"""What the tasks share: samples in arms, the synchronous engine inside Inspect's asynchronous solver, numbers by arm.

All samples share one data folder, which is not the user's.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from typing import Any

from inspect_ai.dataset import Sample
from inspect_ai.scorer import Metric, SampleScore, Score, Scorer, Target, Value, metric, scorer
from inspect_ai.solver import Generate, Solver, TaskState, solver

from gadfly.evals.kit.place import own_home
from gadfly.evals.kit.script import known
from gadfly.evals.tasks.chat import InspectChat

Judge = Callable[[TaskState, Target], Score]
Numbers = dict[str, float]
_home = contextlib.ExitStack()
_entered = False


def among(names: str | Sequence[str], there: Collection[str], what: str = "arm named") -> list[str]:
    """Names as ``-T`` gives them: one, several with commas, or the list that Inspect makes of those. None is all.

    Raises:
        UsageError: one of them is not known.
    """
    asked = names.split(",") if isinstance(names, str) and names else names
    return known(list(asked), there, what)


def in_arms(arms: Sequence[str], name: str, text: str, target: Any, **about: Any) -> list[Sample]:
    """A sample for each arm. ``group``, where there is one, is what the arm's mean is shown under."""
    return [
        Sample(
            id=f"{name} {arm}",
            input=text,
            target=target,
            metadata={**about, "arm": arm, "group": f"{about.get('group', '')}: {arm}"},
        )
        for arm in arms
    ]


def solving(work: Callable[[InspectChat, TaskState], tuple[str, Any]]) -> Callable[[], Solver]:
    """A solver under the name of ``work``, which runs in a thread: the text that is shown, and what the scorer finds
    under ``found``."""

    @solver(name=work.__name__)
    def made() -> Solver:
        async def solve(state: TaskState, generate: Generate) -> TaskState:
            global _entered
            if not _entered:
                _entered = True
                _home.enter_context(own_home())
            chat = InspectChat()
            state.output.completion, found = await asyncio.to_thread(work, chat, state)
            state.store.set("found", found)
            return state

        return solve

    return made  # type: ignore[no-any-return]


def scoring(metrics: Any) -> Callable[[Judge], Callable[[], Scorer]]:
    """A scorer with these metrics, under the name of the function that judges a sample."""

    def named(judge: Judge) -> Callable[[], Scorer]:
        @scorer(metrics=metrics, name=judge.__name__)
        def made() -> Scorer:
            async def score(state: TaskState, target: Target) -> Score:
                return judge(state, target)

            return score

        return made  # type: ignore[no-any-return]

    return named


@metric
def by_arm(summary: Callable[[Sequence[dict[str, Any]]], Numbers]) -> Metric:
    """The numbers of ``summary`` for the scores' metadata of each arm."""

    def compute(scores: list[SampleScore]) -> Value:
        arms: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for each in scores:
            about = each.score.metadata or {}
            arms[about["arm"]].append(about)
        return {
            f"{name}: {arm}": value
            for arm, some in arms.items()
            for name, value in summary(some).items()
        }

    return compute
