"""The prompt that reads a state: its token ids, and where the state goes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from gadfly.errors import ToolInputError
from gadfly.tools.arrays import Tensor
from gadfly.tools.hooks import after, hooked
from gadfly.tools.model import LocalModel


@dataclass(frozen=True)
class Target:
    """``ids`` with a filler token at ``slot``; the filler's own state is never read after the layer of the patch."""

    ids: list[int]
    slot: int


def read_target(model: LocalModel, text: str) -> Target:
    """Tokenise the target; the slot is one token whatever stands there."""
    before, after = text.split("{}")
    tokenizer = model.tokenizer
    front: list[int] = tokenizer(before.rstrip())["input_ids"] if before.strip() else []
    if not front:
        # A tokenizer's BOS goes first, where it adds one.
        front = [i for i in tokenizer("")["input_ids"] if i in tokenizer.all_special_ids]
    back: list[int] = (
        tokenizer(after.rstrip(), add_special_tokens=False)["input_ids"] if after.strip() else []
    )
    return Target([*front, _filler(model), *back], len(front))


def _filler(model: LocalModel) -> int:
    try:
        return model.answer_id("x")
    except ToolInputError:
        unknown = model.tokenizer.unk_token_id
        return int(unknown if unknown is not None else model.answer_id("a"))


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
