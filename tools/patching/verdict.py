"""When patching supports a claim. The claim: one position at one layer carries the behaviour.

In this order, the first that applies decides:
 1. patching a run into itself changed it: the engine or the model is at fault       → inconclusive
 2. clean and corrupt do not differ on the metric, or the model does not prefer the answer: there is no
    behaviour to explain                                                              → not supported
 3. fewer than eight pairs: no interval worth the name                                → inconclusive
 4. the cell does no more than an activation from an unrelated prompt (placebo), or its interval reaches 0
                                                                                      → not supported
 5. it beats the placebo but restores less than a quarter                             → inconclusive
 6. otherwise                                                                         → supported
"""

from __future__ import annotations

from dataclasses import dataclass

from gadfly.tools.contract import Verdict
from gadfly.tools.stats import Interval
from gadfly.tools.ties import reaches

FEWEST_PAIRS = 8
SMALLEST_EFFECT = 0.25
SIGNIFICANT = 0.05
# Rounding that a batch of another size may bring, as a share of the effect to explain.
SELF_PATCH_LIMIT = {"float32": 1e-3, "float16": 2e-2, "bfloat16": 1e-1}


@dataclass(frozen=True)
class Ground:
    """What must hold of the plain runs before anything is said of a change to them."""

    pairs: int
    gap: Interval
    gap_p: float
    right: Interval
    """Share of pairs whose clean run prefers the answer, as an interval."""

    @property
    def has_gap(self) -> bool:
        """Whether clean and corrupt differ beyond chance; with few pairs the interval alone decides."""
        return self.gap.above(0) and (self.gap_p <= 0.01 or self.pairs < FEWEST_PAIRS)

    def missing(self, act: str) -> tuple[Verdict, str] | None:
        """The verdict where there is no behaviour, or too few pairs; ``act``: what there is nothing to do with."""
        if not self.has_gap:
            return Verdict.NOT_SUPPORTED, (
                f"clean and corrupt runs do not differ on the metric beyond chance, so there is nothing to {act}"
            )
        if self.pairs < FEWEST_PAIRS:
            return Verdict.INCONCLUSIVE, (
                f"too few pairs for an interval: {self.pairs} given, at least {FEWEST_PAIRS} needed"
            )
        if self.right.low <= 0.5:
            return Verdict.NOT_SUPPORTED, (
                "the model does not prefer the answer on the clean prompts more often than a coin would"
            )
        return None


@dataclass(frozen=True)
class Evidence(Ground):
    """What the verdict is formed on. Effects are normalised."""

    self_patch: float
    self_patch_limit: float
    effect: float
    interval: Interval
    placebo: float
    beyond_placebo: Interval | None
    """Effect minus placebo; None if no pair has a donor."""
    q: float


def judge(e: Evidence) -> tuple[Verdict, str]:
    """The verdict and the reason, naming the control that decided."""
    if e.self_patch > e.self_patch_limit:
        return Verdict.INCONCLUSIVE, (
            f"patching a run into itself moved the metric by {e.self_patch:.2g} of the effect to explain; "
            "it must not move it at all"
        )
    if missing := e.missing("restore"):
        return missing
    if e.beyond_placebo is None:
        return Verdict.INCONCLUSIVE, (
            "no pair has another pair of the same shape with another answer, so there is no placebo; "
            "give pairs that share a template"
        )
    if not e.interval.above(0):
        return Verdict.NOT_SUPPORTED, "the interval of the effect reaches 0 on the pairs held out"
    if not e.beyond_placebo.above(0) or e.q > SIGNIFICANT:
        return Verdict.NOT_SUPPORTED, (
            f"an activation from an unrelated prompt at the same place does {e.placebo:.2f}: "
            "the effect does not exceed the placebo"
        )
    if not reaches(e.effect, SMALLEST_EFFECT, e.interval.noise):
        return Verdict.INCONCLUSIVE, (
            f"the cell beats the placebo ({e.placebo:.2f}) but restores less than a quarter; "
            "the behaviour may be spread over several places"
        )
    return Verdict.SUPPORTED, (
        f"the effect on the pairs held out exceeds the placebo ({e.placebo:.2f}) and the self-patch is exact"
    )
