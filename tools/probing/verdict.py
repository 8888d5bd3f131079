"""When probing supports a claim. The claim: the model's activations hold the label, beyond what the surface gives.

In this order, the first that applies decides:
 1. fewer than two groups or ten texts of a label in the test part      → inconclusive
 2. the AUROC does not beat shuffled labels, or its interval reaches one half → not supported
 3. a control (words, length, embeddings, random weights) does as well        → not supported
 4. otherwise                                                           → supported

Decodable is not used: whether the model reads the direction is a question for ``steer`` and ``ablate``.
"""

from __future__ import annotations

from dataclasses import dataclass

from gadfly.tools.contract import Verdict
from gadfly.tools.stats import Interval

FEWEST_GROUPS = 2
FEWEST_TEXTS = 10
SIGNIFICANT = 0.05


@dataclass(frozen=True)
class Evidence:
    """What the verdict is formed on; all on the test part."""

    groups: int
    smaller_label: int
    auroc: float
    interval: Interval
    p: float
    """Of the AUROC among those of shuffled labels."""
    controls: dict[str, tuple[float, Interval]]
    """Name → AUROC of the control, and the interval of probe minus control."""


def judge(e: Evidence) -> tuple[Verdict, str]:
    """The verdict and the reason, naming the control that decided."""
    if e.groups < FEWEST_GROUPS or e.smaller_label < FEWEST_TEXTS:
        return Verdict.INCONCLUSIVE, (
            f"the test part has {e.groups} groups and {e.smaller_label} texts of the rarer label; at least "
            f"{FEWEST_GROUPS} and {FEWEST_TEXTS} are needed"
        )
    if e.p > SIGNIFICANT or e.interval.low <= 0.5:
        return Verdict.NOT_SUPPORTED, (
            f"the probe does no better than on shuffled labels (p = {e.p:.2g}; AUROC {e.auroc:.2f}, "
            f"interval from {e.interval.low:.2f})"
        )
    name, (area, difference) = min(e.controls.items(), key=lambda item: item[1][1].low)
    if difference.low <= 0:
        return Verdict.NOT_SUPPORTED, (
            f"{name.replace('_', ' ')} alone does as well: AUROC {area:.2f}, the probe beyond it "
            f"{difference.low:+.2f} to {difference.high:+.2f}"
        )
    return Verdict.SUPPORTED, (
        f"the probe beats shuffled labels (p = {e.p:.2g}) and every control; the nearest is "
        f"{name.replace('_', ' ')} at {area:.2f}, {difference.low:+.2f} to {difference.high:+.2f} behind"
    )
