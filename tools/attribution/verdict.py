"""When attribution supports a claim. The claim: one component writes the answer into the logits directly.

In this order, the first that applies decides:
 1. the parts do not sum to the model's logit: the measurement is at fault          → inconclusive
 2. fewer than eight prompts: no interval worth the name                            → inconclusive
 3. the model does not prefer the answer: there is nothing to attribute             → not supported
 4. on the prompts held out, the component writes as much to unrelated answers      → not supported; inconclusive where
    fewer than sixteen prompts leave too few held out and it would be large enough
 5. it writes more, but among so many components one stands out as much by chance   → inconclusive
 6. it beats them but makes up less than a tenth of the preference                  → inconclusive
 7. otherwise                                                                       → supported

The claim has one side, so p has one: that the component writes more to the answer than to unrelated ones.
"""

from __future__ import annotations

from dataclasses import dataclass

from gadfly.tools.contract import Verdict
from gadfly.tools.stats import FEWEST, LEVEL, Interval
from gadfly.tools.ties import reaches

SMALLEST_SHARE = 0.1
# Of the largest logit: rounding of a sum of parts taken in float32 against the model's own arithmetic.
SUM_LIMIT = {"float32": 1e-4, "float16": 2e-2, "bfloat16": 1e-1}


@dataclass(frozen=True)
class Evidence:
    """What the verdict is formed on, in logits."""

    prompts: int
    sum_error: float
    dtype: str
    gap: Interval
    """The answer's logit (difference) minus that of unrelated answers, over all prompts."""
    gap_p: float
    logit: float
    """What is attributed, on the prompts held out; so are the next four."""
    contribution: float
    interval: Interval
    beyond: Interval
    """Contribution minus what the part writes to unrelated answers."""
    unrelated: float
    p: float
    """That it writes more to the answer than to unrelated ones, over all components together."""
    parts: int
    share: float
    """Of what all components write more to the answer than to unrelated ones, on the prompts held out."""


def judge(e: Evidence) -> tuple[Verdict, str]:
    """The verdict and the reason, naming the control that decided."""
    if e.sum_error > SUM_LIMIT.get(e.dtype, 0.1):
        return Verdict.INCONCLUSIVE, (
            f"the parts miss the model's logit by {e.sum_error:.2g} of the largest; they must sum to it"
        )
    if e.prompts < FEWEST:
        return Verdict.INCONCLUSIVE, (
            f"too few prompts to tell: {e.prompts} given, at least {FEWEST} needed"
        )
    if not e.gap.above(0) or e.gap_p > LEVEL:
        return Verdict.NOT_SUPPORTED, (
            "the model does not prefer the answer to unrelated ones "
            f"({e.gap.low:+.2f} to {e.gap.high:+.2f} logits, p = {e.gap_p:.2g}), so there is nothing to attribute"
        )
    beyond = f"{e.beyond.low:+.2f} to {e.beyond.high:+.2f} logits"
    if not e.beyond.above(0):
        if e.prompts < 2 * FEWEST and e.share >= SMALLEST_SHARE:
            return Verdict.INCONCLUSIVE, (
                f"too few prompts to tell: beyond unrelated answers the component writes {beyond} on the prompts held "
                f"out; {e.prompts} prompts given, {2 * FEWEST} or more needed"
            )
        return Verdict.NOT_SUPPORTED, (
            f"the component writes as much to unrelated answers ({e.unrelated:+.2f}): beyond them {beyond} on the "
            "prompts held out"
        )
    if e.p > LEVEL:
        return Verdict.INCONCLUSIVE, (
            f"too few prompts to tell: beyond unrelated answers the component writes {beyond} on the prompts held out, "
            f"but one of {e.parts} components does as well by chance in {e.p:.2g} of all draws; give "
            f"{max(2 * FEWEST, 2 * e.prompts)} prompts"
        )
    if not reaches(e.share, SMALLEST_SHARE, e.gap.noise):
        return Verdict.INCONCLUSIVE, (
            f"the component beats unrelated answers but makes up {e.share:.0%} of the preference for it over "
            "them; the answer may be written by many"
        )
    return Verdict.SUPPORTED, (
        f"on prompts that its choice did not see, the component writes {e.beyond.low:.2f} to {e.beyond.high:.2f} "
        f"logits more to the answer than to unrelated ones, {e.share:.0%} of the whole "
        f"preference for it over them; over all components p = {e.p:.2g}"
    )
