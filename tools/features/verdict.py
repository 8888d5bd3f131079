"""When an autoencoder supports a claim. The claim: its sparse features stand for the activations on these texts.

In this order, the first that applies decides:
 1. splicing the activations themselves changes the loss: the measurement is at fault → inconclusive
 2. fewer than eight texts or a hundred tokens                                        → inconclusive
 3. the mean activation reconstructs as well (FVU reaches 1)                          → not supported
 4. the same dictionary turned at random reconstructs as well                         → not supported
 5. the mean activation costs the model no more than the reconstruction               → not supported,
    or inconclusive where even the mean costs nothing: the place does not matter here
 6. as many features are active as there are dimensions: nothing is sparse            → inconclusive
 7. more than half of the variance or of the loss is missing                          → inconclusive
 8. otherwise                                                                         → supported

It says nothing of what any single feature means: top examples describe, they do not test.
"""

from __future__ import annotations

from dataclasses import dataclass

from gadfly.tools.contract import Verdict
from gadfly.tools.stats import Interval

FEWEST_TEXTS, FEWEST_TOKENS = 8, 100
SELF_LIMIT = {"float32": 1e-4, "float16": 1e-2, "bfloat16": 5e-2}


@dataclass(frozen=True)
class Evidence:
    """What the verdict is formed on. Losses in nats."""

    texts: int
    tokens: int
    width: int
    l0: float
    fvu: float
    fvu_interval: Interval
    fvu_rotated: float
    over_rotated: Interval
    """FVU of the dictionary turned at random minus the FVU."""
    damage: Interval
    """Loss with the mean activation minus the model's own."""
    over_mean: Interval
    """Loss with the mean activation minus the loss with the reconstruction."""
    recovered: float
    self_splice: float
    dtype: str


def judge(e: Evidence) -> tuple[Verdict, str]:
    """The verdict and the reason, naming the control that decided."""
    if e.self_splice > SELF_LIMIT.get(e.dtype, 5e-2):
        return Verdict.INCONCLUSIVE, (
            f"putting the activations themselves back changes the loss by {e.self_splice:.2g} nats; it must not"
        )
    if e.texts < FEWEST_TEXTS or e.tokens < FEWEST_TOKENS:
        return Verdict.INCONCLUSIVE, (
            f"{e.texts} texts with {e.tokens} tokens; at least {FEWEST_TEXTS} and {FEWEST_TOKENS} are needed"
        )
    if not e.fvu_interval.below(1):
        return Verdict.NOT_SUPPORTED, (
            f"the mean activation alone reconstructs as well (FVU {e.fvu:.2f}, up to {e.fvu_interval.high:.2f}; "
            "is the hook, the input scale or the model another than in training?)"
        )
    if not e.over_rotated.above(0):
        return Verdict.NOT_SUPPORTED, (
            f"the same dictionary turned at random reconstructs as well (FVU {e.fvu_rotated:.2f})"
        )
    if not e.over_mean.above(0):
        if not e.damage.above(0):
            return Verdict.INCONCLUSIVE, (
                "the model loses nothing on these texts when the place holds the mean activation, "
                f"so there is nothing to keep ({e.damage.low:+.3f} to {e.damage.high:+.3f} nats)"
            )
        return Verdict.NOT_SUPPORTED, (
            "the mean activation costs the model no more than the reconstruction "
            f"({e.over_mean.low:+.3f} to {e.over_mean.high:+.3f} nats)"
        )
    if e.l0 >= e.width:
        return Verdict.INCONCLUSIVE, (
            f"{e.l0:.0f} features are active at once in {e.width} dimensions: a rotation would do as well"
        )
    if e.fvu > 0.5 or e.recovered < 0.5:
        return Verdict.INCONCLUSIVE, (
            f"it beats its controls but misses {e.fvu:.0%} of the variance and keeps {e.recovered:.0%} of the loss"
        )
    return Verdict.SUPPORTED, (
        f"it misses {e.fvu:.0%} of the variance (turned at random {e.fvu_rotated:.0%}), keeps {e.recovered:.0%} of "
        f"the loss that the mean activation gives up, with {e.l0:.0f} features active at once"
    )
