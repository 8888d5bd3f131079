"""When the lens supports a claim. The claim: a layer before the last already reads as the target.

Readable means: among the likeliest few tokens, at least half as often as in the model's own output. That output is what
the last layer reads as, so it never counts as a find.

In this order, the first that applies decides:
 1. fewer than eight units: no interval worth the name                       → inconclusive
 2. the model itself does not prefer the target to other targets at its end  → not supported
 3. its own output has the target among the few in less than a tenth         → inconclusive
 4. no layer before the last is readable                                     → not supported,
    or inconclusive where the interval of the nearest one reaches what is needed
 5. at the first readable layer the target does not beat other targets       → not supported
 6. the same words in random order prefer it as much                         → not supported
 7. on the measured half it is readable too rarely                           → not supported,
    or inconclusive where the interval is too wide to tell
 8. otherwise                                                                → supported
"""

from __future__ import annotations

from dataclasses import dataclass

from gadfly.tools.contract import Verdict
from gadfly.tools.stats import FEWEST, Interval

SIGNIFICANT = 0.05
SMALLEST_SHARE = 0.1


@dataclass(frozen=True)
class Evidence:
    """What the verdict is formed on, at the reported layer, on units that its choice did not see. Advantages are
    differences of log-probabilities, in nats."""

    units: int
    few: int
    """How many tokens are the likeliest few."""
    final: Interval
    """Advantage over other targets after the last layer."""
    needed: float
    """Share of units with the target among the few that makes a layer readable: half of the model's own."""
    readable: bool
    """Whether a layer before the last was readable on the units that it was looked for on."""
    share: float
    """Share of units with the target among the few."""
    share_interval: Interval
    top: float
    """Share of units with the target on top."""
    top_interval: Interval
    advantage: float
    over_others: Interval
    over_shuffled: Interval
    p: float
    last_layer: bool
    """There is no layer before the last: a model of one layer."""

    @property
    def among(self) -> str:
        """The likeliest few in words."""
        return "on top" if self.few == 1 else f"among the {self.few} likeliest tokens"


def judge(e: Evidence) -> tuple[Verdict, str]:
    """The verdict and the reason, naming the control that decided."""
    if e.last_layer:
        return Verdict.INCONCLUSIVE, "the model has one layer, so there is none before the last"
    if e.units < FEWEST:
        return Verdict.INCONCLUSIVE, (
            f"too few prompts to tell: {e.units} given, at least {FEWEST} needed"
        )
    if not e.final.above(0):
        return Verdict.NOT_SUPPORTED, (
            "the model itself does not prefer the target to the other targets after its last layer "
            f"({e.final.low:+.2f} to {e.final.high:+.2f} nats)"
        )
    if 2 * e.needed < SMALLEST_SHARE:
        return Verdict.INCONCLUSIVE, (
            f"the model's own output has the target {e.among} in {2 * e.needed:.0%} of the prompts only, so there is "
            "little to read earlier; use prompts that it answers"
        )
    there = (
        f"{e.share:.0%} of the prompts ({e.share_interval.low:.0%} to {e.share_interval.high:.0%})"
    )
    least = f"the {e.needed:.0%} that half of the model's own output is"
    if not e.readable or e.share_interval.high < e.needed:
        if e.share_interval.high < e.needed:
            return Verdict.NOT_SUPPORTED, (
                f"the target is read at the model's output alone: before the last layer it is {e.among} in at most "
                f"{there}, below {least}"
            )
        return Verdict.INCONCLUSIVE, (
            f"too few prompts to tell: at the layer that comes nearest the target is {e.among} in {there}, and "
            f"{least} lies within; give more than {e.units}"
        )
    if not e.over_others.above(0) or e.p > SIGNIFICANT:
        return Verdict.NOT_SUPPORTED, (
            f"other targets read as well there: the target is {e.over_others.low:+.2f} to "
            f"{e.over_others.high:+.2f} nats above them (p = {e.p:.2g}, all layers together)"
        )
    if not e.over_shuffled.above(0):
        return Verdict.NOT_SUPPORTED, (
            "the same words in random order prefer the target as much: its advantage is "
            f"{e.over_shuffled.low:+.2f} to {e.over_shuffled.high:+.2f} nats larger in the right order"
        )
    if e.share_interval.low < SMALLEST_SHARE:
        return Verdict.INCONCLUSIVE, (
            f"too few prompts to tell how often it reads so: {e.among} in {there}; give more than {e.units}"
        )
    return Verdict.SUPPORTED, (
        f"before the last layer the target is {e.among} in {there}, {e.over_others.low:.2f} to "
        f"{e.over_others.high:.2f} nats above other targets; that advantage is {e.over_shuffled.low:.2f} to "
        f"{e.over_shuffled.high:.2f} larger than with the words shuffled; on prompts that the choice of the layer did "
        "not see"
    )
