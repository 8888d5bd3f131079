"""One patching experiment from tokenised pairs to numbers: runs, sweeps, controls, the mediating cell.

Leaves out how pairs come about (``pairs``), the verdict (``verdict``) and what the user sees (``report``).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from gadfly.corpus.progress import Progress, running
from gadfly.tools import stats, ties
from gadfly.tools.forecast import forecast
from gadfly.tools.model import Batch, LocalModel
from gadfly.tools.patching.attribution import estimate
from gadfly.tools.patching.effects import Effects, Runs, beyond, effects, scorer
from gadfly.tools.patching.engine import Cell, Score, capture, sweep
from gadfly.tools.patching.pairs import Prepared, Target, placebo
from gadfly.tools.patching.paths import path_sweep, receivers
from gadfly.tools.patching.sites import Site
from gadfly.tools.patching.verdict import SELF_PATCH_LIMIT, Evidence

if TYPE_CHECKING:
    from torch import Tensor

    from gadfly.tools.stats import Array, Flags

_HALF = 0.5
Method = Literal["exact", "attribution", "integrated"]
_STEPS = {"attribution": 1, "integrated": 8}


@dataclass
class Analysis:
    """Everything measured. Effects are over ``cells``: every cell, or those checked after an estimate."""

    layers: list[int]
    targets: list[Target]
    cells: list[Cell]
    runs: Runs
    clean_right: Flags
    """Whether each clean run prefers the answer, [pairs]."""
    denoising: Effects | None
    noising: Effects | None
    placebo: Effects
    q: Array
    chosen: int
    """The mediating cell, chosen on one half of the pairs."""
    evidence: Evidence
    noise: float
    """Of an effect: what rounding alone may change it by."""
    by_construction: Flags
    """Cells whose effect is 1 whatever the model does, [cells] of bool."""
    estimated: Estimated | None = None
    notes: list[str] = field(default_factory=list)

    @property
    def main(self) -> Effects:
        """The direction that the verdict is about: denoising where it was run."""
        found = self.denoising or self.noising
        assert found is not None
        return found

    def grid(self, values: Array) -> Array:
        """Values over cells as [layers, targets, ...]; NaN where no cell was measured."""
        out = np.full((len(self.layers), len(self.targets), *values.shape[1:]), np.nan)
        columns = {id(target): column for column, target in enumerate(self.targets)}
        rows = {layer: row for row, layer in enumerate(self.layers)}
        for value, cell in zip(values, self.cells, strict=True):
            out[rows[cell.layer], columns[id(cell.target)]] = value
        return out


@dataclass(frozen=True)
class Estimated:
    """Effects of every cell by gradients, normalised like measured ones, [layers, targets]."""

    grid: Array
    checked: Array
    """The estimates of the cells that were then measured, in their order."""
    agreement: float
    """Spearman's rank correlation of estimate and measurement over the checked cells."""


@dataclass(frozen=True)
class Settings:
    """How to measure."""

    site: Site
    metric: str
    denoising: bool
    noising: bool
    layers: list[int]
    max_rows: int
    seed: int
    through: tuple[str, ...] = ()
    """Receivers of path patching; empty for plain patching."""
    method: Method = "exact"
    check: int = 24
    """How many cells are measured after an estimate: two thirds the largest, one third at random."""


