"""One ablation experiment: the component or direction and its controls on the same pairs, with the evidence.

An effect is (clean − ablated) / (clean − corrupt), a ratio of means over pairs: 0 leaves the behaviour as it was, 1
takes away all that tells clean from corrupt. Leaves out what the user sees (``report``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from gadfly.corpus.progress import Progress, running
from gadfly.tools import stats, ties
from gadfly.tools.ablation import controls
from gadfly.tools.ablation.arguments import AblateArgs
from gadfly.tools.ablation.components import Component, Place, name_of, others
from gadfly.tools.ablation.engine import Change, ablate_all, capture
from gadfly.tools.ablation.fill import Filler, Reference, own, own_project
from gadfly.tools.ablation.verdict import Evidence, Family
from gadfly.tools.arrays import Array, Flags, Tensor
from gadfly.tools.forecast import forecast
from gadfly.tools.generating import noting
from gadfly.tools.model import LocalModel
from gadfly.tools.patching.analysis import prefers
from gadfly.tools.patching.effects import Runs, scorer
from gadfly.tools.patching.pairs import Prepared
from gadfly.tools.patching.verdict import SELF_PATCH_LIMIT


@dataclass(frozen=True)
class Directional:
    """A direction [hidden] of norm 1, the layers after which it is ablated, and the layer it was found at."""

    direction: Tensor
    layers: list[int]
    home: int


Subject = Component | Directional
"""What is ablated."""


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
    args: AblateArgs,
    progress: Progress,
) -> Analysis:
    """Ablate the subject and its controls, each alone, on the clean prompts."""
    notes: list[str] = []
    rivals: list[Component] = []
    complete = False
    places: list[Place]
    if isinstance(subject, Directional):
        places = [("residual", layer) for layer in sorted({*subject.layers, subject.home})]
    else:
        rivals, complete = others(model, subject, args.controls, args.seed)
        places = [part.place for each in (subject, *rivals) for part in each]
    at, clean_logits = capture(model, prepared.clean, places)
    _, corrupt_logits = capture(model, prepared.corrupt, [])
    batch = model.batch(reference_prompts)
    reference = Reference(batch, capture(model, batch, places)[0])
    filler = Filler(model, prepared.clean, reference, args.fill, args.seed)
    first: Change
    unchanged: Change
    variance = None
    # By the kind of controls: their names, and what each changes.
    families: dict[str, tuple[list[str], list[Change]]] = {}
    if isinstance(subject, Directional):
        x = controls.activations(model, reference, subject.home)
        variance = controls.share(x, subject.direction)
        sets, told = controls.directions(x, subject.direction, args.controls, args.seed)
        notes += told
        first = filler.project(subject.direction, subject.layers)
        unchanged = own_project(subject.direction, subject.layers, at)
        for name, members in sets.items():
            names = [f"{name} {i + 1}" for i in range(len(members))]
            families[name] = names, [filler.project(each, subject.layers) for each in members]
    else:
        first, unchanged = filler.swap(subject), own(model, subject, at)
        kind = "heads" if subject[0].kind == "head" else "attention and MLP outputs"
        swaps: list[Change] = [filler.swap(each) for each in rivals]
        families[f"other {kind}"] = [name_of(each) for each in rivals], swaps
    changes = [first, unchanged, *(change for _, some in families.values() for change in some)]
    score = scorer(args.metric, prepared.answer, prepared.wrong, clean_logits)
    runs = Runs(_plain(score(clean_logits[None])[0]), _plain(score(corrupt_logits[None])[0]))
    forecast(
        model,
        "the ablations",
        len(changes) * prepared.clean.ids.numel(),
        progress,
        at_once=args.max_rows * prepared.clean.ids.shape[1],
    )
    with running(progress, "Ablating", len(changes)):
        scores = ablate_all(
            model,
            prepared.clean,
            changes,
            score,
            max_rows=args.max_rows,
            on_done=progress.advance,
            on_halved=noting(notes),
        )
    moved = runs.clean - _plain(scores)  # [changes, pairs]
    change, groups, start = moved[0], [], 2
    for name, (names, some) in families.items():
        groups.append(Group(name, names, moved[start : start + len(some)], complete))
        start += len(some)
    seed, gap, noise = args.seed, runs.gap, ties.noise(model.dtype, clean_logits, corrupt_logits)
    right = prefers(clean_logits, prepared, noise)
    evidence = Evidence(
        pairs=len(gap),
        unchanged=float(np.abs(moved[1]).max()) / max(abs(float(gap.mean())), 1e-9),
        unchanged_limit=SELF_PATCH_LIMIT.get(model.dtype, 0.1),
        gap=stats.mean_interval(gap, seed, noise),
        gap_p=float(stats.sign_flip(gap[None], seed, noise)[0]),
        gap_mean=float(gap.mean()),
        right=stats.wilson(int(right.sum()), len(right)),
        effect=float(change.mean()) / float(gap.mean()) if gap.mean() else 0.0,
        interval=stats.ratio_interval(change, gap, seed, noise),
        families=[_family(group, change, gap, seed, noise) for group in groups],
    )
    return Analysis(runs, right, change, groups, evidence, noise, variance, notes)


def _plain(scores: Tensor) -> Array:
    return np.asarray(scores.float().cpu().numpy(), dtype=np.float64)


def _family(group: Group, change: Array, gap: Array, seed: int, noise: float) -> Family:
    """How many controls remove at least as much."""
    means = group.change.mean(1)
    reached = int(ties.reaches(means, change.mean(), noise).sum())
    bottom = float(gap.mean()) or 1.0
    if not len(means):
        return Family(group.name, 0, 0, 0.0, stats.Interval(0.0, 0.0), group.complete)
    best = ties.first(means, noise)
    return Family(
        group.name,
        len(means),
        reached,
        float(means[best]) / bottom,
        stats.ratio_interval(change - group.change[best], gap, seed, noise),
        group.complete,
    )
