"""Activations of many texts at every layer, one vector for each text.

The bare forward with a hook on each layer that keeps one reduced vector per row: memory grows with texts × layers ×
hidden size, never with tokens. Texts run sorted by length, so that little is padded, and come back in their order.
Leaves out what is learnt from them (``probing``, ``steering``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from gadfly.corpus.progress import Progress, running
from gadfly.errors import ToolInputError
from gadfly.tools.forecast import forecast
from gadfly.tools.hooks import after, before, hooked
from gadfly.tools.model import Batch, LocalModel
from gadfly.tools.rows import portions

if TYPE_CHECKING:
    from torch import Tensor

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
    forecast(model, label.lower(), sum(map(len, rows)), progress, at_once=max_tokens)
    with running(progress, label, len(texts)):
        for some in portions([len(row) for row in rows], max_tokens):
            _one(model, [texts[i] for i in some], some, reduce, modules, layers, embedding)
            progress.advance(len(some))
    return Captured(layers, embedding, [len(row) for row in rows])


def _one(
    model: LocalModel,
    texts: list[str],
    places: list[int],
    reduce: Reduce,
    modules: Sequence[Any],
    layers: Tensor,
    embedding: Tensor,
) -> None:
    import torch

    try:
        kept, first = _forward(model, texts, reduce, modules)
    except torch.cuda.OutOfMemoryError:
        if len(texts) == 1:
            raise
        torch.cuda.empty_cache()
        half = len(texts) // 2
        _one(model, texts[:half], places[:half], reduce, modules, layers, embedding)
        _one(model, texts[half:], places[half:], reduce, modules, layers, embedding)
        return
    layers[:, places] = kept
    embedding[places] = first


def _forward(
    model: LocalModel, texts: list[str], reduce: Reduce, modules: Sequence[Any]
) -> tuple[Tensor, Tensor]:
    import torch

    batch = model.batch(texts)
    kept: dict[int, Tensor] = {}
    first: list[Tensor] = []

    def keep(index: int, hidden: Tensor) -> None:
        kept[index] = reduce(hidden, batch).float().to(model.device)

    def embedded(hidden: Tensor) -> None:
        first.append(mean(hidden, batch).float())

    with model.working():
        handles = [after(m, partial(keep, i)) for i, m in enumerate(modules)]
        with hooked([*handles, before(model.blocks[0], embedded)]):
            model.forward(batch)
    return torch.stack([kept[i] for i in range(len(modules))]).cpu(), first[0].cpu()
