"""Attribution patching: every cell's effect estimated from gradients, in a few forwards and backwards.

The effect of replacing a receiver's activation by the donor's is, to first order, their difference times the gradient
of the metric (Nanda 2023; Syed et al. 2023, arXiv:2310.10348). With several steps the gradient is averaged while the
input embeddings move from the receiver's to the donor's (integrated gradients: Sundararajan et al. 2017,
arXiv:1703.01365; on edges Hanna et al. 2024, arXiv:2403.17806), which mends saturation. These are estimates: the
cells that matter are measured exactly afterwards (``analysis``).
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import itemgetter
from typing import Any

from gadfly.corpus.progress import Progress
from gadfly.tools.arrays import Tensor
from gadfly.tools.hooks import hooked
from gadfly.tools.model import Batch, LocalModel
from gadfly.tools.patching.engine import Cell, Score
from gadfly.tools.patching.sites import Site, ports


def estimate(
    model: LocalModel,
    receiver: Batch,
    donor: Batch,
    donor_activations: Tensor,
    cells: Sequence[Cell],
    site: Site,
    score: Score,
    *,
    steps: int,
    max_rows: int,
    progress: Progress,
) -> Tensor:
    """Estimated change of the metric when each cell alone is patched, [cells, pairs].

    Args:
        donor_activations: as ``engine.capture`` gives them, [layers, pairs, tokens, width].
        steps: 1 takes the gradient in the receiver's run; more average it on the way to the donor's embeddings.
    """
    import torch

    found = torch.zeros(len(cells), len(receiver))
    for start in range(0, len(receiver), max_rows):
        rows = slice(start, start + max_rows)
        some, other = (batch.map(itemgetter(rows)) for batch in (receiver, donor))
        total: Tensor | None = None
        base: Tensor | None = None
        for step in range(steps):
            own, gradient = _gradients(model, some, other, site, score, rows, step / steps)
            base = own if base is None else base
            total = gradient if total is None else total + gradient
        assert total is not None
        assert base is not None
        product = (donor_activations[:, rows] - base) * (total / steps)
        for index, cell in enumerate(cells):
            part = ports(model, site)[cell.layer].parts[cell.target.part or 0]
            mask = cell.target.mask[rows]
            found[index, rows] = (
                (product[cell.layer][..., part].sum(-1) * mask).sum(-1).float().cpu()
            )
        progress.advance(len(some))
    return found


def _gradients(
    model: LocalModel,
    batch: Batch,
    other: Batch,
    site: Site,
    score: Score,
    rows: slice,
    share: float,
) -> tuple[Tensor, Tensor]:
    """Activations and the gradient of the summed metric at every port, [layers, rows, tokens, width] each."""
    import torch

    kept: list[Tensor] = []
    offsets: list[Tensor] = []

    def watched(value: Tensor) -> Tensor:
        # Adding zeros that ask for a gradient gives the gradient of the activation, in place of it.
        offset = torch.zeros_like(value, requires_grad=True)
        kept.append(value.detach())
        offsets.append(offset)
        return value + offset

    embedding = model.module.get_input_embeddings()

    def moved(_: Any, __: Any, out: Tensor) -> Tensor:
        if share == 0:
            return out
        there: Tensor = embedding.forward(other.ids)
        return out + share * (there - out).detach()

    with model.working(gradients=True):
        handles = [embedding.register_forward_hook(moved)]
        handles += [port.hook(watched) for port in ports(model, site)]
        with hooked(handles):
            logits = model.forward(batch)
            values = score(logits[None], rows)[0]
            gradients = torch.autograd.grad(values.sum(), offsets)
    home = model.device  # layers may be on several devices
    return torch.stack([t.to(home) for t in kept]), torch.stack([t.to(home) for t in gradients])
