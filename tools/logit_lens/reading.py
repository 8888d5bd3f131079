"""Residual streams of every layer, and what the model's readout makes of them.

Row 0 is the input of the first block (the embedding), row l + 1 the output of block l *before* the final norm, taken
from hooks. The readout's norm is applied to each exactly once. Logits exist for one layer at a time, so memory grows
with rows × vocabulary and never with layers.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from gadfly.tools import ties
from gadfly.tools.arrays import Tensor
from gadfly.tools.hooks import after, before, hooked
from gadfly.tools.model import Batch, LocalModel
from gadfly.tools.readout import Readout


@dataclass(frozen=True)
class Read:
    """What each layer says of each row; [layers + 1, rows], float32 on the CPU.

    ``logp`` and ``rank`` are the target's (rank 0: on top, and alone there, for what ties counts as ahead);
    ``other_logp`` is the mean over the control targets and ``other_rank`` their median. ``top`` holds ids and
    ``top_probability`` probabilities of the best token.
    """

    logp: Tensor
    rank: Tensor
    other_logp: Tensor
    other_rank: Tensor
    top: Tensor
    top_probability: Tensor


def residuals(model: LocalModel, batch: Batch, *, last_only: bool = True) -> tuple[Tensor, Tensor]:
    """Residuals [layers + 1, rows, tokens, hidden] in the model's dtype, and its logits [rows, vocabulary] at the end.

    Args:
        last_only: keep the last position alone (tokens is then 1).
    """
    import torch

    kept: dict[int, Tensor] = {}
    cut = slice(-1, None) if last_only else slice(None)

    def embedded(hidden: Tensor) -> None:
        kept[0] = hidden[:, cut]

    def keep(index: int, hidden: Tensor) -> None:
        kept[index] = hidden[:, cut].to(model.device)

    with model.working():
        handles = [after(block, partial(keep, i + 1)) for i, block in enumerate(model.blocks)]
        with hooked([before(model.blocks[0], embedded), *handles]):
            logits = model.forward(batch)
    return torch.stack([kept[i] for i in range(model.num_layers + 1)]), logits


def read(readout: Readout, hidden: Tensor, target: Tensor, others: Tensor) -> Read:
    """Read ``hidden`` [layers + 1, rows, hidden] for ``target`` [rows] and control targets ``others`` [rows, k]."""
    import torch

    dtype = readout.model.dtype
    found: list[list[Tensor]] = [[] for _ in range(6)]
    with readout.model.working():
        for layer in hidden:
            logits = readout.logits(layer)
            logs = logits.log_softmax(-1)
            noise = ties.of_size(dtype, logits.abs().amax(-1, keepdim=True))
            own = logits.gather(-1, target[:, None])
            rivals = logits.gather(-1, others)
            ranks = torch.stack(
                [
                    ties.reaches(logits, column[:, None], noise).sum(-1) - 1
                    for column in rivals.unbind(-1)
                ],
                -1,
            )
            best, top = logs.amax(-1), ties.likeliest(logits).squeeze(-1)
            rows = (
                logs.gather(-1, target[:, None]).squeeze(-1),
                ties.reaches(logits, own, noise).sum(-1).float() - 1,
                logs.gather(-1, others).mean(-1),
                ranks.float().median(-1).values,
                top.float(),
                best.exp(),
            )
            for kept, row in zip(found, rows, strict=True):
                kept.append(row.float().cpu())
    return Read(*(torch.stack(rows) for rows in found))
