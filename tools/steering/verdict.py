"""When steering supports a claim. The claim: adding this vector moves the behaviour, because of what it stands for.

The effect is read at one dose that is fixed without looking at it: the largest at which the perplexity on neutral text
is at most a quarter above the unsteered one, or, where no dose is as mild, the smallest. There an effect still grows
with the dose. Nearer to where text breaks, that of a true vector levels off and those of other directions, which begin
to break the model, catch up. In this order, the first that applies decides:
 1. fewer than eight prompts: no interval worth the name                                   → inconclusive
 2. at every dose the perplexity on neutral text is more than doubled                      → not supported
 3. the interval of the effect over prompts reaches 0, or the effect goes the other way    → not supported
 4. random directions do as much (p > 0.05), of the same norm, or of the smaller one at
    which they harm neutral text no more than the vector or that mild dose                 → not supported
 5. in-distribution directions of the same norm do as much (p > 0.05)                      → not supported
    In both, where no more than one in twenty of them does and only their number is small  → inconclusive
 6. there was no in-distribution control                                                   → inconclusive
 7. otherwise                                                                              → supported

A p-value counts controls that move the metric as much in *either* direction, which is stricter than the claim asks.
A prompt that does as well is reported and does not decide: steering need not beat asking.
"""

from __future__ import annotations

from dataclasses import dataclass

from gadfly.tools.contract import Verdict
from gadfly.tools.stats import FEWEST, LEVEL, Interval

PERPLEXITY_LIMIT = 2.0
"""Times the unsteered perplexity: beyond it nothing is claimed."""
PERPLEXITY_MILD = 1.25
"""Up to which the effect is read."""


@dataclass(frozen=True)
class Family:
    """Control directions of one kind at the chosen dose."""

    name: str
    count: int
    reached: int
    """How many of them move the metric at least as much as the vector, either way."""
    strongest: float
    """The largest effect among them, whatever its sign."""
    share: float = 1.0
    """Their norm, in norms of the vector."""

    @property
    def size(self) -> str:
        """The norm in words."""
        if self.share == 1:
            return "of the same norm"
        return f"at {self.share:.2g} of its norm, which harm neutral text as much,"

    @property
    def p(self) -> float:
        """The vector itself is counted in."""
        return (1 + self.reached) / (1 + self.count)

    @property
    def too_few(self) -> bool:
        """Whether p is above the level only because there are few of them."""
        return self.reached <= LEVEL * self.count and self.p > LEVEL


@dataclass(frozen=True)
class Evidence:
    """What the verdict is formed on. ``usable``: the perplexity at the dose is at most doubled. ``searched``: the doses
    were found, not given."""

    prompts: int
    usable: bool
    searched: bool
    dose: float
    effect: float
    interval: Interval
    perplexity_ratio: float
    random: Family
    in_distribution: Family | None


def judge(e: Evidence) -> tuple[Verdict, str]:
    """The verdict and the reason, naming the control that decided."""
    if e.prompts < FEWEST:
        return Verdict.INCONCLUSIVE, (
            f"too few prompts for an interval: {e.prompts} given, at least {FEWEST} needed"
        )
    if not e.usable:
        way_out = (
            "no smaller dose was tried" if e.searched else "leave out doses to have them found"
        )
        return Verdict.NOT_SUPPORTED, (
            f"at every dose the perplexity on neutral text is more than {PERPLEXITY_LIMIT:g} times the unsteered one "
            f"({e.perplexity_ratio:.3g} times at dose {e.dose:.2g}): what moves is fluency; {way_out}"
        )
    if not e.interval.above(0):
        way = "goes the other way" if e.interval.below(0) else "reaches 0"
        return Verdict.NOT_SUPPORTED, (
            f"the effect at dose {e.dose:.2g} {way}: {e.effect:+.3g} "
            f"[{e.interval.low:.3g}, {e.interval.high:.3g}] over prompts"
        )
    for family in (e.random, e.in_distribution):
        if family is not None and family.too_few:
            return Verdict.INCONCLUSIVE, (
                f"too few {family.name} to tell: {family.reached} of {family.count} do as much as the vector "
                f"(p = {family.p:.2g}); give more controls, and more contrast pairs if there are few"
            )
        if family is not None and family.p > LEVEL:
            return Verdict.NOT_SUPPORTED, (
                f"{family.name} {family.size} do as much: the strongest moves the metric by "
                f"{family.strongest:.3g} and the vector by {e.effect:.3g} (p = {family.p:.2g})"
            )
    if e.in_distribution is None:
        return Verdict.INCONCLUSIVE, (
            "the vector beats random directions, but nothing in-distribution could be compared with it; give at "
            f"least {FEWEST} different prompts or contrast pairs"
        )
    return Verdict.SUPPORTED, (
        f"the effect exceeds {e.random.name} {e.random.size} (p = {e.random.p:.2g}) and {e.in_distribution.name} "
        f"{e.in_distribution.size} (p = {e.in_distribution.p:.2g}), with the perplexity on neutral text "
        f"{e.perplexity_ratio:.2g} times the unsteered one"
    )
