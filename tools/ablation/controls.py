"""Directions to compare an ablated direction with: any direction, and directions of equal variance.

Taking out a random direction of a wide residual stream takes out almost nothing, so it is a weak control. One along
which the activations vary as much as along the given direction takes out as much, whatever it means.
"""

from __future__ import annotations

import numpy as np

from gadfly.tools.ablation.fill import Reference
from gadfly.tools.arrays import Tensor
from gadfly.tools.capture import usual, without_massive
from gadfly.tools.model import LocalModel
from gadfly.tools.rows import special_ids
from gadfly.tools.steering.source import drawn, isotropic

RANDOM = "random directions"
MATCHED = "directions of equal variance"
_CANDIDATES = 40  # for each control that is kept
_NEAR = 1.5
_FADE = 1e-3  # of the widest axis


def activations(model: LocalModel, reference: Reference, layer: int) -> Tensor:
    """The residual stream after ``layer`` at the reference prompts' usual tokens (at all where there is none), centred:
    [tokens, hidden], float32 on the CPU."""
    batch = reference.batch
    those = usual(batch, special_ids(model))
    those = those if those.any() else batch.mask.bool()
    hidden = reference.at["residual", layer]
    x = hidden[without_massive(hidden, those)].float().cpu()
    return x - x.mean(0)


def share(x: Tensor, direction: Tensor) -> float:
    """Share of the variance of ``x`` [tokens, hidden] along a direction of norm 1."""
    total = float(x.square().sum())
    return float((x @ direction).square().sum()) / total if total else 0.0


def directions(
    x: Tensor, direction: Tensor, count: int, seed: int
) -> tuple[dict[str, Tensor], list[str]]:
    """Both kinds of controls, [count, hidden] each, of norm 1, and what is to be said about them."""
    import torch

    random = isotropic(x.shape[1], count, seed)
    rng = np.random.default_rng(seed + 1)
    x, own = x.double(), direction.double()
    # Directions weighted along the principal axes by powers of their spread: from any direction to the widest ones.
    # Each is drawn in the whole space and then weighted: the axes themselves have signs of the library's choice, and
    # where they are equally wide a basis of its choice. Axes that hold nothing but rounding fade out.
    _, spread, axes = torch.linalg.svd(x, full_matrices=False)
    spread = spread / spread[0].clamp(min=1e-30)
    real = spread**2 / (spread**2 + _FADE**2)
    pools = [
        drawn(count * _CANDIDATES // 8, len(own), rng).double()
        @ axes.T
        * (spread**power * real)
        @ axes
        for power in (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 8.0)
    ]
    pool = torch.cat([isotropic(len(own), count, seed + 2).double(), *pools])
    pool = pool - (pool @ own)[:, None] * own
    norms = pool.norm(dim=-1)
    pool = pool[norms > 1e-6] / norms[norms > 1e-6, None]
    along = (pool @ x.T).square().sum(-1)
    target = (x @ own).square().sum()
    tiny = 1e-12 * x.square().sum().clamp(min=1e-30)
    apart = ((along + tiny) / (target + tiny)).log().abs()
    kept = torch.argsort(apart, stable=True)[:count]
    ratio = float(np.exp(float(apart[kept].median())))
    notes = []
    if ratio > _NEAR:
        notes.append(
            f"the activations vary along this direction like along no other: the controls of equal variance are off by "
            f"a factor of {ratio:.2g}"
        )
    return {RANDOM: random, MATCHED: pool[kept].float()}, notes
