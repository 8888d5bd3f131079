"""When a head counts as one of a kind. The claim: this head attends where such a head must, because of what is there.

In this order, the first that applies decides:
 1. fewer than eight sequences: no interval worth the name                             → inconclusive
 2. the score does not exceed its control (sequences that do not repeat; other tokens) → not supported
 3. the excess is real but below a tenth of the head's attention                       → not supported
 4. it exceeds it, but among so many heads one does as well by chance                  → inconclusive
 5. it is below a quarter                                                              → inconclusive
 6. otherwise                                                                          → supported

Random weights give some head a small real preference, which is why size counts and not significance alone.
"""

from __future__ import annotations

from dataclasses import dataclass

from gadfly.tools import ties
from gadfly.tools.contract import Verdict
from gadfly.tools.stats import FEWEST, LEVEL, Interval

SMALLEST, ENOUGH = 0.1, 0.25


@dataclass(frozen=True)
class Evidence:
    """What the verdict is formed on; probabilities, on the sequences that the choice of the head did not see."""

    sequences: int
    score: float
    interval: Interval
    control: float
    beyond: Interval
    """Score minus control."""
    p: float
    """That the score is above its control, over all heads and kinds together."""
    cells: int


def judge(e: Evidence) -> tuple[Verdict, str]:
    """The verdict and the reason, naming the control that decided."""
    excess = f"{e.beyond.low:+.3f} to {e.beyond.high:+.3f} beyond the control of {e.control:.3f}"
    if e.sequences < FEWEST:
        return Verdict.INCONCLUSIVE, (
            f"too few sequences to tell: {e.sequences} given, at least {FEWEST} needed"
        )
    if not e.beyond.above(0):
        return Verdict.NOT_SUPPORTED, f"the score does not exceed its control ({excess})"
    if e.beyond.below(SMALLEST):
        return (
            Verdict.NOT_SUPPORTED,
            f"less than a tenth of the head's attention goes there ({excess})",
        )
    if e.p > LEVEL:
        return Verdict.INCONCLUSIVE, (
            f"too few sequences to tell: the score exceeds its control ({excess}), but one of {e.cells} scores "
            f"is as large by chance in {e.p:.2g} of all draws; give {2 * max(FEWEST, e.sequences)} sequences"
        )
    if not ties.reaches(e.beyond.low, ENOUGH, e.beyond.noise):
        return (
            Verdict.INCONCLUSIVE,
            f"the head attends there, but with less than a quarter of it ({excess})",
        )
    return Verdict.SUPPORTED, (
        f"{excess}, on sequences that the choice of the head did not see; over all {e.cells} scores p = {e.p:.2g}"
    )


def together(found: dict[str, tuple[Verdict, str]]) -> tuple[Verdict, str]:
    """One verdict over several kinds: the best of them, with each one's reason."""
    order = (Verdict.SUPPORTED, Verdict.INCONCLUSIVE, Verdict.NOT_SUPPORTED)
    best = min((verdict for verdict, _ in found.values()), key=order.index)
    return best, "; ".join(f"{kind}: {verdict}, {why}" for kind, (verdict, why) in found.items())
