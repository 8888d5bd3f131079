"""Exact activation patching of many (layer, target) cells in few forwards.

One forward serves many cells: it starts with the receiver's rows; when a layer is reached, the rows patched there
are appended to the batch and run on with the rest. A cell at layer l therefore costs only the layers after l, and
nothing is approximated: tests hold every cell equal to its own plain forward.
Activation patching: Vig et al. 2020 (arXiv:2004.12265), Meng et al. 2022 (arXiv:2202.05262).
Leaves out what the numbers mean (``effects``, ``verdict``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from gadfly.corpus.progress import Progress
from gadfly.tools.arrays import Tensor
from gadfly.tools.generating import in_parts
from gadfly.tools.hooks import See, after, entering, hooked
from gadfly.tools.model import Batch, LocalModel
from gadfly.tools.patching.pairs import Target
from gadfly.tools.patching.sites import Port, Site, ports

if TYPE_CHECKING:
    from torch import nn


class Score(Protocol):
    """Logits of the last position [cells, pairs, vocabulary] to a number each, [cells, pairs]; ``rows`` says which of
    the pairs the logits are of."""

    def __call__(self, logits: Tensor, rows: slice = ..., /) -> Tensor: ...


@dataclass(frozen=True)
class Cell:
    """One place to patch: ``layer`` at the positions, and the part (a head), of ``target``."""

    layer: int
    target: Target


def capture(model: LocalModel, batch: Batch, site: Site) -> tuple[Tensor, Tensor]:
    """A plain forward: activations [layers, rows, tokens, width] and last-position logits [rows, vocabulary].

    ``width`` is the hidden size, except where a projection's input or output is wider (heads, fused queries).
    """
    import torch

    kept: list[Tensor] = []

    def keep(value: Tensor) -> None:
        # Copies go where the model's logits are: its layers may be on several devices.
        kept.append(value.to(model.device, copy=True))

    # Hooks of two callers must not meet, so they are set while the model is held.
    with model.working(), hooked([port.hook(keep) for port in ports(model, site)]):
        logits = model.forward(batch)
    activations = torch.stack(kept)
    assert activations.shape[:3] == (model.num_layers, *batch.ids.shape)
    return activations, logits


def sweep(
    model: LocalModel,
    receiver: Batch,
    donor: Tensor,
    cells: Sequence[Cell],
    site: Site,
    score: Score,
    *,
    max_rows: int,
    progress: Progress,
    on_halved: Callable[[int], None] = lambda _: None,
) -> Tensor:
    """Patch each cell alone into the receiver's run and score the outcome.

    Args:
        receiver: the run that is changed (corrupt for denoising, clean for noising), ``pairs`` rows.
        donor: activations to take from, as :func:`capture` gives them, [layers, pairs, tokens, width].
        max_rows: the most rows that one forward may hold; bounds memory. At least two rows a pair are used.
        on_halved: told the new bound when memory ran out and it was halved.

    Returns:
        Scores [cells, pairs] in the order of ``cells``.
    """
    import torch

    idle = [index for index, cell in enumerate(cells) if cell.target.idle]
    order = sorted(set(range(len(cells))) - set(idle), key=lambda index: cells[index].layer)
    scores = torch.empty(len(cells), len(receiver))
    if idle:
        with model.working():
            scores[idle] = score(model.forward(receiver)[None]).float().cpu()
        progress.advance(len(idle))

    def part(some: list[int]) -> None:
        these = [cells[i] for i in some]
        with model.working():
            with hooked(_growing(model, len(receiver), donor, these, site)):
                logits = model.forward(receiver)
            assert logits.shape[0] == len(receiver) * (1 + len(some))
            # The first rows are the unpatched run itself.
            logits = logits.reshape(1 + len(some), len(receiver), -1)[1:]
            scores[some] = score(logits).float().cpu()
        progress.advance(len(some))

    # The first rows of a forward are the unpatched run itself.
    at_once = max(1, max_rows // len(receiver) - 1)
    in_parts(order, at_once, part, lambda n: on_halved((n + 1) * len(receiver)))
    return scores


def _growing(
    model: LocalModel, pairs: int, donor: Tensor, cells: Sequence[Cell], site: Site
) -> Iterator[Any]:
    """Handles of hooks under which the batch grows by ``pairs`` rows for each cell, at the cell's layer."""
    here: dict[int, list[Target]] = {}
    for cell in cells:
        here.setdefault(cell.layer, []).append(cell.target)
    there = ports(model, site)
    for layer, block in enumerate(model.blocks):
        targets = here.get(layer, [])
        # What is patched inside the block joins the residual stream there, so rows for it must exist before.
        early = targets if site != "residual" else []
        yield block.register_forward_pre_hook(_expand(pairs, len(early)), with_kwargs=True)
        if targets and site == "residual":
            yield after(block, _append(pairs, donor[layer], targets))
        elif targets:
            yield there[layer].hook(_overwrite(there[layer], pairs, donor[layer], targets))


def _expand(pairs: int, extra: int) -> Callable[..., Any]:
    """A pre-hook that appends ``extra`` copies of the base rows, and fits masks and positions to the rows."""

    def hook(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        import torch

        hidden = entering(args, kwargs)
        if extra:
            hidden = torch.cat([hidden, *[hidden[:pairs]] * extra])
        groups = hidden.shape[0] // pairs
        if groups == 1:
            return None
        rest = {key: _tiled(value, pairs, groups) for key, value in kwargs.items()}
        if kwargs.get("alibi") is not None:  # BLOOM's biases: a row for each head of each prompt
            rest["alibi"] = kwargs["alibi"].repeat(groups, 1, 1)
        if args:
            return (hidden, *(_tiled(value, pairs, groups) for value in args[1:])), rest
        return (), {**rest, "hidden_states": hidden}

    return hook


def _tiled(value: Any, pairs: int, groups: int) -> Any:
    """``value`` for a batch of ``groups`` times ``pairs`` rows. What has no row dimension stays as it is."""
    import torch

    if isinstance(value, torch.Tensor):
        if value.ndim < 2 or value.shape[0] != pairs or pairs == 1:
            return value  # a single row broadcasts
        return value.repeat(groups, *[1] * (value.ndim - 1))
    if isinstance(value, tuple):
        return tuple(_tiled(item, pairs, groups) for item in value)
    return value


def _append(pairs: int, donor: Tensor, targets: list[Target]) -> See:
    """Appends one patched copy of the base rows for each target."""

    def grown(hidden: Tensor) -> Tensor:
        import torch

        return torch.cat([hidden, *(put(hidden[:pairs], donor, target) for target in targets)])

    return grown


def _overwrite(port: Port, pairs: int, donor: Tensor, targets: list[Target]) -> See:
    """At a port inside a block: the last rows are the targets' copies; the donor's values go into them."""

    def changed(value: Tensor) -> Tensor:
        import torch

        first = value.shape[0] - pairs * len(targets)
        base = value[:pairs]
        copies = (put(base, donor, target, port.parts) for target in targets)
        return torch.cat([value[:first], *copies])

    return changed


def put(
    base: Tensor, donor: Tensor, target: Target, parts: Sequence[slice] = (slice(None),)
) -> Tensor:
    """``base`` [pairs, tokens, width] with the donor's values at the target's positions and part."""
    given = donor[target.source_row[:, None], target.source_position].to(base.device)
    mask = target.mask[..., None].to(base.device)
    if target.part is None:
        return given.where(mask, base)
    part, out = parts[target.part], base.clone()
    out[..., part] = given[..., part].where(mask, base[..., part])
    return out
