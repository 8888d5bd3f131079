"""One patching experiment from tokenised pairs to numbers: runs, sweeps, controls, the mediating cell.

Leaves out how pairs come about (``pairs``), the verdict (``verdict``) and what the user sees (``report``).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from gadfly.corpus.progress import Progress, running
from gadfly.tools import stats, ties
from gadfly.tools.arrays import Array, Flags, Tensor
from gadfly.tools.forecast import forecast
from gadfly.tools.generating import noting
from gadfly.tools.model import Batch, LocalModel
from gadfly.tools.patching.arguments import PatchArgs
from gadfly.tools.patching.attribution import estimate
from gadfly.tools.patching.effects import Effects, Runs, effects, scorer
from gadfly.tools.patching.engine import Cell, Score, capture, sweep
from gadfly.tools.patching.pairs import Prepared, Target, placebo
from gadfly.tools.patching.paths import path_sweep, receivers
from gadfly.tools.patching.verdict import SELF_PATCH_LIMIT, Evidence

DONORS = 4
"""Unrelated activations that the placebo of a cell of large effect is the mean of."""
FEWEST_REPEATED = 16
_HALF = 0.5
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
    excess: Array
    """Effect minus placebo; the effect where no pair has a placebo, [cells]."""
    p: Array
    """That the excess is above 0, over all cells together, [cells]."""
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


def analyse(
    model: LocalModel, prepared: Prepared, args: PatchArgs, layers: list[int], progress: Progress
) -> Analysis:
    """Measure every cell of these layers in the asked directions, with placebo and self-patch."""
    notes: list[str] = []
    seed, denoising = args.seed, args.direction != "noising"
    clean, clean_logits = capture(model, prepared.clean, args.site)
    corrupt, corrupt_logits = capture(model, prepared.corrupt, args.site)
    score = scorer(args.metric, prepared.answer, prepared.wrong, clean_logits)
    runs = Runs(_plain(score, clean_logits), _plain(score, corrupt_logits))
    everything = [Cell(layer, target) for layer in layers for target in prepared.targets]
    gap = runs.gap
    noise = ties.noise(model.dtype, clean_logits, corrupt_logits)
    scale = max(abs(float(gap.mean())), 1e-9)
    guess: Array | None = None
    keep = np.arange(len(everything))
    if args.method != "exact":
        ours, theirs, given = prepared.clean, prepared.corrupt, corrupt
        if denoising:
            ours, theirs, given = theirs, ours, clean
        with running(progress, f"Estimating by {args.method} gradients", len(prepared)):
            estimated = estimate(
                model,
                ours,
                theirs,
                given,
                everything,
                args.site,
                score,
                steps=_STEPS[args.method],
                max_rows=args.max_rows,
                progress=progress,
            )
        signed = estimated.numpy().astype(np.float64) * (1 if denoising else -1)
        guess = signed.mean(1) / gap.mean() if gap.mean() != 0 else np.zeros(len(everything))
        keep = _worth_checking(guess, noise / scale, args)
    cells = [everything[i] for i in keep]
    sweeping = sweep
    if args.through:
        sweeping = partial(path_sweep, through=receivers(model, args.through))
    # Each direction runs the cells, the first their placebos as well, and some of these several times.
    sweeps = (2 if args.direction == "both" else 1) + 1 + (DONORS - 1) / 8
    forecast(
        model,
        "the sweep",
        int(sweeps * len(cells) * prepared.clean.ids.numel()),
        progress,
        at_once=args.max_rows * prepared.clean.ids.shape[1],
    )

    def swept(label: str, receiver: Batch, donor: Tensor, over: list[Cell]) -> Array:
        with running(progress, label, len(over)):
            scores = sweeping(
                model,
                receiver,
                donor,
                over,
                args.site,
                score,
                max_rows=args.max_rows,
                progress=progress,
                on_halved=noting(notes),
            )
        return np.asarray(scores.numpy(), dtype=np.float64)

    def towards_clean(label: str, over: list[Cell]) -> Array:
        return swept(label, prepared.corrupt, clean, over) - runs.corrupt

    def away_from_clean(label: str, over: list[Cell]) -> Array:
        return runs.clean - swept(label, prepared.clean, corrupt, over)

    present = np.stack([cell.target.mask.any(1).cpu().numpy() for cell in cells])
    fakes, has_fake = placebo(prepared, seed, DONORS)
    every_fake = [[Cell(layer, target) for layer in layers for target in draw] for draw in fakes]
    found: dict[str, Effects] = {}
    # The direction of the verdict runs first; its placebo uses the same receiver.
    if denoising:
        change = towards_clean("Patching clean into corrupt", cells)
        found["denoising"] = effects(change, gap, present, seed)
    if args.direction != "denoising":
        change = away_from_clean("Patching corrupt into clean", cells)
        found["noising"] = effects(change, gap, present, seed)
    side, move = ("clean", towards_clean) if denoising else ("corrupt", away_from_clean)
    half, held = stats.halves(len(prepared), seed)
    has = has_fake.numpy()
    # One unrelated activation is a noisy measure of any: those of several, where the effect is largest.
    main = next(iter(found.values()))
    many = max(FEWEST_REPEATED, len(cells) // 8)
    top = np.sort(ties.ranking(main.per_pair[:, half].mean(1), noise, many))
    label = f"Placebo: {side} runs of other pairs"
    change = move(label, [every_fake[0][i] for i in keep])
    if has.any():
        again = [move(label, [draw[keep[i]] for i in top]) for draw in every_fake[1:]]
        change[top] = np.mean([change[top], *again], axis=0)
    fake = effects(change, gap, present & has, seed)
    own = swept(
        "Self-patch",
        prepared.corrupt,
        corrupt,
        [Cell(layer, prepared.targets[-1]) for layer in layers],
    )
    last = model.num_layers - 1
    # The residual stream after the last layer at the last position *is* the clean run: no finding.
    fixed = np.array(
        [
            args.site == "residual" and cell.layer == last and bool(cell.target.mask[:, -1].all())
            for cell in cells
        ]
    )
    # What an unrelated activation does as well is no finding: choice and claim are about the excess over it, in the
    # pairs that have a placebo.
    enough = has.sum() > 1
    beyond = main.per_pair - fake.per_pair if enough else main.per_pair
    shown = has if enough else np.ones_like(has)
    excess = main.mean - fake.mean if enough else main.mean
    on = half & shown if (half & shown).any() else half
    chosen = mediating(main.per_pair[:, on], beyond[:, on], gap[on], noise, cells, fixed)
    p = np.ones(len(cells))
    if enough:
        p[~fixed] = stats.max_t(beyond[~fixed][:, has], seed, noise)
    right = prefers(clean_logits, prepared, noise)
    # What the verdict needs is measured on the pairs that the choice of the cell did not see.
    both = held & has
    effect, over = main.per_pair[chosen], beyond[chosen]
    evidence = Evidence(
        pairs=len(gap),
        self_patch=float(np.abs(own - runs.corrupt).max()) / scale,
        self_patch_limit=SELF_PATCH_LIMIT.get(model.dtype, 0.1),
        gap=stats.mean_interval(gap, seed, noise),
        gap_p=float(stats.sign_flip(gap[None], seed, noise)[0]),
        gap_mean=float(gap.mean()),
        right=stats.wilson(int(right.sum()), len(right)),
        effect=float(main.on(held, gap)[chosen]),
        interval=stats.ratio_interval(effect[held], gap[held], seed, noise),
        held=int(held.sum()),
        trivial=args.site == "residual" and cells[chosen].target.differs,
        placebo=_ratio(fake.per_pair[chosen][both], gap[both]),
        placebo_interval=stats.ratio_interval(fake.per_pair[chosen][both], gap[both], seed, noise)
        if both.any()
        else None,
        excess=_ratio(over[both], gap[both]),
        beyond_placebo=stats.ratio_interval(over[both], gap[both], seed, noise)
        if enough and both.any()
        else None,
        p=float(p[chosen]),
        cells=int((~fixed).sum()),
    )
    checked = None
    if guess is not None:
        few = len(keep) <= 2
        rank = np.nan if few else ties.correlation(guess[keep], main.mean, *[noise / scale] * 2)
        checked = Estimated(guess.reshape(len(layers), -1), guess[keep], rank)
    return Analysis(
        layers,
        prepared.targets,
        cells,
        runs,
        right,
        found.get("denoising"),
        found.get("noising"),
        fake,
        excess,
        p,
        chosen,
        evidence,
        noise / scale,
        fixed,
        checked,
        notes,
    )


def _worth_checking(guess: Array, noise: float, args: PatchArgs) -> Any:
    """Indices of the cells to measure: the largest estimates, and others at random so that what the gradient
    misses can be noticed."""
    top = ties.ranking(np.abs(guess), noise, max(1, 2 * args.check // 3))
    # In their natural order: which are drawn must not hang on how small ones compare.
    others = np.setdiff1d(np.arange(len(guess)), top)
    rest = np.random.default_rng(args.seed).permutation(others)
    return np.sort(np.concatenate([top, rest[: args.check - len(top)]]))


def _plain(score: Score, logits: Tensor) -> Array:
    return np.asarray(score(logits[None])[0].cpu().numpy(), dtype=np.float64)


def prefers(logits: Tensor, prepared: Prepared, noise: float) -> Flags:
    """Whether each prompt's answer is likelier than the wrong one, [pairs]."""
    logits = logits.float()
    own, other = (logits.gather(-1, ids[:, None]) for ids in (prepared.answer, prepared.wrong))
    right = ties.exceeds(own, other, noise)
    return np.asarray(right.squeeze(-1).cpu().numpy())


