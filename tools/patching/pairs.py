"""Clean/corrupt prompt pairs: where they come from, that they align, and which positions can be patched.

A *target* is a set of token positions, one set for each pair: a column of the batch, counted from the right end
(where prompts meet), or a labelled span such as the subject. Leaves out the forward passes (``engine``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from pydantic import BaseModel, ConfigDict, Field

from gadfly.errors import ToolInputError
from gadfly.tools.arrays import Tensor
from gadfly.tools.demo.behaviours import Behaviour
from gadfly.tools.model import Batch, LocalModel
from gadfly.tools.spelling import Answers


class PromptPair(BaseModel):
    """Two prompts of equal token length, and the answers that tell them apart."""

    model_config = ConfigDict(extra="forbid")

    clean: str = Field(min_length=1)
    corrupt: str = Field(min_length=1)
    answer: str = Field(
        min_length=1, description="the one token that should follow the clean prompt"
    )
    wrong: str = Field(
        min_length=1, description="the one token that should follow the corrupt prompt"
    )
    spans: dict[str, tuple[int, int]] = Field(
        default={},
        description="label -> [start, end) in tokens of the prompt, beginning of sequence included",
    )


def of_task(task: Behaviour, n: int, seed: int) -> list[PromptPair]:
    """Pairs of a task of the demo model."""
    return [
        PromptPair(
            clean=p.clean, corrupt=p.corrupt, answer=p.answer, wrong=p.wrong, spans=dict(p.spans)
        )
        for p in task.pairs(n, seed)
    ]


@dataclass(frozen=True)
class Target:
    """Positions patched together. All tensors are [pairs, tokens], or [pairs] for ``source_row``."""

    label: str
    mask: Tensor
    """True where a pair is patched."""
    source_row: Tensor
    """Which pair's donor activation goes there (its own, or another's for the placebo)."""
    source_position: Tensor
    differs: bool
    """Whether clean and corrupt have different tokens there in any pair."""
    part: int | None = None
    """Which part of the site, such as a head; None for all of it."""
    idle: bool = False
    """Whether no token up to there differs in any pair: attention looks back, so what is put there was there."""


@dataclass(frozen=True)
class Prepared:
    """Tokenised pairs. ``answer`` and ``wrong`` are token ids, shape [pairs]."""

    clean: Batch
    corrupt: Batch
    answer: Tensor
    wrong: Tensor
    targets: list[Target]
    notes: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.clean)


def prepare(
    model: LocalModel,
    pairs: Sequence[PromptPair],
    *,
    by: str = "position",
    parts: Sequence[str] = (),
) -> Prepared:
    """Tokenise and align.

    Args:
        by: ``position`` (every column), ``span`` (the labels that all pairs share), or ``part``.
        parts: with ``by="part"``, what the parts of the site are called; each is patched at all tokens.

    Raises:
        ToolInputError: clean and corrupt of a pair differ in length (both tokenisations are shown), an answer is
            several tokens, or answer and wrong are the same token.
    """
    import torch

    for pair in pairs:
        _check_aligned(model, pair)
    answers = Answers(model)
    # Both are read at the end of the clean prompt, so both are spelled as it continues.
    answer = [answers.id(pair.clean, pair.answer, beside=pair.wrong) for pair in pairs]
    wrong = [answers.id(pair.clean, pair.wrong, beside=pair.answer) for pair in pairs]
    for pair, right, other in zip(pairs, answer, wrong, strict=True):
        if right == other:
            raise ToolInputError(
                f"answer {pair.answer!r} and wrong {pair.wrong!r} are the same token: nothing to tell apart"
            )
    clean = model.batch([pair.clean for pair in pairs])
    corrupt = model.batch([pair.corrupt for pair in pairs])
    if by == "part":
        targets = [_own(name, clean.mask.bool(), False, part) for part, name in enumerate(parts)]
    elif by == "span":
        targets = _spans(pairs, clean, corrupt)
    else:
        targets = _columns(model, clean, corrupt)
    return Prepared(
        clean,
        corrupt,
        torch.tensor(answer, device=model.device),
        torch.tensor(wrong, device=model.device),
        targets,
        answers.notes(),
    )


def _check_aligned(model: LocalModel, pair: PromptPair) -> None:
    clean, corrupt = model.ids(pair.clean), model.ids(pair.corrupt)
    if len(clean) == len(corrupt):
        return
    raise ToolInputError(
        f"clean has {len(clean)} tokens and corrupt {len(corrupt)}, so positions do not correspond: "
        f"{'|'.join(model.tokens(clean))} against {'|'.join(model.tokens(corrupt))}. "
        "Choose words that take equally many tokens"
    )


def _columns(model: LocalModel, clean: Batch, corrupt: Batch) -> list[Target]:
    """One target for each column that some pair has, left to right."""
    import torch

    targets = []
    for column in range(clean.ids.shape[1]):
        mask = torch.zeros_like(clean.mask, dtype=torch.bool)
        mask[:, column] = clean.mask[:, column].bool()
        differ = clean.ids != corrupt.ids
        differs, idle = bool(differ[:, column].any()), not differ[:, : column + 1].any()
        target = _own(_label(model, clean, corrupt, column), mask, differs)
        targets.append(replace(target, idle=idle))
    return targets


def _label(model: LocalModel, clean: Batch, corrupt: Batch, column: int) -> str:
    """The token where all prompts agree, else the place with an example; places count from the end."""
    place = column - clean.ids.shape[1]
    present = clean.mask[:, column].bool()
    ids = {int(i) for i in clean.ids[present, column]} | {
        int(i) for i in corrupt.ids[present, column]
    }
    first = model.tokens([int(clean.ids[present, column][0])])[0].strip() or "space"
    return f"{place} {first}" if len(ids) == 1 else f"{place} ({first})"


def _spans(pairs: Sequence[PromptPair], clean: Batch, corrupt: Batch) -> list[Target]:
    import torch

    shared = [label for label in pairs[0].spans if all(label in pair.spans for pair in pairs)]
    if not shared:
        raise ToolInputError(
            "no span label is shared by all pairs; give spans, or patch by position"
        )
    targets = []
    length = clean.ids.shape[1]
    for label in shared:
        mask = torch.zeros_like(clean.mask, dtype=torch.bool)
        for row, (pair, tokens) in enumerate(zip(pairs, clean.lengths, strict=True)):
            start, end = pair.spans[label]
            if not 0 <= start < end <= tokens:
                raise ToolInputError(
                    f"span {label!r} is [{start}, {end}) in a prompt of {tokens} tokens: {pair.clean!r}"
                )
            offset = (
                length - tokens
            )  # positions are given within the prompt, the batch is left-padded
            mask[row, offset + start : offset + end] = True
        targets.append(_own(label, mask, bool(((clean.ids != corrupt.ids) & mask).any())))
    return targets


def _own(label: str, mask: Tensor, differs: bool, part: int | None = None) -> Target:
    import torch

    rows, length = mask.shape
    return Target(
        label=label,
        mask=mask,
        source_row=torch.arange(rows, device=mask.device),
        source_position=torch.arange(length, device=mask.device).expand(rows, length),
        differs=differs,
        part=part,
    )


def placebo(prepared: Prepared, seed: int, draws: int) -> tuple[list[list[Target]], Tensor]:
    """The same positions, filled from a random other pair whose answer is another one; ``draws`` times, each from
    another pair as long as there are any.

    Returns:
        Targets of each draw, and a mask [pairs] of the pairs that have such a donor.
    """
    import torch

    generator = torch.Generator().manual_seed(seed)
    answers = prepared.answer.tolist()
    lengths = prepared.clean.lengths
    donors, found = [], []  # [pairs, draws]
    for row, answer in enumerate(answers):
        fitting = [
            other
            for other, its in enumerate(answers)
            if its != answer
            and lengths[other] == lengths[row]
            and _same_shape(prepared, row, other)
        ]
        found.append(bool(fitting))
        order = torch.randperm(len(fitting), generator=generator).tolist()
        donors.append([fitting[order[i % len(order)]] if fitting else row for i in range(draws)])
    return [_from(prepared, list(each)) for each in zip(*donors, strict=True)], torch.tensor(found)


def _from(prepared: Prepared, donors: list[int]) -> list[Target]:
    """Every target filled from another pair's activation, [pairs]."""
    import torch

    source_row = torch.tensor(donors, device=prepared.clean.ids.device)
    targets = []
    for target in prepared.targets:
        position = target.source_position.clone()
        for row, donor in enumerate(donors):
            position[row, target.mask[row]] = target.mask[donor].nonzero().squeeze(-1)
        targets.append(replace(target, source_row=source_row, source_position=position, idle=False))
    return targets


def _same_shape(prepared: Prepared, row: int, other: int) -> bool:
    return all(
        int(target.mask[row].sum()) == int(target.mask[other].sum()) for target in prepared.targets
    )
