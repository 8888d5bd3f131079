"""When probing supports a claim. The claim: the model's activations hold the label, beyond what the surface gives.

In this order, the first that applies decides:
 1. fewer than two groups or ten texts of a label in the test part      → inconclusive
 2. a control that is surely below one half does as well turned around  → inconclusive: the split may be at fault
 3. the AUROC does not beat shuffled labels                             → not supported
 4. it does, but its interval reaches one half                          → inconclusive: too few texts or groups
 5. a control (words, length, embeddings, random weights) does as well  → not supported
 6. otherwise                                                           → supported

A control below one half tells the label too, inside out: what words tell in the train part is the opposite in the test
part. So it goes where each word stands with both labels equally often and is left out of training once. It pulls a
probe down too.

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
    turned: dict[str, tuple[float, Interval]]
    """The same for controls that are surely below one half: their AUROC, and probe minus (1 - control)."""


def too_few(groups: int, smaller_label: int) -> str | None:
    """Why such a test part cannot give a verdict, if so."""
    if groups >= FEWEST_GROUPS and smaller_label >= FEWEST_TEXTS:
        return None
    return (
        f"the test part has {groups} groups and {smaller_label} texts of the rarer label; at least {FEWEST_GROUPS} and "
        f"{FEWEST_TEXTS} are needed to tell: give about {5 * FEWEST_TEXTS} texts of each label or more"
    )


def judge(e: Evidence) -> tuple[Verdict, str]:
    """The verdict and the reason, naming the control that decided."""
    if few := too_few(e.groups, e.smaller_label):
        return Verdict.INCONCLUSIVE, few
    for turned, (below, beyond) in e.turned.items():
        if beyond.low <= 0:
            return Verdict.INCONCLUSIVE, (
                f"a control is turned around: {turned.replace('_', ' ')} alone has AUROC {below:.2f}, further below "
                "one half than chance explains, and tells the label as well inside out (the probe "
                f"{beyond.low:+.2f} to {beyond.high:+.2f} beyond that); so it goes where texts that share their words "
                "are parted: if these are, give them one group, and exchange words within groups only"
            )
    if e.p > SIGNIFICANT:
        return Verdict.NOT_SUPPORTED, (
            f"the probe does no better than on shuffled labels (p = {e.p:.2g}; AUROC {e.auroc:.2f}, "
            f"interval from {e.interval.low:.2f})"
        )
    if not e.interval.above(0.5):
        return Verdict.INCONCLUSIVE, (
            f"too few texts to tell: the probe beats shuffled labels (p = {e.p:.2g}), but the interval of its AUROC of "
            f"{e.auroc:.2f} reaches one half (from {e.interval.low:.2f}); give more texts and groups of each label"
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
