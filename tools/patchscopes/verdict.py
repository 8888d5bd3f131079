"""When a patchscope supports a claim. The claim: the state of a layer, read by this target, gives the answer.

In this order, the first that applies decides:
 1. fewer than eight prompts: no interval worth the name                     → inconclusive
 2. other answers come out as much                                           → not supported
 3. the states of other prompts bring the answer out as much                 → not supported
 4. the target says the answer as much without any state                     → not supported
 5. the token itself, written into the target, brings it out as much, but
    for a tenth of a nat                                                     → not supported
 6. it beats all four by their intervals, but not over all layers together   → inconclusive
 7. it is on top in less than a tenth of the prompts                         → inconclusive
 8. otherwise                                                                → supported
"""

from __future__ import annotations

from dataclasses import dataclass

from gadfly.tools.contract import Verdict
from gadfly.tools.stats import FEWEST, Interval

SIGNIFICANT = 0.05
SMALLEST_SHARE = 0.1
SMALLEST_GAIN = 0.1
"""Nats above the token itself. A state right after the embedding differs from the token's own by a few hundredths in
every prompt, and says no more than it."""


@dataclass(frozen=True)
class Evidence:
    """What the verdict is formed on, at the reported layer, on prompts that its choice did not see. In nats."""

    units: int
    advantage: float
    over_answers: Interval
    over_donors: Interval | None
    """None where all prompts have one answer, so that no donor has another."""
    over_nothing: Interval
    over_token: Interval
    """Above the answer's log-probability with the token, whose state is read, written into the target."""
    p: float
    """That all of these are above 0, over all layers together."""
    top: float
    top_interval: Interval


def judge(e: Evidence) -> tuple[Verdict, str]:
    """The verdict and the reason, naming the control that decided."""
    if e.units < FEWEST:
        return Verdict.INCONCLUSIVE, (
            f"too few prompts to tell: {e.units} given, at least {FEWEST} needed"
        )
    if not e.over_answers.above(0):
        return Verdict.NOT_SUPPORTED, (
            f"other answers come out as much: the answer is {_span(e.over_answers)} nats above them"
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
    if not e.over_token.above(SMALLEST_GAIN):
        return Verdict.NOT_SUPPORTED, (
            "the token itself, written into the target, brings the answer out as much: the state is not shown to hold "
            f"more than its token ({_span(e.over_token)} nats above it; more than {SMALLEST_GAIN:g} is asked)"
        )
    if e.p > SIGNIFICANT:
        return Verdict.INCONCLUSIVE, (
            f"too few prompts to tell: above every control there, but over all layers together p = {e.p:.2g}; give "
            f"more than {e.units}"
        )
    if e.top < SMALLEST_SHARE:
        return Verdict.INCONCLUSIVE, (
            f"the answer rises above every control but is on top in {e.top:.0%} of the prompts only"
        )
    return Verdict.SUPPORTED, (
        f"the answer is {_span(e.over_answers)} nats above other answers, {_span(e.over_donors)} above what states of "
        f"other prompts bring out, {_span(e.over_nothing)} above the target alone and {_span(e.over_token)} above what "
        "the token itself brings out"
    )


def _span(interval: Interval) -> str:
    return f"{interval.low:+.2f} to {interval.high:+.2f}"
