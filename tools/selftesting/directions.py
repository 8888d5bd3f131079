"""Directions and sizes of what is planted, in a model's own terms: how long its states are, what its unembedding reads,
what a head can write."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from gadfly.errors import ModelError
from gadfly.tools.arrays import Tensor
from gadfly.tools.hooks import after, hooked
from gadfly.tools.model import LocalModel
from gadfly.tools.readout import freeze
from gadfly.tools.selftesting import noise
from gadfly.tools.steering.source import drawn

_OWN = 1_337  # tells draws of plants from those of tools


@lru_cache(maxsize=4)
def norms(model: LocalModel) -> tuple[float, ...]:
    """The median norm of the residual stream after each layer, without the first token and padding: the unit of every
    strength. The first token is left out as many models park an activation there that is hundreds of times larger."""
    batch = model.batch(noise.texts(model, 16, 0))
    counted = batch.mask.bool() & (batch.positions > 0)
    found: list[float] = []

    def keep(hidden: Tensor) -> None:
        found.append(float(hidden.float().norm(dim=-1).to(counted.device)[counted].median()))

    with model.working(), hooked([after(block, keep) for block in model.blocks]):
        model.forward(batch)
    return tuple(found)


def lasting(model: LocalModel, layer: int) -> float:
    """The largest median norm from ``layer`` on: what is as large is not drowned by the layers after it."""
    return max(norms(model)[layer:])


def random(model: LocalModel, n: int, seed: int) -> Tensor:
    """Orthonormal directions drawn at random, [n, hidden]."""
    import torch

    # Not by the seed alone: a tool given the same seed would draw what is planted as its first random control.
    rng = np.random.default_rng([seed, _OWN])
    found: Tensor = torch.linalg.qr(drawn(n, model.hidden_size, rng).T)[0].T
    return found


def unheld(model: LocalModel, layer: int, texts: Sequence[str], seed: int) -> Tensor:
    """A direction [hidden] drawn from those that the last states of ``texts`` after ``layer`` hold nothing of; of so
    many texts that a quarter of the dimensions is taken at most."""
    import torch

    kept: list[Tensor] = []

    def keep(hidden: Tensor) -> None:
        kept.append(hidden[:, -1].float().cpu())

    with model.working(), hooked([after(model.blocks[layer], keep)]):
        model.forward(model.batch(list(texts)[: max(1, model.hidden_size // 4)]))
    held = torch.linalg.qr(torch.cat(kept).T)[0]
    (axis,) = random(model, 1, seed).cpu()
    left: Tensor = axis - held @ (held.T @ axis)
    found: Tensor = left / left.norm()
    return found


def readable(model: LocalModel, ids: Sequence[int]) -> Tensor:
    """For each token an orthonormal direction [tokens, hidden] that makes it likelier and the others not: what final
    norm and unembedding read of it beyond the mean token, made orthogonal with the least change (Löwdin)."""
    import torch

    with model.working():
        weight = model.unembedding.weight
        rows = (weight[list(ids)] - weight.mean(0)).float()  # type: ignore[index,operator]
        frozen = freeze(model.final_norm, torch.ones(1, model.hidden_size).to(rows))
        read = rows * frozen.gain.to(rows)
        if frozen.centring:
            read = read - read.mean(-1, keepdim=True)
        return orthogonal(read).to(model.device)


def writing_heads(model: LocalModel, layer: int) -> list[int]:
    """The heads whose part of the output projection is not zero.

    Raises:
        ModelError: there is none, or the heads cannot be told apart.
    """
    projection = model.output_projection(layer)
    found = (
        []
        if projection is None
        else [head for head in range(model.heads) if bool(_own(model, projection, head).any())]
    )
    if not found:
        raise ModelError(
            f"layer {layer} of {model.name} has no head that could write anything, so none is planted there"
        )
    return found


def _own(model: LocalModel, projection: Any, head: int) -> Tensor:
    """What a head's output goes through, [hidden, head size]."""
    import torch

    weight: Tensor = projection.weight.detach().float().cpu()
    if not isinstance(projection, torch.nn.Linear):
        weight = weight.T  # GPT-2's Conv1D stores [in, out]
    size = weight.shape[1] // model.heads
    return weight[:, head * size : (head + 1) * size]


def head_size(model: LocalModel, layer: int) -> int:
    """How many numbers a head hands to the output projection; 0 where heads cannot be told apart."""
    projection = model.output_projection(layer)
    return 0 if projection is None else int(_own(model, projection, 0).shape[1])


def orthogonal(rows: Tensor) -> Tensor:
    """The orthonormal rows nearest to these."""
    import torch

    left, _, right = torch.linalg.svd(rows.float().cpu(), full_matrices=False)
    found: Tensor = left @ right
    return found


def by_head(model: LocalModel, layer: int, head: int, wanted: Tensor) -> Tensor:
    """What a head must hand to the output projection, [n, head size], to write one unit along each of ``wanted``
    [n, hidden] and nothing along the others, with as little else as its weights allow."""
    import torch

    own = _own(model, model.output_projection(layer), head)
    base = torch.linalg.qr(own)[0]
    within = base @ (base.T @ wanted.float().cpu().T)  # [hidden, n]
    out = within @ torch.linalg.pinv(wanted.float().cpu() @ within)
    found: Tensor = torch.linalg.lstsq(own, out).solution.T
    return found.to(model.device)


def around(model: LocalModel, layer: int, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
    """The direction [hidden] from the median state after ``layer`` to the first token's, and that state [hidden]."""
    batch = model.batch(texts)
    kept: list[Tensor] = []

    def keep(hidden: Tensor) -> None:
        kept.append(hidden.float().to(model.device))

    with model.working(), hooked([after(model.blocks[layer], keep)]):
        model.forward(batch)
    (states,) = kept
    real = batch.mask.bool()
    middle = states[real & (batch.positions > 0)].median(0).values
    first = states[real & (batch.positions == 0)].mean(0) - middle
    return first / first.norm(), middle
