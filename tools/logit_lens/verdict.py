"""When the lens supports a claim. The claim: a layer before the last already reads as the target.

In this order, the first that applies decides:
 1. fewer than eight units: no interval worth the name                       → inconclusive
 2. the model itself does not prefer the target to other targets at its end  → not supported
 3. at the chosen layer the target does not beat other targets               → not supported
 4. the same words in random order read as much                              → not supported
 5. it beats both, but is on top in less than a tenth of the units           → inconclusive
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
    """What the verdict is formed on. Advantages are differences of log-probabilities, in nats."""

    units: int
    final: Interval
    """Advantage over other targets after the last layer."""
    advantage: float
    over_others: Interval
    over_shuffled: Interval
    q: float
    top: float
    """Share of units with the target on top at the chosen layer."""
    top_interval: Interval
    last_layer: bool
    """There is no layer before the last: a model of one layer."""


def judge(e: Evidence) -> tuple[Verdict, str]:
    """The verdict and the reason, naming the control that decided."""
    if e.last_layer:
        return Verdict.INCONCLUSIVE, "the model has one layer, so there is none before the last"
    if e.units < FEWEST_UNITS:
        return Verdict.INCONCLUSIVE, (
            f"too few prompts for an interval: {e.units} given, at least {FEWEST_UNITS} needed"
        )
    if not e.final.above(0):
        return Verdict.NOT_SUPPORTED, (
            "the model itself does not prefer the target to the other targets after its last layer "
            f"({e.final.low:+.2f} to {e.final.high:+.2f} nats)"
        )
    if not e.over_others.above(0) or e.q > SIGNIFICANT:
        return Verdict.NOT_SUPPORTED, (
            f"other targets read as well there: the target is {e.over_others.low:+.2f} to "
            f"{e.over_others.high:+.2f} nats above them (q = {e.q:.2g})"
        )
    if not e.over_shuffled.above(0):
        return Verdict.NOT_SUPPORTED, (
            "the same words in random order read as much: the target is "
            f"{e.over_shuffled.low:+.2f} to {e.over_shuffled.high:+.2f} nats above that"
        )
    if e.top < SMALLEST_SHARE:
        return Verdict.INCONCLUSIVE, (
            f"the target rises above both controls but is on top in {e.top:.0%} of the prompts only"
        )
    return Verdict.SUPPORTED, (
        f"the target is {e.over_others.low:.2f} to {e.over_others.high:.2f} nats above other targets and "
        f"{e.over_shuffled.low:.2f} to {e.over_shuffled.high:.2f} above the same words shuffled, on prompts that "
        "the choice of the layer did not see"
    )
