"""One probing experiment: activations, fits on train, choice on validation, one look at test, and the controls.

Whatever is chosen (layer, method, strength) is chosen on validation. The controls pass through the same choice on the
same split. Leaves out what follows from the numbers (``verdict``) and how they are shown (``report``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from gadfly.corpus.progress import Progress, running
from gadfly.tools import ties
from gadfly.tools.arrays import Array, Ints, Tensor
from gadfly.tools.probing.data import Parts, shuffled
from gadfly.tools.probing.fit import STRENGTHS, Method, Probes, Space, fit, space
from gadfly.tools.stats import LEVEL, Interval

DRAWS = 1000
FEWEST_TO_RESAMPLE = 10


@dataclass(frozen=True)
class Measured:
    """Decision values on the test part, and what they come to."""

    name: str
    scores: Array
    noise: float
    """What rounding alone may change a score by."""
    auroc: float
    accuracy: float
    interval: Interval


@dataclass(frozen=True)
class Layered:
    """The probe of one set of activations: chosen on validation, measured once on test."""

    layer: int
    """Row of the activations; the report turns it into a layer of the model."""
    method: Method
    strength: float
    weight: Array
    bias: float
    validation: Array
    """AUROC on validation of each layer's best probe, [layers]."""
    by_layer: Array
    """AUROC on test of each layer's probe of this method and strength, [layers]. Nothing is chosen by it."""
    test: Measured


@dataclass(frozen=True)
class Shuffles:
    """The same probe on labels that mean nothing: test AUROC and accuracy of each, and its best layer's AUROC."""

    auroc: Array
    accuracy: Array
    best: Array

    def p(self, by_layer: Array) -> Array:
        """How often the best layer of a shuffle does as well as each layer [layers]: p-values that hold for all layers
        together (single-step maxT, Westfall & Young 1993), and keep to the groups as the shuffles do."""
        reached = (self.best[:, None] >= by_layer).sum(0)
        found: Array = (1 + reached) / (1 + len(self.best))
        return found


def auroc(scores: Array, labels: Ints, noise: float | Array) -> Array:
    """Area under the ROC curve by ranks, ties counted half; over the last axis of ``scores`` [..., texts].

    Args:
        noise: of a score, one number or [...].
    """
    ranks = ties.ranks(scores, noise)
    ones = labels == 1
    positives, negatives = int(ones.sum()), int((~ones).sum())
    total: Array = ranks[..., ones].sum(-1) - positives * (positives + 1) / 2
    return total / (positives * negatives)


def best_probe(
    name: str, x: Tensor, parts: Parts, methods: Sequence[Method], dtype: str
) -> Layered:
    """Fit every layer, method and strength of ``x`` [layers, texts, hidden]; choose; measure."""
    import torch

    y = torch.from_numpy(parts.data.labels)
    train, validation, test = parts.tensors
    axes = space(x[:, train])
    held = parts.data.labels[parts.validation]
    winner: tuple[float, int, Method, int] | None = None
    fitted: dict[Method, Probes] = {}
    curve = np.zeros(x.shape[0])
    for method in methods:
        probes = fit(method, axes, y[train])
        fitted[method] = probes
        scores, noise = _scored(probes, x[:, validation], dtype)
        found = auroc(scores, held, noise)  # [layers, strengths]
        curve = np.maximum(curve, found.max(1))
        # Of equal ones the earliest layer and the strongest penalty: the simplest that does as well.
        flipped = found[:, ::-1]
        layer, back = divmod(int(np.argmax(flipped)), flipped.shape[1])
        strength = found.shape[1] - 1 - back
        if winner is None or found[layer, strength] > winner[0]:
            winner = (float(found[layer, strength]), layer, method, strength)
    assert winner is not None
    _, layer, method, strength = winner
    weight = fitted[method].weight[layer, strength]
    bias = float(fitted[method].bias[layer, strength])
    tested, wide = _scored(fitted[method], x[:, test], dtype)
    truth = parts.data.labels[parts.test]
    return Layered(
        layer=layer,
        method=method,
        strength=0.0 if method == "difference" else STRENGTHS[strength],
        weight=weight.numpy(),
        bias=bias,
        validation=curve,
        by_layer=auroc(tested[:, strength], truth, wide[:, strength]),
        test=measure(name, tested[layer, strength], float(wide[layer, strength]), parts),
    )


def _scored(probes: Probes, x: Tensor, dtype: str) -> tuple[Array, Array]:
    """Decision values of ``x`` [layers, texts, hidden], and what rounding alone may change each probe's by."""
    scores = probes.scores(x.double())
    return scores.numpy(), probes.noise(x, scores, dtype).numpy()


def measure(name: str, scores: Array, noise: float, parts: Parts) -> Measured:
    """AUROC, accuracy and an interval of the AUROC over the groups of the test part.

    The interval is the wider of two: the bootstrap's, which keeps to the groups but is too narrow where texts are few
    and has no width at the ceiling, and :func:`score_interval`. The latter counts texts; where no draw differs from
    another, so that nothing tells how groups vary, it counts what the bootstrap draws (groups, where there are enough).
    """
    labels = parts.data.labels[parts.test]
    draws = [auroc(scores[pick], labels[pick], noise) for pick in resamples(parts)]
    low, high = np.percentile(draws, [2.5, 97.5])
    value = float(auroc(scores, labels, noise))
    right = float((ties.exceeds(scores, 0, noise) == (labels == 1)).mean())
    if ties.exceeds(scores.max(), scores.min(), noise):  # else one half, whatever is drawn
        units = _drawn(parts) if low == high else np.arange(len(labels))
        score = score_interval(value, *(len(np.unique(units[labels == one])) for one in (1, 0)))
        low, high = min(low, score.low), max(high, score.high)
    return Measured(name, scores, noise, value, right, Interval(float(low), float(high)))


