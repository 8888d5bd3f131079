"""One ablation experiment: the component or direction and its controls on the same pairs, with the evidence.

An effect is (clean − ablated) / (clean − corrupt), a ratio of means over pairs: 0 leaves the behaviour as it was, 1
takes away all that tells clean from corrupt. Leaves out what the user sees (``report``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from gadfly.corpus.progress import Progress, running
from gadfly.tools import stats, ties
from gadfly.tools.ablation import controls
from gadfly.tools.ablation.components import Component, name_of, others
from gadfly.tools.ablation.engine import Change, Place, ablate_all, capture, place_of
from gadfly.tools.ablation.fill import Filler, How, Reference, own, own_project
from gadfly.tools.ablation.verdict import Evidence, Family
from gadfly.tools.forecast import forecast
from gadfly.tools.model import LocalModel
from gadfly.tools.patching.analysis import prefers
from gadfly.tools.patching.effects import Runs, scorer
from gadfly.tools.patching.pairs import Prepared
from gadfly.tools.patching.verdict import SELF_PATCH_LIMIT

if TYPE_CHECKING:
    from torch import Tensor

    from gadfly.tools.stats import Array, Flags


@dataclass(frozen=True)
class Directional:
    """A direction [hidden] of norm 1, the layers after which it is ablated, and the layer it was found at."""

    direction: Tensor
    layers: list[int]
    home: int


Subject = Component | Directional
"""What is ablated."""


@dataclass(frozen=True)
class Settings:
    """How to measure."""

    how: How
    metric: str
    controls: int
    max_rows: int
    seed: int


@dataclass(frozen=True)
class Group:
    """Controls of one kind: their names and the change that each brings, [controls, pairs]."""

    name: str
    members: list[str]
    change: Array
    complete: bool


@dataclass
class Analysis:
    """Everything measured. ``change`` is clean minus ablated, [pairs]."""

    runs: Runs
    clean_right: Flags
    change: Array
    groups: list[Group]
    evidence: Evidence
    noise: float
    """What rounding alone may change the metric by."""
    variance: float | None
    """Share of the residual stream's variance along the direction, at its layer."""
    notes: list[str] = field(default_factory=list)

    def effect_of(self, change: Array) -> float:
        """As a share of the difference between clean and corrupt; 0 where there is none."""
        gap = float(self.runs.gap.mean())
        return float(change.mean()) / gap if gap else 0.0


