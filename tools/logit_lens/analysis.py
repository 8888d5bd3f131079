"""One logit-lens experiment: the target at every layer beside other targets and beside shuffled text.

A *unit* is a prompt with the token that should follow (or, for one text, each of its prefixes with the next token).
The advantage of a layer is log p(target) minus the mean log p of control targets: the answers of other units, so that
a taste for common answers cancels; random tokens where all units share one answer. The same on the same words in
random order: a difference of log-probabilities is one of logits, so that nothing need be unembedded but these tokens.

A layer is *readable* when it has the target among its likeliest few tokens at least half as often as the model's own
output has, and ahead of other targets. The first such layer before the last is chosen on one half of the units and
measured on the other. The last layer is the output itself, and the embedding has seen one token only: neither counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gadfly.corpus.progress import Progress, running
from gadfly.tools import stats, ties
from gadfly.tools.arrays import Array, Flags, Tensor
from gadfly.tools.logit_lens.reading import Read, read, residuals, streams
from gadfly.tools.logit_lens.verdict import Evidence
from gadfly.tools.model import LocalModel
from gadfly.tools.readout import Readout
from gadfly.tools.rows import leading, plain_ids, portions

CONTROL_TARGETS = 8
SHUFFLES = 4
_SHUFFLED_ROWS = 16  # so many in all are enough, where units are many
_FEW = 10
_FEWER = 1000  # one of the likeliest for so many tokens of the vocabulary: a tenth of a small one would be no find
_MEASURED = 16  # times its noise must a layer's values be
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
    shuffled: Array
    """Advantage with the words in random order, of the measured half, [layers + 1, units of it]."""
    p: Array
    """That the target is above other targets, for all layers together, [layers + 1]."""
    held: Flags
    """The half of the units that is measured."""
    chosen: int
    """The row that is reported."""
    evidence: Evidence
    exactness: float

    @property
    def advantage(self) -> Array:
        """Over control targets."""
        return self.logp - self.other_logp


def likeliest_few(vocabulary: int) -> int:
    """How many tokens count as the likeliest few: ten, fewer in a small vocabulary."""
    return max(1, min(_FEW, vocabulary // _FEWER))


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
    """Measure every layer on the units, and on shuffled copies of those that the choice does not see."""
    rng = np.random.default_rng(seed)
    half, held = stats.halves(len(units), seed)
    few = likeliest_few(int(model.module.get_output_embeddings().weight.shape[0]))
    measured = np.flatnonzero(held)
    times = max(1, min(SHUFFLES, -(-_SHUFFLED_ROWS // len(measured))))
    copies = [
        Unit(_shuffle(model, units[i].ids, rng), units[i].target, units[i].others)
        for i in measured
        for _ in range(times)
    ]
    with running(progress, "Logit lens", len(units) + len(copies)):
        own, exactness, noise = _measure(model, readout, units, max_tokens, progress)
        mixed = _advantages(model, readout, copies, max_tokens, progress)
    logp, rank, other = (
        each.numpy().astype(np.float64) for each in (own.logp, own.rank, own.other_logp)
    )
    layers = len(logp)
    shuffled = mixed.reshape(layers, len(measured), times).mean(-1)
    advantage = logp - other
    near = rank < few
    needed = float(near[-1].mean()) / 2
    chosen, readable = _choose(rank, near, advantage, half, noise)
    p = above_zero(advantage, seed, noise)
    hits, on_top = (int(each[chosen, held].sum()) for each in (near, rank == 0))
    evidence = Evidence(
        units=len(units),
        few=few,
        final=stats.mean_interval(advantage[-1], seed, noise),
        needed=needed,
        readable=readable,
        share=hits / len(measured),
        share_interval=stats.wilson(hits, len(measured)),
        top=on_top / len(measured),
        top_interval=stats.wilson(on_top, len(measured)),
        advantage=float(advantage[chosen, held].mean()),
        over_others=stats.mean_interval(advantage[chosen, held], seed, noise),
        over_shuffled=stats.mean_interval(advantage[chosen, held] - shuffled[chosen], seed, noise),
        p=float(p[chosen]),
        last_layer=chosen == layers - 1,
    )
    return Analysis(units, logp, rank, other, shuffled, p, held, chosen, evidence, exactness)


def above_zero(values: Array, seed: int, noise: float) -> Array:
    """p-values that means over units are above 0, of [layers, units], for all layers together.

    Each layer is taken in units of its root mean square, which a flip of signs leaves as it is: so a layer of wide
    values does not set what the others must beat.
    """
    size = np.sqrt((values**2).mean(1))
    # A layer of nothing but noise has no unit: it is no find, and nothing that another must beat.
    real = size > _MEASURED * noise
    p = np.ones(len(values))
    if real.any():
        p[real] = stats.max_t(values[real] / size[real, None], seed, noise / size[real])
    return p


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
        found, gap, size = read(readout, hidden[:, :, 0], *_asked(model, chosen), own=logits)
        worst, noise = max(worst, gap), max(noise, float(ties.of_size(model.dtype, size)))
        pieces.append(found)
        order += some
        progress.advance(len(some))
    back = torch.argsort(torch.tensor(order))
    fields = (
        torch.cat([getattr(piece, name) for piece in pieces], dim=1)[:, back]
        for name in Read.__dataclass_fields__
    )
    return Read(*fields), worst, noise


def _advantages(
    model: LocalModel, readout: Readout, units: list[Unit], max_tokens: int, progress: Progress
) -> Array:
    """The advantage of every layer, [layers + 1, units], from the logits of the targets alone."""
    import torch

    found = np.zeros((model.num_layers + 1, len(units)))
    for some in portions([len(unit.ids) for unit in units], max_tokens):
        chosen = [units[i] for i in some]
        hidden = streams(model, model.batch_of([unit.ids for unit in chosen]))
        target, others = _asked(model, chosen)
        with model.working():
            logits = readout.columns(hidden, torch.cat([target[:, None], others], dim=1))
        found[:, some] = (logits[..., 0] - logits[..., 1:].mean(-1)).double().cpu().numpy()
        progress.advance(len(some))
    return found


def _asked(model: LocalModel, units: list[Unit]) -> tuple[Tensor, Tensor]:
    import torch

    target = torch.tensor([unit.target for unit in units], device=model.device)
    return target, torch.tensor([unit.others for unit in units], device=model.device)


def _choose(
    rank: Array, near: Flags, advantage: Array, half: Flags, noise: float
) -> tuple[int, bool]:
    """The first readable row before the last, and True; where there is none, the row that comes nearest, and False.

    A layer may put one answer on top always, and be right as often as that answer is: hence the advantage.
    """
    candidates = range(1, max(2, len(rank) - 1))
    share = near[:, half].mean(1)
    mean = advantage[:, half].mean(1)
    error = advantage[:, half].std(1) / max(1, half.sum()) ** 0.5
    if share[-1] > 0:
        for row in candidates:
            if share[row] >= share[-1] / 2 and ties.exceeds(mean[row], 2 * error[row], noise):
                return row, True
    # Ranks are whole numbers, so nothing but their sum's rounding is to be ignored.
    nearness = -np.log1p(rank[:, half]).mean(1)
    return candidates[ties.first(nearness[list(candidates)], 1e-9)], False
