"""One patching experiment from tokenised pairs to numbers: runs, sweeps, controls, the mediating cell.

Leaves out how pairs come about (``pairs``), the verdict (``verdict``) and what the user sees (``report``).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from gadfly.corpus.progress import Progress
from gadfly.tools import stats
from gadfly.tools.model import Batch, LocalModel
from gadfly.tools.patching.effects import Effects, Metric, Runs, beyond, effects, scorer
from gadfly.tools.patching.engine import Cell, Score, Site, capture, sweep
from gadfly.tools.patching.pairs import Prepared, Target, placebo
from gadfly.tools.patching.verdict import SELF_PATCH_LIMIT, Evidence

if TYPE_CHECKING:
    from torch import Tensor

    from gadfly.tools.stats import Array, Flags

_HALF = 0.5


@dataclass
class Analysis:
    """Everything measured. Effects are flat over cells: index = layer_index * targets + target."""

    layers: list[int]
    targets: list[Target]
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
    by_construction: Flags
    """Cells whose effect is 1 whatever the model does, [cells] of bool."""
    notes: list[str] = field(default_factory=list)

    @property
    def main(self) -> Effects:
        """The direction that the verdict is about: denoising where it was run."""
        found = self.denoising or self.noising
        assert found is not None
        return found

    @property
    def shape(self) -> tuple[int, int]:
        return len(self.layers), len(self.targets)

    def cell(self, index: int) -> tuple[int, Target]:
        """Layer and target of a flat index."""
        return self.layers[index // len(self.targets)], self.targets[index % len(self.targets)]


@dataclass(frozen=True)
class Settings:
    """How to measure."""

    site: Site
    metric: Metric
    denoising: bool
    noising: bool
    layers: list[int]
    max_rows: int
    seed: int


def analyse(
    model: LocalModel, prepared: Prepared, settings: Settings, progress: Progress
) -> Analysis:
    """Measure every cell in the asked directions, with placebo and self-patch."""
    notes: list[str] = []
    clean, clean_logits = capture(model, prepared.clean, settings.site)
    corrupt, corrupt_logits = capture(model, prepared.corrupt, settings.site)
    score = scorer(settings.metric, prepared.answer, prepared.wrong, clean_logits)
    runs = Runs(_plain(score, clean_logits), _plain(score, corrupt_logits))
    cells = [Cell(layer, target) for layer in settings.layers for target in prepared.targets]

    def swept(label: str, receiver: Batch, donor: Tensor, over: list[Cell]) -> Array:
        progress.start(label, len(over))
        try:
            scores = sweep(
                model, receiver, donor, over, settings.site, score,
                max_rows=settings.max_rows, progress=progress,
                on_halved=lambda rows: notes.append(f"memory ran out: at most {rows} rows a forward were used"),
            )  # fmt: skip
        finally:
            progress.finish()
        return np.asarray(scores.numpy(), dtype=np.float64)

    present = np.stack([target.mask.any(1).cpu().numpy() for target in prepared.targets])
    present = np.tile(present, (len(settings.layers), 1))
    fakes, has_fake = placebo(prepared, settings.seed)
    fake_cells = [Cell(layer, target) for layer in settings.layers for target in fakes]
    found: dict[str, Effects] = {}
    gap = runs.gap
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
    scale = max(abs(float(gap.mean())), 1e-9)
    self_patch = float(np.abs(own - runs.corrupt).max()) / scale

    fixed = _by_construction(model, settings, prepared.targets)
    halves = np.random.default_rng(settings.seed).permutation(len(prepared)) % 2 == 0
    chosen = _mediator(main.on(halves, gap), prepared.targets, fixed)
    q = beyond(main.per_pair[:, has], placebo_effects.per_pair[:, has], settings.seed) if has.sum() > 1 \
        else np.ones(len(cells))  # fmt: skip
    evidence = _evidence(
        chosen, runs, main, placebo_effects, halves, has, q, settings.seed,
        self_patch=self_patch, dtype=str(model.fingerprint["dtype"]),
        right=_prefers(clean_logits, prepared),
    )  # fmt: skip
    return Analysis(
        settings.layers, prepared.targets, runs, _prefers(clean_logits, prepared),
        found.get("denoising"), found.get("noising"), placebo_effects, q, chosen, evidence, fixed, notes,
    )  # fmt: skip


def _plain(score: Score, logits: Tensor) -> Array:
    return np.asarray(score(logits[None])[0].cpu().numpy(), dtype=np.float64)


def _prefers(logits: Tensor, prepared: Prepared) -> Flags:
    logits = logits.float()
    right = logits.gather(-1, prepared.answer[:, None]) > logits.gather(-1, prepared.wrong[:, None])
    return np.asarray(right.squeeze(-1).cpu().numpy())


def _by_construction(model: LocalModel, settings: Settings, targets: list[Target]) -> Flags:
    """The residual stream after the last layer at the last position *is* the clean run: no finding."""
    fixed = np.zeros((len(settings.layers), len(targets)), dtype=bool)
    if settings.site == "residual" and model.num_layers - 1 in settings.layers:
        row = settings.layers.index(model.num_layers - 1)
        for column, target in enumerate(targets):
            fixed[row, column] = bool(target.mask[:, -1].all())
    return fixed.ravel()


def _mediator(effect: Array, targets: list[Target], fixed: Flags) -> int:
    """The cell to report: the earliest layer at which a position that does *not* differ between the prompts carries
    half of the behaviour, which is where it has been moved to; else the largest such cell; else the largest of all.

    A position that differs carries it early on without any computation, so it would be a trivial finding.
    """
    count = len(targets)
    moved = np.array([not targets[index % count].differs for index in range(len(effect))]) & ~fixed
    candidates = moved if moved.any() else ~fixed if (~fixed).any() else np.ones_like(fixed)
    half = np.flatnonzero(candidates & (effect >= _HALF))
    if len(half):
        first_layer = half[0] // count
        same = half[half // count == first_layer]
        return int(same[np.argmax(effect[same])])
    return int(np.argmax(np.where(candidates, effect, -np.inf)))


def _evidence(
    chosen: int, runs: Runs, main: Effects, fake: Effects, halves: Flags, has: Flags, q: Array, seed: int,
    *, self_patch: float, dtype: str, right: Flags,
) -> Evidence:  # fmt: skip
    """What the verdict needs, measured on the pairs that the choice of the cell did not see."""
    gap = runs.gap
    other = ~halves if (~halves).sum() > 1 else np.ones_like(halves)
    both = other & has
    change, placebo_change = main.per_pair[chosen], fake.per_pair[chosen]
    interval = stats.ratio_intervals(change[None, other], gap[other], seed)[0]
    difference: Any = None
    if both.sum() > 1:
        rows = stats.ratio_intervals((change - placebo_change)[None, both], gap[both], seed)[0]
        difference = stats.Interval(*map(float, rows))
    return Evidence(
        pairs=len(gap),
        self_patch=self_patch,
        self_patch_limit=SELF_PATCH_LIMIT.get(dtype, 0.1),
        gap=stats.mean_interval(gap, seed),
        gap_p=float(stats.sign_flip(gap[None], seed)[0]),
        right=stats.wilson(int(right.sum()), len(right)),
        effect=float(main.on(other, gap)[chosen]),
        interval=stats.Interval(*map(float, interval)),
        placebo=float(fake.mean[chosen]),
        beyond_placebo=difference,
        q=float(q[chosen]),
    )
