"""Residual streams of every layer, and what the model's readout makes of them.

Row 0 is the input of the first block (the embedding), row l + 1 the output of block l *before* the final norm, taken
from hooks. The readout's norm is applied to each exactly once. Each residual is unembedded once, a bounded number at a
time, and all that is told of its logits comes from that one pass: with a large vocabulary it is most of the work.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from gadfly.tools import ties
from gadfly.tools.arrays import Tensor
from gadfly.tools.hooks import See, after, before, hooked
from gadfly.tools.model import Batch, LocalModel
from gadfly.tools.readout import Readout

_OWN = 2  # rows whose own logits a readout is held to
_UNEMBEDDED = 2**25  # logits at once, 128 MB: enough rows that the weights are read seldom
_LOOKED_AT = 2**21  # logits that are reduced at once: few enough for a cache


@dataclass(frozen=True)
class Read:
    """What each layer says of each row; [layers + 1, rows], float32 on the CPU.

    ``logp`` and ``rank`` are the target's (rank 0: on top, and alone there, for what ties counts as ahead);
    ``other_logp`` is the mean over the control targets. ``top`` holds ids and ``top_probability`` probabilities of the
    best token; both are -1 where they were not asked for.
    """

    logp: Tensor
    rank: Tensor
    other_logp: Tensor
    top: Tensor
    top_probability: Tensor


def residuals(model: LocalModel, batch: Batch, *, last_only: bool = True) -> tuple[Tensor, Tensor]:
    """Residuals [layers + 1, rows, tokens, hidden] in the model's dtype, and at the end its own logits of the first
    rows, [2 at most, vocabulary]: enough to hold a readout to, which unembeds all rows anyhow.

    Args:
        last_only: keep the last position alone (tokens is then 1).
    """
    cut = slice(-1, None) if last_only else slice(None)
    return _kept(model, batch, cut, model.forward, lambda hidden: hidden[:_OWN])


def _kept(
    model: LocalModel, batch: Batch, cut: slice, forward: Callable[[Batch], Tensor], end: See
) -> tuple[Tensor, Tensor]:
    """``end`` cuts what reaches the unembedding."""
    import torch

    kept: dict[int, Tensor] = {}

    def keep(index: int, hidden: Tensor) -> None:
        kept[index] = hidden[:, cut].to(model.device)

    with model.working():
        handles = [after(block, partial(keep, i + 1)) for i, block in enumerate(model.blocks)]
        handles += [before(model.blocks[0], partial(keep, 0)), before(model.unembedding, end)]
        with hooked(handles):
            out = forward(batch)
    return torch.stack([kept[i] for i in range(model.num_layers + 1)]), out


def streams(model: LocalModel, batch: Batch) -> Tensor:
    """Residuals [layers + 1, rows, hidden] of the last position, where nothing is unembedded."""
    last = slice(-1, None)
    return _kept(model, batch, last, model.logits, lambda hidden: hidden[:, :0])[0][:, :, 0]


def read(
    readout: Readout,
    hidden: Tensor,
    target: Tensor,
    others: Tensor,
    *,
    own: Tensor | None = None,
    tops: bool = False,
) -> tuple[Read, float, float]:
    """Read ``hidden`` [layers + 1, rows, hidden] for ``target`` [rows] and control targets ``others`` [rows, k].

    Args:
        own: the model's own logits of the first rows, [some, vocabulary], which the last layer must give.
        tops: tell the best token too, which costs as much again as all else that is told.

    Returns:
        What was read, the largest difference from ``own`` relative to its spread (0 without it), and the size of the
        largest logit of the last layer.

    Raises:
        ModelError: that is more than rounding.
    """
    import torch

    layers, rows, width = hidden.shape
    flat = hidden.reshape(layers * rows, width)
    vocabulary = int(readout.model.module.get_output_embeddings().weight.shape[0])
    wide, narrow = (max(1, size // vocabulary) for size in (_UNEMBEDDED, _LOOKED_AT))
    found: list[tuple[Tensor, ...]] = []
    gap, size = 0.0, 0.0
    with readout.model.working():
        for start in range(0, len(flat), wide):
            unembedded = readout.logits(flat[start : start + wide])
            for first in range(0, len(unembedded), narrow):
                logits = unembedded[first : first + narrow]
                at = torch.arange(start + first, start + first + len(logits), device=logits.device)
                row = at % rows
                told, largest = _told(readout, logits, target[row], others[row], tops)
                found.append(told)
                if start + first + len(logits) <= (layers - 1) * rows:
                    continue
                last = at >= (layers - 1) * rows
                size = max(size, float(largest[last].max()))
                if own is not None and bool((held := last & (row < len(own))).any()):
                    gap = max(gap, float((logits[held] - own[row[held]].float()).abs().max()))
        if own is not None:
            gap = readout.trusted(gap / max(1e-6, float(own.float().std())))
    columns = (torch.cat(each).float().cpu() for each in zip(*found, strict=True))
    return Read(*(column.reshape(layers, rows) for column in columns)), gap, size


def _told(
    readout: Readout, logits: Tensor, target: Tensor, others: Tensor, tops: bool
) -> tuple[tuple[Tensor, ...], Tensor]:
    """The fields of :class:`Read` for some rows of logits, and the size of each row's largest, [rows, 1]."""
    import torch

    size = torch.maximum(logits.amax(-1, keepdim=True), -logits.amin(-1, keepdim=True))
    logs = logits.log_softmax(-1)
    ahead = ties.reaches(
        logits, logits.gather(-1, target[:, None]), ties.of_size(readout.model.dtype, size)
    )
    rank = ahead.view(torch.uint8).sum(-1, dtype=torch.int32) - 1  # a sum of bits is far slower
    nothing = torch.full_like(rank, -1)
    told = (
        logs.gather(-1, target[:, None]).squeeze(-1),
        rank,
        logs.gather(-1, others).mean(-1),
        ties.likeliest(logits).squeeze(-1) if tops else nothing,
        logs.amax(-1).exp() if tops else nothing,
    )
    return told, size