def score_interval(value: float, positives: int, negatives: int, level: float = LEVEL) -> Interval:
    """The score interval of an AUROC (Newcombe 2006, Statistics in Medicine 25:559, method 5), as Wilson's is of a
    share: all areas whose own error allows what was found. At 1 and 0 it has a width, and it leaves one half out where
    the Mann-Whitney test rejects.

    Args:
        value: the AUROC.
        positives, negatives: units of each label.
        level: what is left outside: 0.05 for a 95 % interval.
    """
    z = NormalDist().inv_cdf(1 - level / 2)
    more = (positives + negatives) / 2 - 1

    def lowest(found: float) -> float:
        low, high = 0.0, found
        for _ in range(60):
            area = (low + high) / 2
            spread = 1 + more * ((1 - area) / (2 - area) + area / (1 + area))
            error = (area * (1 - area) * spread / (positives * negatives)) ** 0.5
            low, high = (area, high) if found - area > z * error else (low, area)
        return low

    return Interval(lowest(value), 1 - lowest(1 - value))


def inside_out(control: Measured, parts: Parts, many: int) -> bool:
    """Whether a control, one of ``many``, is surely below one half: by its interval over groups, and by more than the
    lowest of so many controls is by chance (Bonferroni)."""
    labels = parts.data.labels[parts.test]
    positives = int(labels.sum())
    score = score_interval(control.auroc, positives, len(labels) - positives, LEVEL / many)
    return control.interval.below(0.5) and score.below(0.5)


def beyond(probe: Measured, control: Measured, parts: Parts) -> Interval:
    """The interval of probe AUROC minus control AUROC, both on the same resampled groups."""
    labels = parts.data.labels[parts.test]
    differences = [
        auroc(probe.scores[pick], labels[pick], probe.noise)
        - auroc(control.scores[pick], labels[pick], control.noise)
        for pick in resamples(parts)
    ]
    low, high = np.percentile(differences, [2.5, 97.5])
    return Interval(float(low), float(high))


def resamples(parts: Parts) -> list[Ints]:
    """Bootstrap draws of the test part, whole groups at a time; draws with one label only are left out.

    Fewer than ``FEWEST_TO_RESAMPLE`` groups give no interval worth the name: then texts are drawn, and the interval
    speaks of these groups only. The shuffles keep to the groups either way.
    """
    rng = np.random.default_rng(parts.seed)
    groups, labels = _drawn(parts), parts.data.labels[parts.test]
    members = [np.flatnonzero(groups == number) for number in np.unique(groups)]
    draws = []
    for _ in range(DRAWS):
        chosen = rng.integers(len(members), size=len(members))
        pick = np.concatenate([members[i] for i in chosen])
        if 0 < labels[pick].sum() < len(pick):
            draws.append(pick.astype(np.int64))
    return draws


def _drawn(parts: Parts) -> Ints:
    """What a bootstrap draws: the group of each text of the test part, or where groups are few the text."""
    groups = parts.data.groups[parts.test]
    enough = len(np.unique(groups)) >= FEWEST_TO_RESAMPLE
    return groups if enough else np.arange(len(groups), dtype=np.int64)


def shuffles(
    x: Tensor, parts: Parts, probe: Layered, times: int, progress: Progress, dtype: str
) -> Shuffles:
    """The control task (Hewitt & Liang 2019, arXiv:1909.03368): shuffled labels, the layer chosen anew each time.

    The labels of all three parts are shuffled, so that what structure alone allows to be memorised counts too.
    """
    import torch

    rng = np.random.default_rng(parts.seed)
    train, validation, test = parts.tensors
    axes = space(x[:, train])
    strengths = (probe.strength,) if probe.method != "difference" else STRENGTHS[:1]
    areas, rights, tops = [], [], []
    with running(progress, "Shuffled labels", times):
        for count in _chunks(times, axes):
            labels = [shuffled(parts.data.labels, parts.data.groups, rng) for _ in range(count)]
            masks = (parts.train, parts.validation, parts.test)
            usable = [row for row in labels if all(len(set(row[mask])) == 2 for mask in masks)]
            if usable:
                y = np.stack(usable)
                probes = fit(probe.method, axes, torch.from_numpy(y[:, parts.train]), strengths)
                held, on_held = _scored(probes, x[:, validation], dtype)
                seen, on_seen = _scored(probes, x[:, test], dtype)
                for i, row in enumerate(y):
                    best = auroc(held[i, :, 0], row[parts.validation], on_held[i, :, 0])
                    layer, truth = int(np.argmax(best)), row[parts.test]
                    score, noise = seen[i, layer, 0], on_seen[i, layer, 0]
                    every = auroc(seen[i, :, 0], truth, on_seen[i, :, 0])
                    areas.append(float(every[layer]))
                    tops.append(float(every.max()))
                    rights.append(float((ties.exceeds(score, 0, noise) == (truth == 1)).mean()))
            progress.advance(count)
    return Shuffles(np.array(areas), np.array(rights), np.array(tops))


def _chunks(times: int, axes: Space) -> list[int]:
    """So many labellings at once that their weights stay below about 200 MB."""
    layers, _, width = axes.z.shape
    at_once = max(1, min(times, int(2.5e7 / (layers * width))))
    return [min(at_once, times - start) for start in range(0, times, at_once)]
