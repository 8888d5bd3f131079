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

    def says(what: str, text: str) -> bool:
        return bool(_SAYS[what].search(text))

    spelt = len(draft.negative.split()) >= 2 * _SPELT and draft.negative != draft.positive
    chosen = f"{draft.data} {' '.join(draft.plan)}"
    checks = {
        "hypothesis": {
            "it compares something with something": says("compares", draft.hypothesis),
            "it says how much": says("threshold", draft.hypothesis),
        },
        "baseline": {
            "the baseline is one that could win": says("baseline", draft.baseline),
            "the simplest method comes first": len(draft.simplest.split()) >= _SPELT,
        },
        "leak": {
            "at least three dumb ways to be wrong": len(draft.wrong) >= 3,
            "what is chosen is kept from what is tested": says("split", chosen),
        },
        "falsifiable": {
            "the negative result is stated by a sign that can be seen": says(
                "threshold", draft.negative
            ),
            "so is the positive one": says("threshold", draft.positive),
        },
        "interesting": {
            "the negative result is said to teach something": says("teaches", draft.negative),
            "and it is spelt out": spelt,
        },
    }
    return [*(_score(name, met) for name, met in checks.items()), _days(draft, feasibility)]


def _score(criterion: str, checks: dict[str, bool]) -> Score:
    missing = [what for what, met in checks.items() if not met]
    reason = f"missing: {'; '.join(missing)}" if missing else "; ".join(checks)
    return Score(criterion=criterion, score=len(checks) - len(missing), reason=reason)


def _days(draft: Draft, feasibility: Feasibility) -> Score:
    share = feasibility.seconds / feasibility.limit_seconds
    stops = sum(bool(_SAYS["threshold"].search(kill)) for kill in draft.kill)
    score, reason = 2, f"{share:.0%} of the machine time there is, with hours to stop at"
    if not feasibility.fits:
        score, reason = 0, "the calculation does not fit the machine, the time or the budget"
    elif stops < 2:
        score, reason = 1, f"missing: {stops} of 3 kill criteria name a sign that can be seen"
    elif share > 0.5 or len(feasibility.changes) > 2:
        score, reason = 1, f"tight: {share:.0%} of the machine time there is"
    return Score(criterion="days", score=score, reason=reason)