def _ratio(change: Array, gap: Array) -> float:
    total = float(gap.sum())
    return float(change.sum()) / total if total else 0.0


def mediating(
    change: Array, beyond: Array, gap: Array, noise: float, cells: list[Cell], fixed: Flags
) -> int:
    """The cell to report: the earliest layer at which a position that does *not* differ between the prompts carries
    half of the behaviour, which is where it has been moved to; else such a cell whose excess over the placebo is
    surely the largest, or is the largest where none is sure; else that of all. Of those within one standard error of
    it the one that carries most (Breiman et al. 1984): where the answers change places, an unrelated activation takes
    the wrong one away, and so does half of what the cell that writes them does.

    A position that differs carries it early on without any computation, so it would be a trivial finding; one before
    them holds the same in both prompts, so it can carry nothing.

    All are of the pairs to choose on: ``change`` and what of it is ``beyond`` the placebo [cells, pairs], ``gap``
    [pairs].
    """
    moved = np.array([not cell.target.differs for cell in cells]) & ~fixed
    able = moved & ties.exceeds(np.abs(change).max(1), 0, noise)
    every = np.ones_like(fixed)
    candidates = next(some for some in (able, moved, ~fixed, every) if some.any())
    # A standard error is off by no more than the values are.
    sure, slack = stats.surely(beyond), 4 * noise
    half = ties.reaches(change.mean(1), _HALF * gap.mean(), noise) & ties.exceeds(sure, 0, slack)
    found = np.flatnonzero(candidates & half)
    if len(found):
        first_layer = min(cells[i].layer for i in found)
        found = np.array([i for i in found if cells[i].layer == first_layer])
        return int(found[ties.first(sure[found], slack)])
    # An excess counts as far as there is an effect: a placebo that harms is nothing that the cell carries.
    carried = np.minimum(sure, change.mean(1))
    best = ties.first(np.where(candidates, carried, -np.inf), slack)
    if not ties.exceeds(carried[best], 0, slack):
        # Nothing is sure, as where pairs are few: the steadiest cell would be one that does nothing.
        carried = np.minimum(beyond.mean(1), change.mean(1))
        best = ties.first(np.where(candidates, carried, -np.inf), 2 * noise)
    behind = beyond[best] - beyond
    pairs = behind.shape[1]
    error = behind.std(1, ddof=1) / math.sqrt(pairs) if pairs > 1 else 0.0
    near = candidates & ties.reaches(error, behind.mean(1), slack) & ties.exceeds(sure, 0, slack)
    near[best] = True
    return ties.first(np.where(near, change.mean(1), -np.inf), noise)
