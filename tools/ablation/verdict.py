"""When ablation supports a claim. The claim: the behaviour needs this component or direction more than it needs others.

In this order, the first that applies decides:
 1. replacing an activation by itself changed the outcome: the engine or the model is at fault → inconclusive
 2. fewer than eight pairs: no interval worth the name                                → inconclusive
 3. clean and corrupt do not differ on the metric, or the model does not prefer the answer: there is no behaviour
                                                                                      → not supported
 4. the interval of the effect reaches 0                                              → not supported
 5. fewer than 19 controls could be drawn, or fewer than ten exist                    → inconclusive
 6. more than one in twenty controls of the same kind and size removes as much        → not supported; inconclusive
    where so few controls cannot tell that (Wilson's interval of their share holds 1/20)
 7. it beats them but removes less than a tenth                                       → inconclusive
 8. otherwise, with its grade in words                                                → supported

Rules 3 and 4 say inconclusive below sixteen pairs where what was seen points the other way. A tenth: see
``patching.verdict``.

p is (1 + those that remove as much) / (1 + controls): with fewer than 19 it cannot reach 0.05. Where a model has no
more other components, and all were measured, nothing is left to chance but the prompts: then the component must remove
more than every other, by an interval over pairs that excludes 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gadfly.tools.contract import Verdict
from gadfly.tools.patching.verdict import SMALLEST_EFFECT, Ground, graded
from gadfly.tools.stats import LEVEL, Interval, wilson
from gadfly.tools.ties import reaches

FEWEST_CONTROLS = 10
ENOUGH_FOR_P = 19


@dataclass(frozen=True)
class Family:
    """Controls of one kind, of which ``reached`` remove at least as much. ``beyond``: the effect minus that of the
    strongest control, over pairs."""

    name: str
    count: int
    reached: int
    strongest: float
    beyond: Interval
    complete: bool
    """Whether these are all there are."""

    @property
    def p(self) -> float:
        """The component itself is counted in."""
        return (1 + self.reached) / (1 + self.count)

    @property
    def enough(self) -> bool:
        """Whether so many controls can be beaten at all."""
        return self.count >= (FEWEST_CONTROLS if self.complete else ENOUGH_FOR_P)

    @property
    def beaten(self) -> bool:
        """Whether the effect exceeds these controls."""
        if self.complete and self.count < ENOUGH_FOR_P:
            return self.beyond.above(0)
        return self.p <= LEVEL

    @property
    def open(self) -> bool:
        """Whether it is not beaten, and more controls could show that it is."""
        return not self.complete and wilson(self.reached, self.count).low <= LEVEL

    def __str__(self) -> str:
        return f"{self.name} (strongest {self.strongest:.2f}, p = {self.p:.2g})"


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
        why = f"the interval of the effect reaches 0: {e.effect:.2f} {e.interval:.2f}"
        return e.unsure(why) if e.effect >= SMALLEST_EFFECT else (Verdict.NOT_SUPPORTED, why)
    few = next((f for f in e.families if not f.enough), None)
    if few is not None or not e.families:
        return Verdict.INCONCLUSIVE, (
            f"too few controls to tell: the model has {few.count if few else 0} of the same kind and size, "
            f"at least {ENOUGH_FOR_P} are needed, or {FEWEST_CONTROLS} where these are all"
        )
    for family in e.families:
        if family.beaten:
            continue
        why = (
            f"{family.reached} of {family.count} {family.name} remove as much: the strongest removes "
            f"{family.strongest:.2f} and this one {e.effect:.2f} (p = {family.p:.2g})"
        )
        if family.complete and family.count < ENOUGH_FOR_P:
            why = (
                f"among all {family.count} {family.name} the strongest removes {family.strongest:.2f} and this one "
                f"{e.effect:.2f}: a difference of {family.beyond:.2f}"
            )
        if family.open:
            return Verdict.INCONCLUSIVE, (
                f"too few controls to tell: {why}; whether more than one in twenty does is open, give --controls "
                f"{5 * family.count}"
            )
        return Verdict.NOT_SUPPORTED, why
    told = " and ".join(map(str, e.families))
    if not reaches(e.effect, SMALLEST_EFFECT, e.interval.noise):
        return Verdict.INCONCLUSIVE, (
            f"it removes more than {told}, but less than a tenth; others may take its place when it is gone"
        )
    return (
        Verdict.SUPPORTED,
        f"it {graded(e.effect)}: it removes more than {told}, and replacing it by itself changes nothing",
    )
