"""Activations of many texts at every layer, one vector for each text.

The bare forward with a hook on each layer that keeps one reduced vector per row: memory grows with texts × layers ×
hidden size, never with tokens. Texts run sorted by length, so that little is padded, and come back in their order.
Leaves out what is learnt from them (``probing``, ``steering``).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
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
from gadfly.tools.rows import portions, special_ids

Reduce = Callable[["Tensor", Batch, "Tensor"], "Tensor"]
"""Hidden states [rows, tokens, hidden], their batch and its :func:`usual` tokens to a vector a row, [rows, hidden]."""

MASSIVE = 10.0
"""Times the median norm, as in the training of many sparse autoencoders (Marks et al., dictionary_learning)."""


@dataclass(frozen=True)
class Captured:
    """Float32 on the CPU. ``layers`` is [layers, texts, hidden], ``embedding`` the mean input embedding of each
    text, of all its tokens [texts, hidden], ``lengths`` the tokens of each."""

    layers: Tensor
    embedding: Tensor
    lengths: list[int]


def at(position: str) -> Reduce:
    """How a text becomes one vector: ``last``, ``mean`` (of the usual tokens), or a negative index such as ``-2``.

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


def usual(batch: Batch, special: Collection[int]) -> Tensor:
    """Which tokens statistics over positions are of, True or False [rows, tokens]: neither padding, nor special, nor
    the first of a row.

    Most models park an activation at the first token that is hundreds of times larger than any other, whether it is a
    BOS or a word (Sun et al. 2024, arXiv:2402.17762): a mean or norm over all tokens would be a measure of that one.
    A row of nothing else has none.
    """
    import torch

    framed = torch.tensor(sorted(special), dtype=batch.ids.dtype, device=batch.ids.device)
    found: Tensor = (batch.positions > 0) & batch.mask.bool() & ~torch.isin(batch.ids, framed)
    return found


def without_massive(hidden: Tensor, those: Tensor) -> Tensor:
    """``those`` tokens [rows, tokens], but for the ones whose activation is massive: longer than ``MASSIVE`` times the
    median of their row. In some texts SmolLM2 parks one at the second token too. By row, so that no text hangs on
    which others are in its batch.

    Args:
        hidden: activations, [rows, tokens, hidden].
    """
    those = those.to(hidden.device)
    norms = hidden.float().norm(dim=-1)
    median = norms.masked_fill(~those, float("nan")).nanmedian(1, keepdim=True).values
    fine: Tensor = those & ~(norms > MASSIVE * median)
    return fine


def mean(hidden: Tensor, batch: Batch, those: Tensor) -> Tensor:
    """The mean over the usual tokens of each row, over all where it has none, but for massive activations."""
    import torch

    # Chosen, not weighted: a weight of 0 would not keep an infinity out.
    kept = torch.where(those.any(1, keepdim=True), those, batch.mask.bool())
    kept = without_massive(hidden, kept)[..., None]
    total: Tensor = hidden.float().masked_fill(~kept, 0.0).sum(1) / kept.sum(1)
    return total


def _column(index: int) -> Reduce:
    def reduce(hidden: Tensor, batch: Batch, those: Tensor) -> Tensor:
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
    special = special_ids(model)

    def part(some: list[int]) -> None:
        batch = model.batch([texts[i] for i in some])
        those, every = usual(batch, special), batch.mask.bool()
        kept: dict[int, Tensor] = {}  # taken from the device once, at the end

        def keep(index: int, how: Reduce, of: Tensor, hidden: Tensor) -> None:
            # A copy: Falcon adds to what its MLP gave in place.
            kept[index] = how(hidden, batch, of).float().to(model.device, copy=True)

        with model.working():
            handles = [after(m, partial(keep, i, reduce, those)) for i, m in enumerate(modules)]
            with hooked([*handles, before(model.blocks[0], partial(keep, -1, mean, every))]):
                model.forward(batch)
        embedding[some] = kept.pop(-1).cpu()
        layers[:, some] = torch.stack([kept[i] for i in range(len(modules))]).cpu()
        progress.advance(len(some))

    forecast(model, label.lower(), sum(map(len, rows)), progress, at_once=max_tokens)
    with running(progress, label, len(texts)):
        for some in portions([len(row) for row in rows], max_tokens):
            in_parts(some, len(some), part, lambda _: None)
    return Captured(layers, embedding, [len(row) for row in rows])
