"""Vectors added to the residual stream, each row its own, at every step of decoding under the key/value cache.

One hook counts the positions it has seen, so it knows absolute positions although a cached step shows it one token.
(A hook that compares with the length of the current step stops after the prompt.) Tests hold cached generation equal to
recomputing the whole text at every token. Activation addition: Turner et al. 2023 (arXiv:2308.10248), Rimsky et al.
2024 (arXiv:2312.06681). Leaves out where vectors come from (``source``) and what is concluded (``verdict``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from gadfly.tools.arrays import Tensor
from gadfly.tools.generating import decode, in_parts, row_seed
from gadfly.tools.hooks import after, hooked
from gadfly.tools.model import Batch, LocalModel

Positions = Literal["all", "last", "generated"]
"""``all``: every token of the prompt and every new one. ``last``: the prompt's last token and every new one.
``generated``: new tokens only, so that the first of them is still the unsteered model's."""


@contextmanager
def adding(
    model: LocalModel, layer: int, vectors: Tensor, positions: Positions, prompt_length: int
) -> Iterator[None]:
    """Add ``vectors`` [rows, hidden] to the output of block ``layer`` for one prompt forward and its cached steps.

    Padding is on the left, so the same columns are meant in every row; what is added at padding is masked out and
    changes nothing. Enter anew for each text: positions are counted from here on.

    Args:
        prompt_length: columns of the prompt, padding included.
    """
    first = {"all": 0, "last": prompt_length - 1, "generated": prompt_length}[positions]
    here = _placed(model, vectors)[:, None]
    seen = 0

    def add(hidden: Tensor) -> Tensor | None:
        nonlocal seen
        assert hidden.shape[0] == here.shape[0]
        start = max(first - seen, 0)
        seen += hidden.shape[1]
        if start == 0:
            return hidden + here.to(hidden.device)
        if start >= hidden.shape[1]:
            return None
        changed = hidden.clone()
        changed[:, start:] += here.to(hidden.device)
        return changed

    with model.working(), hooked([after(model.blocks[layer], add)]):
        yield


def next_token(
    model: LocalModel,
    prompts: Sequence[str],
    steps: Tensor,
    layer: int,
    positions: Positions,
    score: Callable[[Tensor, Tensor], Tensor],
    *,
    max_rows: int,
    on_done: Callable[[int], None] = lambda _: None,
    on_halved: Callable[[int], None] = lambda _: None,
) -> Tensor:
    """Scores at the next position of every prompt under every vector, as rows of one batch.

    Args:
        steps: vectors as they are added, [conditions, hidden]; a row of zeros is the unsteered run.
        score: logits [rows, vocabulary] and the rows' prompt numbers [rows] to a number for each row.

    Returns:
        [conditions, prompts], float32 on the CPU.
    """
    import torch

    found = torch.empty(len(steps) * len(prompts))
    rows = _Rows(model.batch(prompts), _placed(model, steps))

    def part(some: list[int]) -> None:
        batch, vectors, which = rows.take(some)
        with adding(model, layer, vectors, positions, batch.ids.shape[1]):
            logits = model.forward(batch).float()
            found[some] = score(logits, which).cpu()
        on_done(len(some))

    in_parts(rows.order, max_rows, part, on_halved)
    return found.reshape(len(steps), len(prompts))


def continuations(
    model: LocalModel,
    prompts: Sequence[str],
    steps: Tensor,
    layer: int,
    positions: Positions,
    max_tokens: int,
    *,
    temperature: float,
    seed: int,
    max_rows: int,
    on_done: Callable[[int], None] = lambda _: None,
    on_halved: Callable[[int], None] = lambda _: None,
) -> list[list[list[int]]]:
    """New token ids [conditions][prompts]. A prompt meets the same sampling noise under every vector."""
    found: list[list[list[int]]] = [[[] for _ in prompts] for _ in steps]
    rows = _Rows(model.batch(prompts), _placed(model, steps))

    def part(some: list[int]) -> None:
        batch, vectors, which = rows.take(some)
        seeds = [row_seed(seed, int(prompt)) for prompt in which.tolist()]
        with adding(model, layer, vectors, positions, batch.ids.shape[1]):
            made = decode(model, batch, max_tokens, temperature=temperature, seeds=seeds)
        for row, ids in zip(some, made, strict=True):
            found[row // len(prompts)][row % len(prompts)] = ids
        on_done(len(some))

    in_parts(rows.order, max_rows, part, on_halved)
    return found


def _placed(model: LocalModel, vectors: Tensor) -> Tensor:
    """On the model's device and in its precision."""
    return vectors.to(model.device, next(model.module.parameters()).dtype)


@dataclass(frozen=True)
class _Rows:
    """Every prompt under every vector: row number = vector x prompts + prompt. Tokenised once."""

    whole: Batch
    steps: Tensor

    @property
    def order(self) -> list[int]:
        """Row numbers, prompts of like length together, so that little is padded."""
        lengths, prompts = self.whole.lengths, len(self.whole)
        by_length = sorted(range(prompts), key=lambda i: -lengths[i])
        return [c * prompts + prompt for prompt in by_length for c in range(len(self.steps))]

    def take(self, some: list[int]) -> tuple[Batch, Tensor, Tensor]:
        """The batch of these rows, their vectors [rows, hidden] and their prompt numbers [rows]."""
        import torch

        numbers = torch.tensor(some, device=self.whole.ids.device)
        which = numbers % len(self.whole)
        # Columns in which all of them are padded are left out.
        first = int(self.whole.mask[which].any(0).long().argmax())
        batch = self.whole.map(lambda part: part[which, first:])
        return batch, self.steps[numbers // len(self.whole)], which
