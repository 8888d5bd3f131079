"""The mechanical critic: six criteria, each 0, 1 or 2, each with its reason. No model, no opinion.

It reads for what a page must have (a threshold, a rival, a split, a stopping hour). It cannot tell whether the question
is good; ``opposed`` asks models for that, and can only lower what stands here.
"""

from __future__ import annotations

from gadfly.agent.jobs.propose.draft import Draft
from gadfly.agent.jobs.propose.feasible import Feasibility
from gadfly.agent.jobs.propose.proposal import Score
from gadfly.tables import patterns

_SAYS = patterns(__file__)
_SPELT = 8  # words below which nothing is said


def judge(draft: Draft, feasibility: Feasibility) -> list[Score]:
    """One score for each criterion."""
    return [
        _two(
            "hypothesis",
            (
                bool(_SAYS["compares"].search(draft.hypothesis)),
                "it compares something with something",
            ),
            (bool(_SAYS["threshold"].search(draft.hypothesis)), "it says how much"),
        ),
        _two(
            "baseline",
            (bool(_SAYS["baseline"].search(draft.baseline)), "the baseline is one that could win"),
            (len(draft.simplest.split()) >= _SPELT, "the simplest method comes first"),
        ),
        _two(
            "leak",
            (len(draft.wrong) >= 3, "at least three dumb ways to be wrong"),
            (
                bool(_SAYS["split"].search(f"{draft.data} {' '.join(draft.plan)}")),
                "what is chosen is kept from what is tested",
            ),
        ),
        _two(
            "falsifiable",
            (
                bool(_SAYS["threshold"].search(draft.negative)),
                "the negative result is stated by a sign that can be seen",
            ),
            (bool(_SAYS["threshold"].search(draft.positive)), "so is the positive one"),
        ),
        _two(
            "interesting",
            (
                bool(_SAYS["teaches"].search(draft.negative)),
                "the negative result is said to teach something",
            ),
            (
                len(draft.negative.split()) >= 2 * _SPELT and draft.negative != draft.positive,
                "and it is spelt out",
            ),
        ),
        _days(draft, feasibility),
    ]


def _two(criterion: str, *checks: tuple[bool, str]) -> Score:
    missing = [what for met, what in checks if not met]
    reason = (
        "; ".join(what for _, what in checks) if not missing else f"missing: {'; '.join(missing)}"
    )
    return Score(criterion=criterion, score=len(checks) - len(missing), reason=reason)


def _days(draft: Draft, feasibility: Feasibility) -> Score:
    share = feasibility.seconds / feasibility.limit_seconds
    if not feasibility.fits:
        return Score(
            criterion="days",
            score=0,
            reason="the calculation does not fit the machine, the time or the budget",
        )
    stops = sum(bool(_SAYS["threshold"].search(kill)) for kill in draft.kill)
    if stops < 2:
        return Score(
            criterion="days",
            score=1,
            reason=f"missing: {stops} of 3 kill criteria name a sign that can be seen",
        )
    if share > 0.5 or len(feasibility.changes) > 2:
        return Score(
            criterion="days", score=1, reason=f"tight: {share:.0%} of the machine time there is"
        )
    return Score(
        criterion="days",
        score=2,
        reason=f"{share:.0%} of the machine time there is, with hours to stop at",
    )
