"""Ablations as rows of one batch: the same prompts once for each component or direction, each row changed at its own
places.

Every change is exact: tests hold each row equal to its own plain forward. Leaves out what is put in (``fill``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from gadfly.tools.ablation.components import Part, Place
from gadfly.tools.arrays import Tensor
from gadfly.tools.generating import in_parts
from gadfly.tools.hooks import after, hooked
from gadfly.tools.model import Batch, LocalModel
from gadfly.tools.patching.sites import port


@dataclass(frozen=True)
class Swap:
    """Parts and what stands there instead: for each a tensor [prompts, tokens, width], anything at padding."""

    values: dict[Part, Tensor]


@dataclass(frozen=True)
class Project:
    """The part along ``direction`` [hidden] of the residual stream is set, after each layer of ``coordinates``, to what
    is given there, [prompts, tokens]. Zeros project the direction out."""

    direction: Tensor
    coordinates: dict[int, Tensor]


Change = Swap | Project


def capture(
    model: LocalModel, batch: Batch, places: Sequence[Place]
) -> tuple[dict[Place, Tensor], Tensor]:
    """A plain forward: activations [rows, tokens, width] at each place, and last-position logits [rows, vocabulary]."""
    kept: dict[Place, Tensor] = {}

    def keep(place: Place, hidden: Tensor) -> None:
        # Copies go where the logits are: layers may be on several devices.
        kept[place] = hidden.to(model.device, copy=True)

    with (
        model.working(),
        hooked(port(model, *place).hook(partial(keep, place)) for place in dict.fromkeys(places)),
    ):
        logits = model.forward(batch)
    return kept, logits


def ablate_all(
    model: LocalModel,
    batch: Batch,
    changes: Sequence[Change],
    score: Callable[[Tensor], Tensor],
    *,
    max_rows: int,
    on_done: Callable[[int], None] = lambda _: None,
    on_halved: Callable[[int], None] = lambda _: None,
) -> Tensor:
    """Each change alone on the whole batch.

    Args:
        score: last-position logits [changes, prompts, vocabulary] to numbers [changes, prompts].
        max_rows: the most rows of one forward; at least one change with all its prompts is run.

    Returns:
        [changes, prompts], float32 on the CPU.
    """
    import torch

    found = torch.empty(len(changes), len(batch))

    def part(some: list[int]) -> None:
        with hooked(_changed(model, len(batch), [changes[i] for i in some])):
            logits = model.forward(batch.map(lambda part: part.repeat(len(some), 1)))
        found[some] = score(logits.reshape(len(some), len(batch), -1)).float().cpu()
        on_done(len(some))

    at_once = max(1, max_rows // len(batch))
    with model.working():
        in_parts(range(len(changes)), at_once, part, lambda n: on_halved(n * len(batch)))
    return found


def _changed(model: LocalModel, prompts: int, changes: Sequence[Change]) -> Iterator[Any]:
    """Handles of hooks under which the i-th group of ``prompts`` rows undergoes the i-th change."""
    swaps: dict[Place, list[tuple[slice, slice, Tensor]]] = {}
    projections: dict[int, list[tuple[slice, Tensor, Tensor]]] = {}
    for number, change in enumerate(changes):
        rows = slice(number * prompts, (number + 1) * prompts)
        if isinstance(change, Swap):
            for part, value in change.values.items():
                swaps.setdefault(part.place, []).append((rows, part.columns(model), value))
        else:
            for layer, target in change.coordinates.items():
                projections.setdefault(layer, []).append((rows, change.direction, target))
    for at, items in swaps.items():
        yield port(model, *at).hook(_overwrite(items))
    for layer, lines in projections.items():
        yield after(model.blocks[layer], _set(lines))


def _overwrite(items: list[tuple[slice, slice, Tensor]]) -> Callable[[Tensor], Tensor]:
    def change(hidden: Tensor) -> Tensor:
        hidden = hidden.clone()
        for rows, columns, value in items:
            hidden[rows, :, columns] = value.to(hidden)
        return hidden

    return change


def _set(lines: list[tuple[slice, Tensor, Tensor]]) -> Callable[[Tensor], Tensor]:
    """h + (target - h · v) v, computed in float32: in bf16 the subtraction would leave a remainder of the direction."""

    def change(hidden: Tensor) -> Tensor:
        hidden = hidden.clone()
        for rows, direction, target in lines:
            v = direction.to(hidden.device).float()
            here = hidden[rows].float()
            gap = target.to(hidden.device).float() - here @ v
            hidden[rows] = (here + gap[..., None] * v).to(hidden.dtype)
        return hidden

    return change