def analyse(
    model: LocalModel, prepared: Prepared, settings: Settings, progress: Progress
) -> Analysis:
    """Measure every cell in the asked directions, with placebo and self-patch."""
    notes: list[str] = []
    clean, clean_logits = capture(model, prepared.clean, settings.site)
    corrupt, corrupt_logits = capture(model, prepared.corrupt, settings.site)
    score = scorer(settings.metric, prepared.answer, prepared.wrong, clean_logits)
    runs = Runs(_plain(score, clean_logits), _plain(score, corrupt_logits))
    everything = [Cell(layer, target) for layer in settings.layers for target in prepared.targets]
    gap = runs.gap
    noise = ties.noise(model.dtype, clean_logits, corrupt_logits)
    scale = max(abs(float(gap.mean())), 1e-9)
    guess: Array | None = None
    keep = np.arange(len(everything))
    if settings.method != "exact":
        first, second = (
            (clean, prepared.clean) if settings.denoising else (corrupt, prepared.corrupt)
        )
        receiver = prepared.corrupt if settings.denoising else prepared.clean
        guess = _guess(model, receiver, second, first, everything, settings, score, gap, progress)
        keep = _worth_checking(guess, noise / scale, settings)
    cells = [everything[i] for i in keep]

    route = receivers(model, settings.through) if settings.through else []

    directions = settings.denoising + settings.noising
    length = prepared.clean.ids.shape[1]
    # Each direction runs the cells and their placebos.
    forecast(
        model,
        "the sweep",
        2 * directions * len(cells) * prepared.clean.ids.numel(),
        progress,
        at_once=settings.max_rows * length,
    )

    def swept(label: str, receiver: Batch, donor: Tensor, over: list[Cell]) -> Array:
        with running(progress, label, len(over)):
            sweeping = partial(path_sweep, through=route) if settings.through else sweep
            scores = sweeping(
                model,
                receiver,
                donor,
                over,
                settings.site,
                score,
                max_rows=settings.max_rows,
                progress=progress,
                on_halved=lambda rows: notes.append(
                    f"memory ran out: at most {rows} rows a forward were used"
                ),
            )
        return np.asarray(scores.numpy(), dtype=np.float64)

    present = np.stack([cell.target.mask.any(1).cpu().numpy() for cell in cells])
    fakes, has_fake = placebo(prepared, settings.seed)
    every_fake = [Cell(layer, target) for layer in settings.layers for target in fakes]
    fake_cells = [every_fake[i] for i in keep]
    found: dict[str, Effects] = {}
    # The direction of the verdict runs first; its placebo uses the same receiver.
    if settings.denoising:
        change = swept("Patching clean into corrupt", prepared.corrupt, clean, cells) - runs.corrupt
        found["denoising"] = effects(change, gap, present, settings.seed)
    if settings.noising:
        change = runs.clean - swept("Patching corrupt into clean", prepared.clean, corrupt, cells)
        found["noising"] = effects(change, gap, present, settings.seed)
    if settings.denoising:
        fake = swept("Placebo: clean runs of other pairs", prepared.corrupt, clean, fake_cells)
        fake_change = fake - runs.corrupt
    else:
        fake = swept("Placebo: corrupt runs of other pairs", prepared.clean, corrupt, fake_cells)
        fake_change = runs.clean - fake
    has = has_fake.numpy()
    placebo_effects = effects(fake_change, gap, present & has, settings.seed)
    main = found.get("denoising") or found["noising"]
    self_cells = [Cell(layer, prepared.targets[-1]) for layer in settings.layers]
    own = swept("Self-patch", prepared.corrupt, corrupt, self_cells)
    self_patch = float(np.abs(own - runs.corrupt).max()) / scale

    fixed = _by_construction(model, settings, cells)
    halves = np.random.default_rng(settings.seed).permutation(len(prepared)) % 2 == 0
    chosen = _mediator(main.on(halves, gap), noise / scale, cells, fixed)
    q = np.ones(len(cells))
    if has.sum() > 1:
        q = beyond(main.per_pair[:, has], placebo_effects.per_pair[:, has], settings.seed, noise)
    right = prefers(clean_logits, prepared, noise)
    evidence = _evidence(
        chosen,
        runs,
        main,
        placebo_effects,
        halves,
        has,
        q,
        settings.seed,
        noise,
        self_patch=self_patch,
        dtype=model.dtype,
        right=right,
    )
    return Analysis(
        settings.layers,
        prepared.targets,
        cells,
        runs,
        right,
        found.get("denoising"),
        found.get("noising"),
        placebo_effects,
        q,
        chosen,
        evidence,
        noise / scale,
        fixed,
        None if guess is None else _estimated(guess, keep, main, noise / scale, settings),
        notes,
    )


def _guess(
    model: LocalModel,
    receiver: Batch,
    donor: Batch,
    donor_activations: Tensor,
    cells: list[Cell],
    settings: Settings,
    score: Score,
    gap: Array,
    progress: Progress,
) -> Array:
    """Estimated effects of all cells in the direction of the verdict, normalised, [cells]."""
    with running(progress, f"Estimating by {settings.method} gradients", len(receiver)):
        change = estimate(
            model,
            receiver,
            donor,
            donor_activations,
            cells,
            settings.site,
            score,
            steps=_STEPS[settings.method],
            max_rows=settings.max_rows,
            progress=progress,
        )
    signed = change.numpy().astype(np.float64) * (1 if settings.denoising else -1)
    total = gap.mean()
    guess: Array = signed.mean(1) / total if total != 0 else np.zeros(len(cells))
    return guess


