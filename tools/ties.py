"""When two measured numbers count as equal: the one place that says what rounding alone may do to a number.

A float sum depends on its order, and the order on the size of the batch, the number of threads and the processor. So
what is measured twice differs in its last bits, and a rank, a p-value or a choice that hangs on them would differ too.
Everything discrete is therefore decided by the comparisons below: a difference within the noise is a tie, a tie counts
against the claim, and of several that tie the first in their natural order is taken.

The noise. One rounding changes a number by at most half an epsilon of its size. A logit is reached through a residual
stream that is rounded at each sublayer, through norms and softmaxes that pass errors on, and at last through a sum
over the hidden size. The errors are of either sign, so they grow with the square root of their number: some tens of
epsilons of the largest logit for a hundred sublayers. :data:`EPSILONS` is a few times what was measured between batches
and instruction sets on nine tiny architectures and two trained models (``tests/tools/test_ties.py`` does it
again): 12 in float32 on a trained model and 27 on a tiny one, 2.7 in float16, 0.9 in bfloat16. In half precision sums
run in float32 and their results are rounded, which takes fewer epsilons, much larger ones.

A tie is a relation of two numbers and not a rounding of each to a grid: two equal numbers cannot fall on two sides of
an edge, and no chain of neighbours is drawn into one. What is left: a real difference may happen to be as large as the
noise's bound, to within noise. Among numbers that are spread out that is as rare as the noise is small.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gadfly.tools.arrays import Array, Tensor

Noise = float | Array

EPSILON = {"float64": 2.0**-52, "float32": 2.0**-23, "float16": 2.0**-10, "bfloat16": 2.0**-7}
EPSILONS = {"float64": 64.0, "float32": 64.0, "float16": 8.0, "bfloat16": 2.0}
"""How many epsilons of the size two runs of one measurement may be apart."""


def noise(dtype: str, *measured: Any) -> float:
    """The largest difference that rounding alone makes between two runs.

    Args:
        dtype: of the model, such as ``bfloat16``; one that is not known counts as the coarsest.
        measured: what was summed up, as arrays or tensors; the largest number among them is the size. A difference of
            two logits is as noisy as they are: give the logits, not their difference.
    """
    return float(of_size(dtype, max(float(abs(each).max()) for each in measured)))


def of_size(dtype: str, size: Any) -> Any:
    """The same where the size is known: a number, or one for each row."""
    kind = dtype if dtype in EPSILON else "bfloat16"
    return EPSILONS[kind] * EPSILON[kind] * size


def reaches(value: Any, limit: Any, slack: Any) -> Any:
    """``value >= limit``, where a tie counts as reached. For controls that do as well, and for limits that include."""
    return value >= limit - slack


def exceeds(value: Any, limit: Any, slack: Any) -> Any:
    """``value > limit``, where a tie does not exceed. For a claim over what it must beat."""
    return value > limit + slack


def first(values: Any, slack: Noise) -> int:
    """Where the largest stands: of those that tie with it the first."""
    found = np.asarray(values, dtype=np.float64)
    return int(np.argmax(found >= found.max() - slack))


def likeliest(logits: Tensor) -> Tensor:
    """The same for the last axis of a tensor, kept as an axis of one: the token that is taken.

    Noise is that of float32 whatever the model's dtype: half precision would take a token for likeliest that is a tenth
    of a logit behind. There a text may differ between processors.
    """
    best = logits.amax(-1, keepdim=True)
    slack = of_size("float32", logits.abs().amax(-1, keepdim=True))
    near: Tensor = logits >= best - slack
    return near.int().argmax(-1, keepdim=True)


def ranking(values: Any, slack: Noise, most: int | None = None) -> list[int]:
    """Indices from the largest down, ``most`` of them; at every place the first of those that tie for it."""
    left = np.array(values, dtype=np.float64)
    wide = np.broadcast_to(np.asarray(slack, dtype=np.float64), left.shape)
    order: list[int] = []
    for _ in range(len(left) if most is None else min(most, len(left))):
        index = int(np.argmax(left >= left.max() - wide))
        order.append(index)
        left[index] = -np.inf
    return order


def ranks(values: Any, slack: Any = 0.0) -> Array:
    """Ranks from 1 along the last axis; each pair that ties shares its places.

    Args:
        values: [..., n].
        slack: one number, or [...] for each row.
    """
    rows = np.asarray(values, dtype=np.float64)
    flat = rows.reshape(-1, rows.shape[-1])
    wide = np.broadcast_to(np.asarray(slack, dtype=np.float64), rows.shape[:-1]).reshape(-1)
    out = np.empty_like(flat)
    for row, own, each in zip(flat, out, wide, strict=True):
        line = np.sort(row)
        below = np.searchsorted(line, row - each, "left")
        own[:] = (below + np.searchsorted(line, row + each, "right") + 1) / 2
    return out.reshape(rows.shape)


def correlation(one: Any, other: Any, slack_one: float, slack_other: float) -> float:
    """Spearman's rank correlation; NaN where either has no order."""
    a, b = ranks(one, slack_one), ranks(other, slack_other)
    a, b = a - a.mean(), b - b.mean()
    size = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / size if size > 0 else float("nan")
