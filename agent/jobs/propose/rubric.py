"""The mechanical critic: six criteria, each 0, 1 or 2, each with its reason. No model, no opinion.

It reads for what a page must have (a threshold, a rival, a split, a stopping hour). It cannot tell whether the question
is good; ``opposed`` asks models for that, and can only lower what stands here.
"""

from __future__ import annotations

import re

from gadfly.agent.jobs.propose.draft import Draft
from gadfly.agent.jobs.propose.feasible import Feasibility
from gadfly.agent.jobs.propose.proposal import Score

_THRESHOLD = re.compile(
    r"\d|\b(?:half|third|quarter|twice|double|all|no|none|chance|fewer than|at least|more than|less than|above|below|"
    r"(?:one|two|three|four|five|six|seven|eight|nine|ten) of|beyond|outside|within|exceeds?|overlaps?|equal|crossing|"
    r"vanish\w*|coincide|leads?|falls?|same|separate|dominates?)\b",
    re.IGNORECASE,
)
_COMPARES = re.compile(
    r"\b(?:than|beats?|exceeds?|above|below|before|after|rather|instead|compared|differs?|same|equal|falls?|rises?|"
    r"drops?|larger|smaller|higher|lower|earlier|later|predicts?|transfers?|loses?|keeps?|adds?|adding|removes?|"
    r"explains?|unlike|at least|share|fewer|more)\b",
    re.IGNORECASE,
)
_BASELINE = re.compile(
    r"\b(?:random\w*|bag[- ]of[- ]words|prompt\w*|shuffled?|majority|length|position|frequency|unigram|bigram|mean|"
    r"untrained|embedding\w*|instruction\w*|few-shot|norm-matched|placebo|judge|reader|tf-idf|logistic|pca|samples?|"
    r"sampled|classifier|multiple-choice|constant|exact|in-domain|agreement)\b",
    re.IGNORECASE,
)
_SPLIT = re.compile(
    r"\b(?:held[- ]out|fresh|split|validation|test set|by (?:group|subject|template|domain|entity|prompt)|unseen|"
    r"frozen|leave-one|disjoint|second half|separate)\b",
    re.IGNORECASE,
)
_TEACHES = re.compile(
    r"\b(?:then|says?|means?|rules? out|limits?|bound|so that|tells?|shows?|would|useful|worth|saves?|warns?|replaces?|"
    r"removes?|leaves?|counts? against|points?|can be|"
    r"either|must)\b",
    re.IGNORECASE,
)


_SPELT = 8  # words below which nothing is said


def judge(draft: Draft, feasibility: Feasibility) -> list[Score]:
    """One score for each criterion."""
    return [
        _two(
            "hypothesis",
            (bool(_COMPARES.search(draft.hypothesis)), "it compares something with something"),
            (bool(_THRESHOLD.search(draft.hypothesis)), "it says how much"),
        ),
        _two(
            "baseline",
            (bool(_BASELINE.search(draft.baseline)), "the baseline is one that could win"),
            (len(draft.simplest.split()) >= _SPELT, "the simplest method comes first"),
        ),
        _two(
            "leak",
            (len(draft.wrong) >= 3, "at least three dumb ways to be wrong"),
            (
                bool(_SPLIT.search(f"{draft.data} {' '.join(draft.plan)}")),
                "what is chosen is kept from what is tested",
            ),
        ),
        _two(
            "falsifiable",
            (
                bool(_THRESHOLD.search(draft.negative)),
                "the negative result is stated by a sign that can be seen",
            ),
            (bool(_THRESHOLD.search(draft.positive)), "so is the positive one"),
        ),
        _two(
            "interesting",
            (
                bool(_TEACHES.search(draft.negative)),
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
    stops = sum(bool(_THRESHOLD.search(kill)) for kill in draft.kill)
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