def _worth_checking(guess: Array, noise: float, settings: Settings) -> Any:
    """Indices of the cells to measure: the largest estimates, and others at random so that what the gradient
    misses can be noticed."""
    top = ties.ranking(np.abs(guess), noise, max(1, 2 * settings.check // 3))
    # In their natural order: which are drawn must not hang on how small ones compare.
    others = np.setdiff1d(np.arange(len(guess)), top)
    rest = np.random.default_rng(settings.seed).permutation(others)
    return np.sort(np.concatenate([top, rest[: settings.check - len(top)]]))


def _estimated(
    guess: Array, keep: Any, main: Effects, noise: float, settings: Settings
) -> Estimated:
    rank = ties.correlation(guess[keep], main.mean, noise, noise) if len(keep) > 2 else np.nan
    grid = guess.reshape(len(settings.layers), -1)
    return Estimated(grid, guess[keep], rank)


def _plain(score: Score, logits: Tensor) -> Array:
    return np.asarray(score(logits[None])[0].cpu().numpy(), dtype=np.float64)


def prefers(logits: Tensor, prepared: Prepared, noise: float) -> Flags:
    """Whether each prompt's answer is likelier than the wrong one, [pairs]."""
    logits = logits.float()
    own, other = (logits.gather(-1, ids[:, None]) for ids in (prepared.answer, prepared.wrong))
    right = ties.exceeds(own, other, noise)
    return np.asarray(right.squeeze(-1).cpu().numpy())


def _by_construction(model: LocalModel, settings: Settings, cells: list[Cell]) -> Flags:
    """The residual stream after the last layer at the last position *is* the clean run: no finding."""
    last = model.num_layers - 1
    return np.array(
        [
            settings.site == "residual"
            and cell.layer == last
            and bool(cell.target.mask[:, -1].all())
            for cell in cells
        ]
    )


def _mediator(effect: Array, noise: float, cells: list[Cell], fixed: Flags) -> int:
    """The cell to report: the earliest layer at which a position that does *not* differ between the prompts carries
    half of the behaviour, which is where it has been moved to; else the largest such cell; else the largest of all.

    A position that differs carries it early on without any computation, so it would be a trivial finding.
    """
    moved = np.array([not cell.target.differs for cell in cells]) & ~fixed
    candidates = moved if moved.any() else ~fixed if (~fixed).any() else np.ones_like(fixed)
    half = np.flatnonzero(candidates & ties.reaches(effect, _HALF, noise))
    if len(half):
        first_layer = min(cells[i].layer for i in half)
        same = np.array([i for i in half if cells[i].layer == first_layer])
        return int(same[ties.first(effect[same], noise)])
    return ties.first(np.where(candidates, effect, -np.inf), noise)


def _evidence(
    chosen: int,
    runs: Runs,
    main: Effects,
    fake: Effects,
    halves: Flags,
    has: Flags,
    q: Array,
    seed: int,
    noise: float,
    *,
    self_patch: float,
    dtype: str,
    right: Flags,
) -> Evidence:
    """What the verdict needs, measured on the pairs that the choice of the cell did not see."""
    gap = runs.gap
    other = ~halves if (~halves).sum() > 1 else np.ones_like(halves)
    both = other & has
    change, placebo_change = main.per_pair[chosen], fake.per_pair[chosen]
    difference = None
    if both.sum() > 1:
        difference = stats.ratio_interval((change - placebo_change)[both], gap[both], seed, noise)
    return Evidence(
        pairs=len(gap),
        self_patch=self_patch,
        self_patch_limit=SELF_PATCH_LIMIT.get(dtype, 0.1),
        gap=stats.mean_interval(gap, seed, noise),
        gap_p=float(stats.sign_flip(gap[None], seed, noise)[0]),
        right=stats.wilson(int(right.sum()), len(right)),
        effect=float(main.on(other, gap)[chosen]),
        interval=stats.ratio_interval(change[other], gap[other], seed, noise),
        placebo=float(fake.mean[chosen]),
        beyond_placebo=difference,
        q=float(q[chosen]),
    )
