"""Activations of many texts at every layer, one vector for each text.

The bare forward with a hook on each layer that keeps one reduced vector per row: memory grows with texts × layers ×
hidden size, never with tokens. Texts run sorted by length, so that little is padded, and come back in their order.
Leaves out what is learnt from them (``probing``, ``steering``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from gadfly.corpus.progress import Progress, running
from gadfly.errors import ToolInputError
from gadfly.tools.arrays import Tensor
from gadfly.tools.forecast import forecast
from gadfly.tools.generating import in_parts
from gadfly.tools.hooks import after, before, hooked
from gadfly.tools.model import Batch, LocalModel
from gadfly.tools.rows import portions

Reduce = Callable[["Tensor", Batch], "Tensor"]
"""Hidden states [rows, tokens, hidden] to one vector a row, [rows, hidden]."""


@dataclass(frozen=True)
class Captured:
    """Float32 on the CPU. ``layers`` is [layers, texts, hidden], ``embedding`` the mean input embedding of each
    text [texts, hidden], ``lengths`` the tokens of each."""

    layers: Tensor
    embedding: Tensor
    lengths: list[int]


def at(position: str) -> Reduce:
    """How a text becomes one vector: ``last``, ``mean``, or a negative index such as ``-2``.

    Raises:
        ToolInputError: none of these.
    """
    if position == "mean":
        return mean
    if position == "last":
        return _column(-1)
    try:
        index = int(position)
    except ValueError:
        index = 0
    if index >= 0:
        raise ToolInputError(
            f"position is {position!r}; give last, mean, or -1, -2, ... from the end"
        )
    return _column(index)


def mean(hidden: Tensor, batch: Batch) -> Tensor:
    """The mean over the tokens of each row, padding left out."""
    mask = batch.mask[..., None].to(hidden)
    return (hidden * mask).sum(1) / mask.sum(1)


def _column(index: int) -> Reduce:
    def reduce(hidden: Tensor, batch: Batch) -> Tensor:
        # Padding is on the left, so an index from the end is the same token place in every row.
        if min(batch.lengths) < -index:
            raise ToolInputError(
                f"a text has fewer than {-index} tokens, so it has no position {index}"
            )
        return hidden[:, index]

    return reduce


def capture(
    model: LocalModel,
    texts: Sequence[str],
    reduce: Reduce,
    *,
    modules: Sequence[Any],
    progress: Progress,
    max_tokens: int = 8192,
    label: str = "Activations",
) -> Captured:
    """One forward over all texts, in batches of at most ``max_tokens`` tokens; halved when memory runs out."""
    import torch

    rows = [model.ids(text) for text in texts]
    layers = torch.empty(len(modules), len(texts), model.hidden_size)
    embedding = torch.empty(len(texts), model.hidden_size)

    def part(some: list[int]) -> None:
        batch = model.batch([texts[i] for i in some])
        kept: dict[int, Tensor] = {}  # taken from the device once, at the end

        def keep(index: int, how: Reduce, hidden: Tensor) -> None:
            kept[index] = how(hidden, batch).float().to(model.device)

        with model.working():
            handles = [after(m, partial(keep, i, reduce)) for i, m in enumerate(modules)]
            with hooked([*handles, before(model.blocks[0], partial(keep, -1, mean))]):
                model.forward(batch)
        embedding[some] = kept.pop(-1).cpu()
        layers[:, some] = torch.stack([kept[i] for i in range(len(modules))]).cpu()
        progress.advance(len(some))

    forecast(model, label.lower(), sum(map(len, rows)), progress, at_once=max_tokens)
    with running(progress, label, len(texts)):
        for some in portions([len(row) for row in rows], max_tokens):
            in_parts(some, len(some), part, lambda _: None)
    return Captured(layers, embedding, [len(row) for row in rows])
