"""When patching supports a claim. The claim: one part, or one position at one layer, carries so much of the behaviour.

In this order, the first that applies decides:
 1. patching a run into itself changed it: the engine or the model is at fault       → inconclusive
 2. fewer than eight pairs: no interval worth the name                                → inconclusive
 3. clean and corrupt do not differ on the metric, or the model does not prefer the answer: there is no
    behaviour to explain                                                              → not supported
 4. the cell is the residual stream at a token that differs between the prompts, because no other place carries
    anything: there it is by construction                                             → not supported
 5. the effect's interval reaches 0, or its excess over an activation from an unrelated prompt (placebo) does
                                                                                      → not supported
 6. it exceeds the placebo, but among so many cells one stands out as much by chance   → inconclusive
 7. it exceeds the placebo, but by less than a tenth                                  → inconclusive
 8. otherwise, with its grade in words: takes part, a good part, most of it           → supported

Rules 3 and 5 say inconclusive below sixteen pairs where what was seen points the other way: then the number of pairs is
what limits.

Why a tenth. Mechanisms in real models are spread: a single head that restores a fifth, with a tight interval far above
its placebo and beyond chance among all heads, is a finding, and to call it none would leave only toy models with any.
What differs is how much is claimed, so the size is graded in words and the claim ends where the number does. Below a
tenth the rest of the network's answer to the patch is of the same size.
"""

from __future__ import annotations

from dataclasses import dataclass

from gadfly.tools.contract import Verdict
from gadfly.tools.stats import FEWEST, LEVEL, Interval
from gadfly.tools.ties import exceeds, reaches

SMALLEST_EFFECT = 0.1
GRADES = (
    (0.5, "carries most of the behaviour"),
    (0.25, "carries a good part of the behaviour"),
    (0.0, "takes part in the behaviour"),
)
# Rounding that a batch of another size may bring, as a share of the effect to explain.
SELF_PATCH_LIMIT = {"float32": 1e-3, "float16": 2e-2, "bfloat16": 1e-1}


@dataclass(frozen=True)
class Ground:
    """What must hold of the plain runs before anything is said of a change to them."""

    pairs: int
    gap: Interval
    gap_p: float
    gap_mean: float
    right: Interval
    """Share of pairs whose clean run prefers the answer, as an interval."""

    @property
    def has_gap(self) -> bool:
        """Whether clean and corrupt differ by their interval; one pair has none, and its number decides."""
        if not self.gap.known:
            return bool(exceeds(self.gap_mean, 0, self.gap.noise))
        return self.gap.above(0)

    def missing(self, act: str) -> tuple[Verdict, str] | None:
        """The verdict where there is no behaviour, or too few pairs; ``act``: what there is nothing to do with."""
        if self.pairs < FEWEST:
            return Verdict.INCONCLUSIVE, (
                f"too few pairs to tell: {self.pairs} given, at least {FEWEST} needed"
            )
        if self.gap.below(0):
            return Verdict.NOT_SUPPORTED, (
                f"clean runs are lower on the metric than corrupt runs, by {-self.gap_mean:.3g}, so there is nothing "
                f"to {act}; answer and wrong, or clean and corrupt, may have changed places"
            )
        if not self.has_gap:
            return Verdict.NOT_SUPPORTED, (
                f"clean and corrupt runs do not differ on the metric beyond chance, so there is nothing to {act}"
            )
        if self.gap_p > 0.01:
            return self.unsure(
                f"clean and corrupt runs do not differ on the metric beyond chance (p = {self.gap_p:.2g}), so there is "
                f"nothing to {act} yet"
            )
        if self.right.low <= 0.5:
            why = "the model does not prefer the answer on the clean prompts more often than a coin would"
            if self.right.low + self.right.high > 1:
                return self.unsure(why)
            return Verdict.NOT_SUPPORTED, why
        return None

    def unsure(self, why: str) -> tuple[Verdict, str]:
        """What points the right way and is not shown: not supported, but inconclusive where the pairs are too few."""
        if self.pairs >= 2 * FEWEST:
            return Verdict.NOT_SUPPORTED, why
        return Verdict.INCONCLUSIVE, (
            f"too few pairs to tell: {why}; {self.pairs} given, {2 * FEWEST} or more needed"
        )


def graded(effect: float) -> str:
    """How much a supported effect is, in words."""
    return next(words for least, words in GRADES if effect >= least)


@dataclass(frozen=True)
class Evidence(Ground):
    """What the verdict is formed on. Effects are normalised, and of the pairs that the choice did not see."""

    held: int
    """How many pairs those are."""
    self_patch: float
    self_patch_limit: float
    trivial: bool
    """Whether the cell is the residual stream at a token that differs between the prompts."""
    effect: float
    interval: Interval
    placebo: float
    placebo_interval: Interval | None
    excess: float
    beyond_placebo: Interval | None
    """Effect minus placebo; None if no pair has a donor."""
    p: float
    """That the excess is above 0, over all cells together."""
    cells: int


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
            "no two pairs have one shape and different answers, so there is no placebo; "
            "give pairs that share a template"
        )
    if e.trivial:
        return Verdict.NOT_SUPPORTED, (
            "only the tokens that differ between the prompts carry anything here, which they do by construction; give "
            "later layers, or prompts that go on after the difference"
        )
    large = min(e.effect, e.excess) >= SMALLEST_EFFECT
    if not e.interval.above(0):
        why = f"the interval of the effect reaches 0 on the pairs held out: {e.interval:.2f}"
        return e.unsure(why) if large else (Verdict.NOT_SUPPORTED, why)
    if not e.beyond_placebo.above(0):
        why = (
            f"an activation from an unrelated prompt at the same place does {e.placebo:.2f}: on the pairs held out the "
            f"effect does not exceed the placebo, {e.excess:.2f} {e.beyond_placebo:.2f}"
        )
        return e.unsure(why) if large else (Verdict.NOT_SUPPORTED, why)
    if e.p > LEVEL:
        return Verdict.INCONCLUSIVE, (
            f"too few pairs to tell: on the pairs held out the effect exceeds the placebo ({e.placebo:.2f}) by "
            f"{e.beyond_placebo:.2f}, but one of {e.cells} cells does as well by chance in {e.p:.2g} of all draws; "
            f"give {max(2 * FEWEST, 2 * e.pairs)} pairs or fewer cells"
        )
    if not reaches(min(e.effect, e.excess), SMALLEST_EFFECT, e.interval.noise):
        return Verdict.INCONCLUSIVE, (
            f"the cell beats the placebo ({e.placebo:.2f}), but by less than a tenth of the behaviour: {e.excess:.2f} "
            f"{e.beyond_placebo:.2f}; it may be spread over several places"
        )
    return Verdict.SUPPORTED, (
        f"it {graded(e.effect)}: on the pairs held out the effect exceeds the placebo ({e.placebo:.2f}) by "
        f"{e.beyond_placebo:.2f}, over all cells p = {e.p:.2g}, and the self-patch is exact"
    )
