"""One logit-lens experiment: the target at every layer beside other targets and beside shuffled text.

A *unit* is a prompt with the token that should follow (or, for one text, each of its prefixes with the next token).
The advantage of a layer is log p(target) minus the mean log p of control targets: the answers of other units, so that
a taste for common answers cancels; random tokens where all units share one answer. The same on the same words in
random order. The layer is chosen on one half of the units and measured on the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gadfly.corpus.progress import Progress, running
from gadfly.tools import stats, ties
from gadfly.tools.arrays import Array, Flags, Tensor
from gadfly.tools.logit_lens.reading import Read, read, residuals
from gadfly.tools.logit_lens.verdict import Evidence
from gadfly.tools.model import LocalModel
from gadfly.tools.readout import Readout
from gadfly.tools.rows import leading, plain_ids, portions

CONTROL_TARGETS = 8
SHUFFLES = 4
_SHORTEST = 3  # tokens that can be put in another order


@dataclass(frozen=True)
class Unit:
    """Token ids of a prompt, the id that should follow, and ids of control targets."""

    ids: list[int]
    target: int
    others: list[int]


@dataclass(frozen=True)
class Analysis:
    """Everything measured, [layers + 1, units] each; row 0 is the embedding, row l + 1 the stream after layer l."""

    units: list[Unit]
    logp: Array
    rank: Array
    other_logp: Array
    other_rank: Array
    shuffled_logp: Array
    shuffled_rank: Array
    top: Array
    q: Array
    """False discovery rate over layers that the target beats both controls, [layers + 1]."""
    chosen: int
    """The row that is reported."""
    evidence: Evidence
    exactness: float

    @property
    def advantage(self) -> Array:
        """Over control targets."""
        return self.logp - self.other_logp


def make_units(
    model: LocalModel, rows: Sequence[Sequence[int]], targets: Sequence[int], seed: int
) -> list[Unit]:
    """Give each unit its control targets."""
    rng = np.random.default_rng(seed)
    pool = np.array(plain_ids(model))
    units = []
    for ids, target in zip(rows, targets, strict=True):
        foreign = np.array([t for t in targets if t != target], dtype=np.int64)
        source = foreign if len(foreign) else pool[pool != target]
        units.append(Unit(list(ids), int(target), rng.choice(source, CONTROL_TARGETS).tolist()))
    return units


def prefixes(ids: Sequence[int], start: int, most: int) -> tuple[list[list[int]], list[int]]:
    """Every prefix of a text with its next token, at most ``most``, evenly spread."""
    ends = list(range(max(1, start), len(ids)))
    step = max(1, -(-len(ends) // most))
    return [list(ids[:end]) for end in ends[::step]], [ids[end] for end in ends[::step]]


def analyse(
    model: LocalModel,
    readout: Readout,
    units: list[Unit],
    *,
    seed: int,
    max_tokens: int,
    progress: Progress,
) -> Analysis:
    """Measure every layer on the units and on shuffled copies of them."""
    rng = np.random.default_rng(seed)
    copies = [
        Unit(_shuffle(model, unit.ids, rng), unit.target, unit.others)
        for unit in units
        for _ in range(SHUFFLES)
    ]
    with running(progress, "Logit lens", len(units) + len(copies)):
        own, exactness, noise = _measure(model, readout, units, max_tokens, progress)
        shuffled, *_ = _measure(model, readout, copies, max_tokens, progress)
    layers = own.logp.shape[0]
    logp, rank, other, other_rank = map(
        _plain, (own.logp, own.rank, own.other_logp, own.other_rank)
    )
    mixed, mixed_rank = (
        _plain(each).reshape(layers, len(units), SHUFFLES)
        for each in (shuffled.logp, shuffled.rank)
    )
    advantage, beyond = logp - other, logp - mixed.mean(-1)
    # Both controls must be beaten, so the larger of the two p-values counts.
    p = np.maximum(
        stats.sign_flip(advantage, seed, noise), stats.sign_flip(beyond, seed + 1, noise)
    )
    q = stats.benjamini_hochberg(p)
    half, held = stats.halves(len(units), seed)
    chosen = _choose(rank, advantage, half, noise)
    hits = int((rank[chosen, held] == 0).sum())
    evidence = Evidence(
        units=len(units),
        final=stats.mean_interval(advantage[-1], seed, noise),
        advantage=float(advantage[chosen, held].mean()),
        over_others=stats.mean_interval(advantage[chosen, held], seed, noise),
        over_shuffled=stats.mean_interval(beyond[chosen, held], seed, noise),
        q=float(q[chosen]),
        top=float((rank[chosen, held] == 0).mean()),
        top_interval=stats.wilson(hits, int(held.sum())),
        last_layer=chosen == layers - 1,
    )
    return Analysis(
        units,
        logp,
        rank,
        other,
        other_rank,
        mixed.mean(-1),
        np.median(mixed_rank, -1),
        own.top.numpy(),
        q,
        chosen,
        evidence,
        exactness,
    )


def _plain(read: Tensor) -> Array:
    return read.numpy().astype(np.float64)


def _shuffle(model: LocalModel, ids: list[int], rng: np.random.Generator) -> list[int]:
    """The same tokens in another order; what the tokenizer put in front stays there."""
    start = leading(model, ids)
    if len(ids) - start < _SHORTEST:
        return ids
    return [*ids[:start], *rng.permutation(ids[start:]).tolist()]


def _measure(
    model: LocalModel, readout: Readout, units: list[Unit], max_tokens: int, progress: Progress
) -> tuple[Read, float, float]:
    """Readings of the units, the readout's largest error, and what rounding alone may change."""
    import torch

    pieces: list[Read] = []
    order: list[int] = []
    worst, noise = 0.0, 0.0
    for some in portions([len(unit.ids) for unit in units], max_tokens):
        chosen = [units[i] for i in some]
        hidden, logits = residuals(model, model.batch_of([unit.ids for unit in chosen]))
        worst = max(worst, readout.check(hidden[-1, :, 0], logits))
        noise = max(noise, ties.noise(model.dtype, logits))
        target = torch.tensor([unit.target for unit in chosen], device=model.device)
        others = torch.tensor([unit.others for unit in chosen], device=model.device)
        pieces.append(read(readout, hidden[:, :, 0], target, others))
        order += some
        progress.advance(len(some))
    back = torch.argsort(torch.tensor(order))
    fields = (
        torch.cat([getattr(piece, name) for piece in pieces], dim=1)[:, back]
        for name in Read.__dataclass_fields__
    )
    return Read(*fields), worst, noise


def _choose(rank: Array, advantage: Array, half: Flags, noise: float) -> int:
    """The earliest layer before the last that has half of the last layer's top-1 share and tells the targets apart;
    else the one of the largest advantage.

    A layer may put one answer on top always, and be right as often as that answer is: hence the second condition.
    The last layer is the model's own prediction, and the embedding has seen one token only: neither is a finding.
    """
    candidates = range(1, max(2, rank.shape[0] - 1))
    share = (rank[:, half] == 0).mean(1)
    mean = advantage[:, half].mean(1)
    error = advantage[:, half].std(1) / max(1, half.sum()) ** 0.5
    if share[-1] > 0:
        for row in candidates:
            if share[row] >= share[-1] / 2 and ties.exceeds(mean[row], 2 * error[row], noise):
                return row
    return candidates[ties.first(mean[list(candidates)], noise)]
