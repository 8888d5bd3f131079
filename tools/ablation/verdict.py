"""When ablation supports a claim. The claim: the behaviour needs this component or direction more than it needs others.

In this order, the first that applies decides:
 1. replacing an activation by itself changed the outcome: the engine or the model is at fault → inconclusive
 2. clean and corrupt do not differ on the metric, or the model does not prefer the answer: there is no behaviour
                                                                                      → not supported
 3. fewer than eight pairs: no interval worth the name                                → inconclusive
 4. the interval of the effect reaches 0                                              → not supported
 5. fewer than ten controls of the same kind and size exist                           → inconclusive
 6. controls of the same kind and size remove as much (p > 0.05)                      → not supported
 7. it beats them but removes less than a quarter                                     → inconclusive
 8. otherwise                                                                         → supported

Where a model has fewer than 19 other components, p cannot reach 0.05. If all of them were measured, nothing is left to
chance but the prompts: then the component must remove more than every other, by an interval over pairs that excludes 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gadfly.tools.contract import Verdict
from gadfly.tools.patching.verdict import Ground
from gadfly.tools.stats import Interval
from gadfly.tools.ties import reaches

FEWEST_CONTROLS = 10
SMALLEST_EFFECT = 0.25
SIGNIFICANT = 0.05
ENOUGH_FOR_P = 19


@dataclass(frozen=True)
class Family:
    """Controls of one kind. ``beyond``: the effect minus that of the strongest control, over pairs."""

    name: str
    count: int
    p: float
    strongest: float
    beyond: Interval
    complete: bool
    """Whether these are all there are."""

    @property
    def beaten(self) -> bool:
        """Whether the effect exceeds these controls."""
        if self.complete and self.count < ENOUGH_FOR_P:
            return self.beyond.above(0)
        return self.p <= SIGNIFICANT


@dataclass(frozen=True)
class Evidence(Ground):
    """What the verdict is formed on. Effects are shares of the difference between clean and corrupt."""

    unchanged: float
    """How far replacing activations by themselves moved the metric, as a share of the effect to explain."""
    unchanged_limit: float
    effect: float
    interval: Interval
    families: Sequence[Family]


def judge(e: Evidence) -> tuple[Verdict, str]:
    """The verdict and the reason, naming the control that decided."""
    if e.unchanged > e.unchanged_limit:
        return Verdict.INCONCLUSIVE, (
            f"replacing activations by themselves moved the metric by {e.unchanged:.2g} of the effect to explain; "
            "it must not move it at all"
        )
    if missing := e.missing("remove"):
        return missing
    if not e.interval.above(0):
        return Verdict.NOT_SUPPORTED, (
            f"the interval of the effect reaches 0: {e.effect:.2f} [{e.interval.low:.2f}, {e.interval.high:.2f}]"
        )
    few = next((f for f in e.families if f.count < FEWEST_CONTROLS), None)
    if few is not None or not e.families:
        return Verdict.INCONCLUSIVE, (
            f"there are {few.count if few else 0} controls of the same kind and size; at least {FEWEST_CONTROLS} "
            "are needed"
        )
    for family in e.families:
        if not family.beaten:
            return Verdict.NOT_SUPPORTED, (
                f"{family.name} remove as much: the strongest of {family.count} removes {family.strongest:.2f} and "
                f"this one {e.effect:.2f} (p = {family.p:.2g})"
            )
    told = " and ".join(
        f"{f.name} (strongest {f.strongest:.2f}, p = {f.p:.2g})" for f in e.families
    )
    if not reaches(e.effect, SMALLEST_EFFECT, e.interval.noise):
        return Verdict.INCONCLUSIVE, (
            f"it removes more than {told}, but less than a quarter; others may take its place when it is gone"
        )
    return (
        Verdict.SUPPORTED,
        f"it removes more than {told}, and replacing it by itself changes nothing",
    )
