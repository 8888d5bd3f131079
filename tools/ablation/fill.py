"""What stands in for an ablated activation: zeros, the mean over reference prompts, or another prompt's activation.

The reference prompts are others than those that are measured, and padding takes no part in a mean. The first token has
a mean of its own: most models begin with a special token whose activations are unlike all others, which would spoil
the mean and break the model for a reason that has nothing to do with the component. Zero is far from neutral where
activations have a large mean (Li & Janson 2024, arXiv:2409.09951).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from gadfly.tools.ablation.components import Component, Part, Place
from gadfly.tools.ablation.engine import Project, Swap
from gadfly.tools.arrays import Tensor
from gadfly.tools.model import Batch, LocalModel

How = Literal["zero", "mean", "resample"]


@dataclass(frozen=True)
class Reference:
    """Activations of the reference prompts at the places that are needed, [rows, tokens, width] each."""

    batch: Batch
    at: dict[Place, Tensor]


class Filler:
    """Makes the replacement of any part or direction for one batch of prompts.

    The same donors serve every component, so that components are compared under equal conditions.
    """

    def __init__(
        self, model: LocalModel, batch: Batch, reference: Reference, how: How, seed: int
    ) -> None:
        self._model, self._batch, self._reference, self._how = model, batch, reference, how
        self._row, self._column = donors(batch, reference.batch, seed)

    def swap(self, component: Component) -> Swap:
        """The component replaced."""
        return Swap({part: self._part(part) for part in component})

    def project(self, direction: Tensor, layers: list[int]) -> Project:
        """The direction's coordinate replaced after each of ``layers``; ``zero`` projects it out."""
        return Project(direction, {layer: self._coordinate(direction, layer) for layer in layers})

    def _part(self, part: Part) -> Tensor:
        return self._filled(self._reference.at[part.place][..., part.columns(self._model)])

    def _coordinate(self, direction: Tensor, layer: int) -> Tensor:
        import torch

        if self._how == "zero":
            return torch.zeros(self._batch.ids.shape, device=self._batch.ids.device)
        there = self._reference.at["residual", layer].float()
        return self._filled((there @ direction.to(there.device))[..., None])[..., 0]

    def _filled(self, there: Tensor) -> Tensor:
        """Reference activations [rows, tokens, width] to a replacement [prompts, tokens, width]."""
        shape = (*self._batch.ids.shape, there.shape[-1])
        if self._how == "zero":
            return there.new_zeros(shape)
        if self._how == "resample":
            return there[self._row, self._column]
        first = _first(self._reference.batch)
        rest = self._reference.batch.mask.bool() & ~first
        beginning = there[first].float().mean(0).to(there.dtype)
        # Prompts of one token have nothing but a beginning.
        usual = there[rest].float().mean(0).to(there.dtype) if rest.any() else beginning
        out = usual.expand(shape).clone()
        out[_first(self._batch)] = beginning
        return out


def own(model: LocalModel, component: Component, at: dict[Place, Tensor]) -> Swap:
    """The component replaced by itself: what the engine must leave unchanged."""
    return Swap({part: at[part.place][..., part.columns(model)] for part in component})


def own_project(direction: Tensor, layers: list[int], at: dict[Place, Tensor]) -> Project:
    """The direction's coordinate replaced by itself."""
    there = {layer: at["residual", layer].float() for layer in layers}
    return Project(direction, {i: x @ direction.to(x.device) for i, x in there.items()})


def _first(batch: Batch) -> Tensor:
    """True at each row's first token, [rows, tokens]."""
    return (batch.mask.cumsum(-1) == 1) & batch.mask.bool()


def donors(batch: Batch, reference: Batch, seed: int) -> tuple[Tensor, Tensor]:
    """For every token [prompts, tokens] the reference row and column it takes from.

    A prompt takes from one reference prompt with other tokens, of its own length where there is one. Tokens correspond
    from the end, where prompts meet; the first token takes the first.
    """
    import torch

    rng = np.random.default_rng(seed)
    rows, width = batch.ids.shape
    other_width = reference.ids.shape[1]
    lengths, other_lengths = batch.lengths, reference.lengths
    row = torch.zeros(rows, width, dtype=torch.long)
    column = torch.zeros(rows, width, dtype=torch.long)
    own_tokens = [batch.ids[i, width - n :].tolist() for i, n in enumerate(lengths)]
    their_tokens = [
        reference.ids[i, other_width - n :].tolist() for i, n in enumerate(other_lengths)
    ]
    for i, length in enumerate(lengths):
        fitting = [j for j, tokens in enumerate(their_tokens) if tokens != own_tokens[i]]
        same = [j for j in fitting if other_lengths[j] == length]
        pool = same or fitting or list(range(len(their_tokens)))
        j = pool[int(rng.integers(len(pool)))]
        row[i] = j
        for place in range(length):
            back = min(length - 1 - place, max(other_lengths[j] - 2, 0))
            if place == 0:
                back = other_lengths[j] - 1
            column[i, width - length + place] = other_width - 1 - back
    return row.to(batch.ids.device), column.to(batch.ids.device)
