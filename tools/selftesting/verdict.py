"""What a self-test may say. The claim: on this model the tools together call noise a finding in no more than one run in
twenty, and each finds what is planted in the model.

In this order, the first that applies decides:
 1. a tool misses what was planted, or claims it where nothing was (strength 0)          → not supported
 2. a tool's own interval of false positives lies above one in twenty                    → not supported
 3. the interval of all null runs together reaches above one in twenty                   → inconclusive
 4. otherwise                                                                            → supported

Rates are pooled for the claim since no single tool's would be narrow enough in a quarter of an hour: without one false
positive a tool alone needs 73 runs, nine tools together nine each. Each tool's interval is shown beside, and one that
is surely too high fails the test whatever the others do. Intervals are Wilson's, 95 %.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gadfly.tools.contract import Verdict
from gadfly.tools.stats import Interval, wilson

ALLOWED = 0.05
_MOST_RUNS = 10_000


@dataclass(frozen=True)
class Tally:
    """Runs of one tool: ``wrong`` of ``nulls`` called supported, the truth found in ``found`` of ``planted``, and
    claimed in ``claimed`` of ``controls`` at strength 0."""

    tool: str
    wrong: int
    nulls: int
    found: int
    planted: int
    claimed: int
    controls: int

    @property
    def rate(self) -> Interval:
        return wilson(self.wrong, self.nulls)


def pooled(tallies: Sequence[Tally]) -> Interval:
    """The rate of false positives over all tools."""
    return wilson(sum(each.wrong for each in tallies), sum(each.nulls for each in tallies))


def more_runs(tallies: Sequence[Tally]) -> int | None:
    """How many more null runs of each tool would bring the pooled interval to one in twenty if the rate stayed as it
    is; None where no number would."""
    wrong, nulls = sum(each.wrong for each in tallies), sum(each.nulls for each in tallies)
    share = wrong / nulls if nulls else 0.0
    if share >= ALLOWED:
        return None
    for more in range(_MOST_RUNS):
        runs = nulls + more * len(tallies)
        if wilson(round(share * runs), runs).high <= ALLOWED:
            return more
    return None


def judge(tallies: Sequence[Tally]) -> tuple[Verdict, str]:
    """The verdict and the reason."""
    blind = [each.tool for each in tallies if each.found < each.planted]
    fooled = [each.tool for each in tallies if each.claimed]
    often = [each.tool for each in tallies if each.nulls and each.rate.low > ALLOWED]
    reasons = [
        f"{what}: {', '.join(tools)}"
        for what, tools in (
            ("missed what was planted", blind),
            ("claimed it where nothing was planted", fooled),
            ("surely called noise supported in more than one run in twenty", often),
        )
        if tools
    ]
    if reasons:
        return Verdict.NOT_SUPPORTED, f"not to be trusted here: {'; '.join(reasons)}"
    rate = pooled(tallies)
    wrong, nulls = sum(each.wrong for each in tallies), sum(each.nulls for each in tallies)
    told = (
        f"{wrong} of {nulls} null runs were called supported, pooled over {len(tallies)} tools "
        f"(up to {rate.high:.1%})"
    )
    if rate.high > ALLOWED:
        more = more_runs(tallies)
        way = (
            "at this rate no number of runs would bring it to 5 %"
            if more is None
            else f"{more} more runs of each tool would settle it (--runs)"
        )
        return Verdict.INCONCLUSIVE, f"too few nulls to tell: {told}; {way}"
    widest = max(tallies, key=lambda each: each.rate.high)
    return Verdict.SUPPORTED, (
        f"{told}, and each tool finds what was planted and claims nothing without it; a single tool's rate is known "
        f"less well, {widest.tool}'s up to {widest.rate.high:.1%}"
    )
