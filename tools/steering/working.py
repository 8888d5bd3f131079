"""The unit of a dose, and the doses at which unrelated text survives: both found before any effect is looked at.

The unit is the median norm of the residual stream at usual tokens. How many of them a model takes hangs on model, layer
and vector, so doses are found and not assumed: the largest at which the perplexity of neutral text is at most doubled,
the largest that is mild, where the effect is read, and half of that, each with both signs. The positive sign is
searched, since the claim is about adding the vector.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from gadfly.corpus.progress import Progress, Silent, running
from gadfly.errors import ToolInputError
from gadfly.tools import ties
from gadfly.tools.arrays import Tensor
from gadfly.tools.capture import usual
from gadfly.tools.hooks import after, hooked
from gadfly.tools.model import LocalModel
from gadfly.tools.rows import special_ids
from gadfly.tools.steering import neutral
from gadfly.tools.steering.neutral import SideEffects
from gadfly.tools.steering.verdict import PERPLEXITY_LIMIT, PERPLEXITY_MILD

# Steps of a tenth, each of two digits: no last bit of a perplexity decides what the doses are.
GRID = tuple(float(f"{10 ** (k / 24):.2g}") for k in range(-48, 25))
_TEXTS = 32  # neutral texts of the search; the doses it finds are measured on all
_STEPS = len(GRID).bit_length()


@dataclass(frozen=True)
class Unit:
    """``size``: the median norm. ``texts``: what it was measured on, where that was not the prompts."""

    size: float
    texts: list[str]


@dataclass(frozen=True)
class Range:
    """``mild`` and ``largest``: the largest doses of the grid at which the perplexity of neutral text is at most
    ``PERPLEXITY_MILD`` and ``PERPLEXITY_LIMIT`` times the unsteered one; None where not even at the smallest.
    ``breaks``: the dose next to ``largest``; None where none of the grid is too large."""

    mild: float | None
    largest: float | None
    breaks: float | None

    @property
    def doses(self) -> list[float]:
        """Both, and half of the mild one, of each sign, of two digits."""
        top = self.largest or GRID[0]
        mild = self.mild or top
        above = sorted({float(f"{mild / 2:.2g}"), mild, top})
        return [*(-dose for dose in reversed(above)), *above]

    def __str__(self) -> str:
        if self.largest is None:
            return f"perplexity of neutral text is more than doubled even at dose {GRID[0]:g}, the smallest tried"
        if self.breaks is None:
            return f"perplexity of neutral text is not doubled up to dose {GRID[-1]:g}, the largest tried"
        return f"perplexity of neutral text doubles at dose {self.breaks:g}"


def unit(
    model: LocalModel, prompts: Sequence[str], neutral_texts: Sequence[str], layer: int, rows: int
) -> Unit:
    """The median norm of the residual stream after ``layer`` at the usual tokens of the prompts; where they have none,
    being of one token each, at those of the neutral texts.

    Args:
        rows: the most texts in one forward.

    Raises:
        ToolInputError: the neutral texts have none either.
    """
    for texts in (prompts, neutral_texts):
        norms = _norms(model, texts, layer, rows)
        if len(norms):
            return Unit(float(np.median(norms)), [] if texts is prompts else list(texts))
    raise ToolInputError(
        "prompts and neutral texts are of one token or special tokens alone: no unit for a dose; give longer ones"
    )


def _norms(
    model: LocalModel, texts: Sequence[str], layer: int, rows: int
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    found = []
    special = special_ids(model)
    for start in range(0, len(texts), rows):
        batch = model.batch(texts[start : start + rows])
        kept: list[Tensor] = []

        def keep(hidden: Tensor, kept: list[Tensor] = kept) -> None:
            kept.append(hidden.float().norm(dim=-1).to(model.device))

        with model.working(), hooked([after(model.blocks[layer], keep)]):
            model.forward(batch)
        found.append(kept[0][usual(batch, special)].cpu().double().numpy())
    return np.concatenate(found)


def search(
    model: LocalModel, texts: Sequence[str], vector: Tensor, layer: int, progress: Progress
) -> Range:
    """By halving, twice: at most seven doses are tried for each bound, and none twice.

    Args:
        vector: of dose 1, [hidden].
    """
    tried: dict[int, SideEffects] = {}

    def within(limit: float, index: int) -> bool:
        if index not in tried:
            tried[index] = neutral.side_effects(
                model, texts[:_TEXTS], GRID[index] * vector[None], layer, Silent()
            )
        progress.advance()
        return within_bounds(tried[index], limit)[0]

    with running(progress, "Finding the dose that doubles neutral perplexity", 2 * _STEPS):
        fine, mild = (
            _last(partial(within, limit), len(GRID))
            for limit in (PERPLEXITY_LIMIT, PERPLEXITY_MILD)
        )
    found_range = Range(
        GRID[mild] if mild >= 0 else None,
        GRID[fine] if fine >= 0 else None,
        GRID[fine + 1] if fine + 1 < len(GRID) else None,
    )
    progress.note(str(found_range))
    return found_range


def share(
    model: LocalModel, texts: Sequence[str], directions: Tensor, worst: float, layer: int
) -> float:
    """The part of their length, 1 where it can be, at which directions of no meaning leave the perplexity of neutral
    text at ``worst`` at most, in the median of them; at least a hundredth.

    Where activations fill a small part of the space (Gemma 3), a random direction of a vector's norm breaks text that
    the vector leaves alone, and what it does to a metric there is no measure of anything.

    Args:
        directions: as they are added at the whole length, [directions, hidden].
    """

    def fine(index: int) -> bool:
        found = neutral.side_effects(
            model, texts[:_TEXTS], GRID[index] * directions, layer, Silent()
        )
        return bool(ties.reaches(worst, float(np.median(found.perplexity)), found.noise))

    whole = GRID.index(1.0)
    return 1.0 if fine(whole) else GRID[max(_last(fine, whole), 0)]


def _last(fine: Callable[[int], bool], count: int) -> int:
    """The last of so many places that is fine, by halving; -1 where none is."""
    good, bad = -1, count
    while bad - good > 1:
        middle = (good + bad) // 2
        good, bad = (middle, bad) if fine(middle) else (good, middle)
    return good


def within_bounds(on_neutral: SideEffects, limit: float = PERPLEXITY_LIMIT) -> list[bool]:
    """Which doses leave the perplexity of neutral text at most ``limit`` times the unsteered one."""
    bound = limit * on_neutral.unsteered
    return [bool(ties.reaches(bound, value, on_neutral.noise)) for value in on_neutral.perplexity]
