"""From scores to effects: the metric, its normalisation, intervals and tests over pairs.

Denoising puts clean activations into the corrupt run: effect = (patched - corrupt) / (clean - corrupt), so 0 is
no effect and 1 restores the clean answer. Noising puts corrupt activations into the clean run:
effect = (clean - patched) / (clean - corrupt), so 1 destroys it. Both are ratios of means over pairs.
Denoising speaks of sufficiency, noising of necessity (Heimersheim & Nanda 2024, arXiv:2404.15255).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from gadfly.tools import stats
from gadfly.tools.patching.engine import Score

if TYPE_CHECKING:
    from torch import Tensor

    from gadfly.tools.stats import Array, Flags

Metric = Literal["logit_difference", "probability", "kl"]


def scorer(metric: Metric, answer: Tensor, wrong: Tensor, clean_logits: Tensor) -> Score:
    """The function from logits [cells, pairs, vocabulary] to the metric [cells, pairs]; more is more clean-like.

    ``logit_difference``: logit(answer) - logit(wrong). ``probability``: of the answer. ``kl``: minus the divergence
    KL(clean ‖ patched) in nats, so that clean scores 0.
    """

    def score(logits: Tensor, rows: slice = slice(None), /) -> Tensor:
        logits = logits.float()  # differences of bf16 logits lose most of their digits
        cells = logits.shape[0]
        right = answer[rows].expand(cells, -1)[..., None]
        if metric == "logit_difference":
            other = wrong[rows].expand(cells, -1)[..., None]
            return (logits.gather(-1, right) - logits.gather(-1, other)).squeeze(-1)
        logs = logits.log_softmax(-1)
        if metric == "probability":
            return logs.gather(-1, right).squeeze(-1).exp()
        target = clean_logits[rows].float().log_softmax(-1)
        return -(target.exp() * (target - logs)).sum(-1)

    return score


@dataclass(frozen=True)
class Runs:
    """Scores of the unpatched runs, [pairs] each."""

    clean: Array
    corrupt: Array

    @property
    def gap(self) -> Array:
        """What there is to restore, for each pair."""
        return self.clean - self.corrupt


@dataclass(frozen=True)
class Effects:
    """Normalised effects of every cell. Arrays are [cells], intervals [cells, 2]."""

    mean: Array
    interval: Array
    per_pair: Array
    """Unnormalised change towards clean (denoising) or away from it (noising), [cells, pairs]."""

    def on(self, pairs: Flags, gap: Array) -> Array:
        """The effects measured on a subset of pairs (a boolean mask)."""
        return _ratio(self.per_pair[:, pairs], gap[pairs])


def effects(change: Array, gap: Array, present: Flags, seed: int) -> Effects:
    """Normalise ``change`` [cells, pairs]; pairs without the position (``present`` false) do not count."""
    change = np.where(present, change, 0.0)
    # A pair that lacks the position adds nothing above and must add nothing below.
    bottoms = np.where(present, gap[None], 0.0)
    mean = np.divide(
        change.sum(1), bottoms.sum(1), out=np.zeros(len(change)), where=bottoms.sum(1) != 0
    )
    if present.all():
        interval = stats.ratio_intervals(change, gap, seed)
    else:
        interval = np.concatenate(
            [
                stats.ratio_intervals(row[here][None], gap[here], seed)
                if here.sum() > 1
                else np.zeros((1, 2))
                for row, here in zip(change, present, strict=True)
            ]
        )
    return Effects(mean, interval, change)


def beyond(change: Array, placebo: Array, seed: int) -> Array:
    """q-values, over all cells, that a cell's change exceeds the placebo's. Shapes [cells, pairs] → [cells]."""
    return stats.benjamini_hochberg(stats.sign_flip(change - placebo, seed))


def _ratio(change: Array, gap: Array) -> Array:
    total = gap.mean()
    return change.mean(1) / total if total != 0 else np.zeros(len(change))
