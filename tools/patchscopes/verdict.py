"""When a patchscope supports a claim. The claim: the state of a layer, read by this target, gives the answer.

In this order, the first that applies decides:
 1. fewer than eight prompts: no interval worth the name                     → inconclusive
 2. other answers come out as much                                           → not supported
 3. the states of other prompts bring the answer out as much                 → not supported
 4. the target says the answer as much without any state                     → not supported
 5. it beats all three, but is on top in less than a tenth of the prompts    → inconclusive
 6. otherwise                                                                → supported
"""

from __future__ import annotations

from dataclasses import dataclass

from gadfly.tools.contract import Verdict
from gadfly.tools.stats import Interval

FEWEST_UNITS = 8
SIGNIFICANT = 0.05
SMALLEST_SHARE = 0.1


@dataclass(frozen=True)
class Evidence:
    """What the verdict is formed on, at the reported layer, on prompts that its choice did not see. In nats."""

    units: int
    advantage: float
    over_answers: Interval
    over_donors: Interval | None
    """None where all prompts have one answer, so that no donor has another."""
    over_nothing: Interval
    q: float
    top: float
    top_interval: Interval


def judge(e: Evidence) -> tuple[Verdict, str]:
    """The verdict and the reason, naming the control that decided."""
    if e.units < FEWEST_UNITS:
        return Verdict.INCONCLUSIVE, (
            f"too few prompts for an interval: {e.units} given, at least {FEWEST_UNITS} needed"
        )
    if not e.over_answers.above(0) or e.q > SIGNIFICANT:
        return Verdict.NOT_SUPPORTED, (
            f"other answers come out as much: the answer is {_span(e.over_answers)} nats above them (q = {e.q:.2g})"
        )
    if e.over_donors is None:
        return Verdict.INCONCLUSIVE, (
            "all prompts have one answer, so no other state could have brought it out; mix in prompts with another"
        )
    if not e.over_donors.above(0):
        return Verdict.NOT_SUPPORTED, (
            f"states of other prompts bring the answer out as much: {_span(e.over_donors)} nats above them"
        )
    if not e.over_nothing.above(0):
        return Verdict.NOT_SUPPORTED, (
            f"the target says the answer as much without any state: {_span(e.over_nothing)} nats above that"
        )
    if e.top < SMALLEST_SHARE:
        return Verdict.INCONCLUSIVE, (
            f"the answer rises above every control but is on top in {e.top:.0%} of the prompts only"
        )
    return Verdict.SUPPORTED, (
        f"the answer is {_span(e.over_answers)} nats above other answers, {_span(e.over_donors)} above what states of "
        f"other prompts bring out and {_span(e.over_nothing)} above the target alone"
    )


def _span(interval: Interval) -> str:
    return f"{interval.low:+.2f} to {interval.high:+.2f}"
