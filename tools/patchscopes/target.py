"""The prompt that reads a state: its token ids, and where the state goes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from gadfly.tools.arrays import Tensor
from gadfly.tools.hooks import after, hooked
from gadfly.tools.model import LocalModel
from gadfly.tools.tokens import bare, front, ids_of


@dataclass(frozen=True)
class Target:
    """``ids`` with a filler token at ``slot``; the filler's own state is never read after the layer of the patch."""

    ids: list[int]
    slot: int


def read_target(model: LocalModel, text: str) -> Target:
    """Tokenise the target; the slot is one token whatever stands there."""
    before, after = text.split("{}")
    tokenizer = model.tokenizer
    # A tokenizer's BOS goes first, where it adds one.
    start = ids_of(tokenizer, before.rstrip()) if before.strip() else front(tokenizer)
    end = bare(tokenizer, after.rstrip()) if after.strip() else []
    return Target([*start, _filler(model), *end], len(start))


def _filler(model: LocalModel) -> int:
    """One token, whichever a word makes."""
    return bare(model.tokenizer, "x")[-1]


def patched(model: LocalModel, target: Target, states: Tensor, layers: Tensor) -> Tensor:
    """Logits [rows, vocabulary] of the target with ``states`` [rows, hidden] put after ``layers`` [rows]."""

    def put(layer: int, hidden: Tensor) -> Tensor:
        rows = (layers == layer).nonzero().squeeze(-1)
        hidden = hidden.clone()
        hidden[rows.to(hidden.device), target.slot] = states[rows.to(states.device)].to(hidden)
        return hidden

    one = model.batch_of([target.ids])
    rows = one.map(lambda part: part.expand(len(states), -1).contiguous())
    wanted = sorted({int(layer) for layer in layers})
    with model.working(), hooked(after(model.blocks[i], partial(put, i)) for i in wanted):
        return model.forward(rows)


def written(model: LocalModel, target: Target, tokens: Sequence[int]) -> Tensor:
    """Logits [rows, vocabulary] of the target with each of these tokens written in its slot, and no state put."""
    rows = [[*target.ids[: target.slot], i, *target.ids[target.slot + 1 :]] for i in tokens]
    with model.working():
        return model.forward(model.batch_of(rows))