def analyse(
    model: LocalModel,
    prepared: Prepared,
    subject: Subject,
    reference_prompts: Sequence[str],
    settings: Settings,
    progress: Progress,
) -> Analysis:
    """Ablate the subject and its controls, each alone, on the clean prompts."""
    notes: list[str] = []
    rivals: list[tuple[str, list[Component], bool]] = []
    if isinstance(subject, tuple):
        found, complete = others(model, subject, settings.controls, settings.seed)
        kind = "heads" if subject[0].kind == "head" else "attention and MLP outputs"
        rivals = [(f"other {kind}", found, complete)]
    places = _places(model, subject, rivals)
    at, clean_logits = capture(model, prepared.clean, places)
    _, corrupt_logits = capture(model, prepared.corrupt, [])
    batch = model.batch(reference_prompts)
    reference = Reference(batch, capture(model, batch, places)[0])
    filler = Filler(model, prepared.clean, reference, settings.how, settings.seed)
    groups: list[tuple[str, list[str], list[Change], bool]] = []
    first: Change
    unchanged: Change
    variance = None
    if isinstance(subject, Directional):
        x = controls.usual(reference, subject.home)
        variance = controls.share(x, subject.direction)
        sets, told = controls.directions(x, subject.direction, settings.controls, settings.seed)
        notes += told
        first = filler.project(subject.direction, subject.layers)
        unchanged = own_project(subject.direction, subject.layers, at)
        groups = [
            (
                name,
                [f"{name} {i + 1}" for i in range(len(members))],
                [filler.project(each, subject.layers) for each in members],
                False,
            )
            for name, members in sets.items()
        ]
    else:
        first, unchanged = filler.swap(subject), own(model, subject, at)
        groups = [
            (name, [name_of(c) for c in members], [filler.swap(c) for c in members], complete)
            for name, members, complete in rivals
        ]
    changes = [first, unchanged, *(change for _, _, some, _ in groups for change in some)]
    score = scorer(settings.metric, prepared.answer, prepared.wrong, clean_logits)
    runs = Runs(_plain(score(clean_logits[None])[0]), _plain(score(corrupt_logits[None])[0]))
    length = prepared.clean.ids.shape[1]
    forecast(
        model,
        "the ablations",
        len(changes) * prepared.clean.ids.numel(),
        progress,
        at_once=settings.max_rows * length,
    )
    with running(progress, "Ablating", len(changes)):
        scores = _plain(
            ablate_all(
                model,
                prepared.clean,
                changes,
                score,
                max_rows=settings.max_rows,
                on_done=progress.advance,
                on_halved=lambda rows: notes.append(
                    f"memory ran out: at most {rows} rows a forward were used"
                ),
            )
        )
    moved = runs.clean - scores  # [changes, pairs]
    measured, start = [], 2
    for name, members, some, complete in groups:
        measured.append(Group(name, members, moved[start : start + len(some)], complete))
        start += len(some)
    dtype = model.dtype
    noise = ties.noise(dtype, clean_logits, corrupt_logits)
    right = prefers(clean_logits, prepared, noise)
    evidence = _evidence(
        runs,
        right,
        moved[0],
        moved[1],
        measured,
        settings.seed,
        noise,
        SELF_PATCH_LIMIT.get(dtype, 0.1),
    )
    return Analysis(runs, right, moved[0], measured, evidence, noise, variance, notes)


def _places(
    model: LocalModel, subject: Subject, rivals: list[tuple[str, list[Component], bool]]
) -> list[Place]:
    """Where activations are needed: of the subject, of its controls, and for directions of the residual stream."""
    if isinstance(subject, Directional):
        return [("residual", layer) for layer in sorted({*subject.layers, subject.home})]
    parts = [*subject, *(part for _, some, _ in rivals for each in some for part in each)]
    return [place_of(part) for part in parts]


def _plain(scores: Tensor) -> Array:
    return np.asarray(scores.float().cpu().numpy(), dtype=np.float64)


def _evidence(
    runs: Runs,
    right: Flags,
    change: Array,
    unchanged: Array,
    groups: list[Group],
    seed: int,
    noise: float,
    limit: float,
) -> Evidence:
    gap = runs.gap
    scale = max(abs(float(gap.mean())), 1e-9)
    return Evidence(
        pairs=len(gap),
        unchanged=float(np.abs(unchanged).max()) / scale,
        unchanged_limit=limit,
        gap=stats.mean_interval(gap, seed, noise),
        gap_p=float(stats.sign_flip(gap[None], seed, noise)[0]),
        right=stats.wilson(int(right.sum()), len(right)),
        effect=float(change.mean()) / float(gap.mean()) if gap.mean() else 0.0,
        interval=stats.ratio_interval(change, gap, seed, noise),
        families=[_family(group, change, gap, seed, noise) for group in groups],
    )


def _family(group: Group, change: Array, gap: Array, seed: int, noise: float) -> Family:
    """How often a control removes at least as much; the component itself is counted in."""
    means = group.change.mean(1)
    reached = int(ties.reaches(means, change.mean(), noise).sum())
    bottom = float(gap.mean()) or 1.0
    if not len(means):
        return Family(group.name, 0, 1.0, 0.0, stats.Interval(0.0, 0.0), group.complete)
    best = ties.first(means, noise)
    return Family(
        group.name,
        len(means),
        (1 + reached) / (1 + len(means)),
        float(means[best]) / bottom,
        stats.ratio_interval(change - group.change[best], gap, seed, noise),
        group.complete,
    )
