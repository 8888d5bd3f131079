"""Truths written into a loaded model while a block runs, by hooks: whatever runs on it in between is run on a model
whose mechanism is known, and whose everything else is the model's own.

What is planted hangs on the tokens of the row (:class:`Write`, :class:`Attend`) or on what the residual stream holds
(:class:`Relay`). The hooks are set before any of a tool, so a tool that puts something in their place has the last
word, as it has over the model itself. A tool may append rows to a batch: they count as copies of the rows before them.
Weights stay as they are, and a second model that a tool loads for comparison holds no plant. Leaves out which
directions are written (``directions``) and what a tool must find (``plants``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gadfly.tools.arrays import Tensor
from gadfly.tools.hooks import after, before, hooked
from gadfly.tools.model import LocalModel


@dataclass
class Running:
    """The tokens of the forward that runs: ids, and which of them may be read, [rows, tokens] each."""

    ids: Tensor = field(init=False)
    told: Tensor = field(init=False)
    """Neither padding nor the first token, where many models park a state of their own."""

    def see(self, module: Any, args: Any, kwargs: Any) -> None:
        """A pre-hook of the whole model."""
        self.ids = args[0] if args else kwargs["input_ids"]
        positions, mask = kwargs.get("position_ids"), kwargs.get("attention_mask")
        told = self.ids == self.ids
        if positions is not None:
            told = told & (positions > 0)
        if mask is not None and mask.ndim == 2:
            told = told & mask[:, -told.shape[1] :].bool()
        self.told = told

    def rows(self, part: Tensor, hidden: Tensor) -> Tensor:
        """``part`` [rows, ...] for as many rows as ``hidden`` has, on its device."""
        times = hidden.shape[0] // part.shape[0]
        return part.repeat(times, *[1] * (part.ndim - 1)).to(hidden.device)


@dataclass(frozen=True)
class Write:
    """At each token ``at`` of a row that holds one of ``marks``, ``values`` [marks, width] of that mark is added: to
    the residual stream after ``layer``, or to what ``head`` hands to the output projection. Without ``at``: at each
    token that has a mark to its right, next to it."""

    layer: int
    marks: Sequence[int]
    values: Tensor
    at: int | None
    head: int | None = None

    def handles(self, model: LocalModel, running: Running) -> Iterator[Any]:
        import torch

        marks = torch.tensor(list(self.marks))

        def add(hidden: Tensor, columns: slice = slice(None)) -> Tensor | None:
            ids = running.rows(running.ids, hidden)
            is_mark = ids[..., None] == marks.to(ids)  # [rows, tokens, marks]
            if self.at is None:
                chosen = torch.zeros_like(is_mark)
                chosen[:, :-1] = is_mark[:, 1:]
            else:
                chosen = is_mark.any(1, keepdim=True) & (ids == self.at)[..., None]
            if not bool(chosen.any()):
                return None
            changed = hidden.clone()
            changed[..., columns] += chosen.to(hidden) @ self.values.to(hidden)
            return changed

        if self.head is None:
            yield after(model.blocks[self.layer], add)
            return
        size = self.values.shape[1]
        place = slice(self.head * size, (self.head + 1) * size)
        yield before(model.output_projection(self.layer), lambda hidden: add(hidden, place))


@dataclass(frozen=True)
class Relay:
    """Before ``layer``, at tokens ``at``: as far as the stream holds a direction of ``reads`` [n, hidden], the same row
    of ``writes`` [n, hidden] is added. Below ``floor`` nothing is, at ``full`` all of it.

    ``earlier``: the direction is looked for at all tokens up to there, else at that token alone."""

    layer: int
    reads: Tensor
    writes: Tensor
    at: int
    floor: float
    full: float
    earlier: bool

    def handles(self, model: LocalModel, running: Running) -> Iterator[Any]:
        def add(hidden: Tensor) -> Tensor | None:
            here = running.rows(running.ids, hidden) == self.at
            if not bool(here.any()):
                return None
            held = hidden.float() @ self.reads.to(hidden.device).T  # [rows, tokens, n]
            held = held.masked_fill(~running.rows(running.told, hidden)[..., None], 0.0)
            if self.earlier:
                held = held.cummax(1).values
            share = ((held - self.floor) / (self.full - self.floor)).clamp(0, 1)
            share = share * here[..., None]
            return hidden + (share @ self.writes.to(hidden.device)).to(hidden)

        yield before(model.blocks[self.layer], add)


@dataclass(frozen=True)
class Attend:
    """``share`` of a head's attention goes to the token after the last occurrence of the token that asks, where there
    is one: the pattern of an induction head. Only what the head hands out as its pattern is changed."""

    layer: int
    head: int
    share: float

    def handles(self, model: LocalModel, running: Running) -> Iterator[Any]:
        import torch

        def forced(weights: Tensor) -> Tensor:
            ids = running.rows(running.ids, weights)
            tokens = ids.shape[1]
            places = torch.arange(tokens, device=ids.device)
            same = (ids[:, :, None] == ids[:, None]) & (places[:, None] > places)
            last = torch.where(same, places, -1).amax(-1)  # [rows, destinations]
            goal = torch.nn.functional.one_hot((last + 1).clamp(min=0), tokens).to(weights)
            share = self.share * (last >= 0)[..., None].to(weights)
            changed = weights.clone()
            changed[:, self.head] = (1 - share) * weights[:, self.head] + share * goal
            return changed

        yield _patterns(model, self.layer, forced)


@dataclass(frozen=True)
class Scatter:
    """Every head's attention at every token is dealt out anew among the tokens that it may see: as sharp as it was,
    and about nothing."""

    seed: int

    def handles(self, model: LocalModel, running: Running) -> Iterator[Any]:
        import torch

        rng = np.random.default_rng(self.seed)

        def dealt(weights: Tensor) -> Tensor:
            tokens = weights.shape[-1]
            drawn = torch.from_numpy(rng.random(tuple(weights.shape), dtype=np.float32))
            later = torch.ones(tokens, tokens).triu(1).bool()
            # Sorted, the tokens that may be seen come first, in an order of chance.
            order = drawn.masked_fill(later, 2.0).argsort(-1).to(weights.device)
            return weights.gather(-1, order)

        for layer in range(model.num_layers):
            yield _patterns(model, layer, dealt)


Plant = Write | Relay | Attend | Scatter


def _patterns(model: LocalModel, layer: int, change: Any) -> Any:
    """A hook that changes the probabilities which an attention hands out; where it hands out none, nothing."""

    def hook(_: Any, __: Any, out: Any) -> Any:
        if not isinstance(out, tuple) or len(out) < 2 or out[1] is None:
            return None
        return (out[0], change(out[1]), *out[2:])

    return model.attentions[layer].register_forward_hook(hook)


@contextmanager
def planting(model: LocalModel, plants: Iterable[Plant]) -> Iterator[None]:
    """Hold the model with these truths in it."""
    running = Running()

    def handles() -> Iterator[Any]:
        yield model.module.register_forward_pre_hook(running.see, with_kwargs=True)
        for each in plants:
            yield from each.handles(model, running)

    # Gradients stay possible: a tool that wants none turns them off itself.
    with model.working(gradients=True), hooked(handles()):
        yield
