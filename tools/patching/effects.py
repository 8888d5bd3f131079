"""From scores to effects: the metric applied, its normalisation and intervals over pairs.

Denoising puts clean activations into the corrupt run: effect = (patched - corrupt) / (clean - corrupt), so 0 is
no effect and 1 restores the clean answer. Noising puts corrupt activations into the clean run:
effect = (clean - patched) / (clean - corrupt), so 1 destroys it. Both are ratios of means over pairs.
Denoising speaks of sufficiency, noising of necessity (Heimersheim & Nanda 2024, arXiv:2404.15255).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gadfly.errors import ToolInputError
from gadfly.tools import stats
from gadfly.tools.arrays import Array, Flags, Tensor
from gadfly.tools.metrics import by_name
from gadfly.tools.patching.engine import Score


def scorer(metric: str, answer: Tensor, wrong: Tensor, clean_logits: Tensor) -> Score:
    """The function from logits [cells, pairs, vocabulary] to the named metric [cells, pairs] (see ``tools.metrics``).

    Raises (when called):
        ToolInputError: the metric, one of the user's own, gives another shape or no numbers.
    """
    measure = by_name(metric)

    def score(logits: Tensor, rows: slice = slice(None), /) -> Tensor:
        cells = logits.shape[0]
        logits = logits.float()  # differences of bf16 logits lose most of their digits
        right, other = (ids[rows].expand(cells, -1) for ids in (answer, wrong))
        found = measure(logits, right, other, clean_logits[rows].float().expand_as(logits))
        if found.shape != right.shape:
            raise ToolInputError(
                f"metric {metric} gave {list(found.shape)} numbers for logits {list(logits.shape)}; it must give "
                f"{list(right.shape)}"
            )
        if not found.isfinite().all():
            raise ToolInputError(f"metric {metric} gave numbers that are not finite")
        return found

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
        change, total = self.per_pair[:, pairs], gap[pairs].mean()
        return change.mean(1) / total if total != 0 else np.zeros(len(change))


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
                for row, here in zip(change, present, strict=True)
            ]
        )
    return Effects(mean, interval, change)
