"""Scores of every head on random sequences: previous token, duplicate token, induction.

A sequence is what the tokenizer puts in front, then ``length`` random tokens, then the same again. At a position of
the second copy a duplicate-token head looks ``length`` back, an induction head ``length - 1`` back (at what followed
the first copy of this token). The score is the mean probability at that place. Control: the same places in sequences
of which no token repeats, so a head that merely looks so far back scores there too. A previous-token head is scored on
the latter sequences, beside its mean probability at the other earlier tokens (itself and the beginning left out).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gadfly.corpus.progress import Progress, running
from gadfly.errors import ToolInputError
from gadfly.tools import stats, ties
from gadfly.tools.arrays import Array, Tensor
from gadfly.tools.attending.patterns import shape_of, visit_patterns
from gadfly.tools.attending.verdict import Evidence
from gadfly.tools.model import LocalModel
from gadfly.tools.rows import plain_ids, prefix_ids
from gadfly.tools.tokens import bare

KINDS = ("induction", "duplicate", "previous")


@dataclass(frozen=True)
class Sequences:
    """Token ids, each [sequences, tokens]; the first ``start`` tokens are the tokenizer's own."""

    repeated: list[list[int]]
    plain: list[list[int]]
    start: int
    length: int


@dataclass(frozen=True)
class Scores:
    """By kind: scores and their controls, [layers · heads, sequences] each."""

    own: dict[str, Array]
    control: dict[str, Array]
    heads: int
    noise: float
    """What rounding alone may change a score by."""

    def beyond(self, kind: str) -> Array:
        """Score minus control."""
        return self.own[kind] - self.control[kind]


@dataclass(frozen=True)
class Found:
    """One kind: its best head, chosen on half of the sequences, with intervals and p-values of all heads."""

    kind: str
    layer: int
    head: int
    interval: Array
    """Of every head's mean score, [layers · heads, 2]."""
    p: Array
    """That a head's score is above its control, over all heads and kinds together, [layers · heads]."""
    evidence: Evidence


def make_sequences(model: LocalModel, count: int, length: int, seed: int) -> Sequences:
    """Random sequences of distinct tokens.

    Raises:
        ToolInputError: the vocabulary has too few tokens.
    """
    rng = np.random.default_rng(seed)
    pool = np.array(_words(model))
    if len(pool) < 2 * length:
        raise ToolInputError(
            f"{length} is too long: {2 * length} different tokens are needed, and the vocabulary has {len(pool)}"
        )
    front = prefix_ids(model)
    repeated, plain = [], []
    for _ in range(count):
        once = rng.choice(pool, length, replace=False).tolist()
        repeated.append([*front, *once, *once])
        plain.append([*front, *rng.choice(pool, 2 * length, replace=False).tolist()])
    return Sequences(repeated, plain, len(front), length)


def _words(model: LocalModel) -> list[int]:
    """What sequences are drawn from: any token; for the demo model the words it saw in random sequences."""
    if model.name != "demo":
        return plain_ids(model)
    from gadfly.tools.demo.words import POOL

    return bare(model.tokenizer, " ".join(POOL))


def score(
    model: LocalModel, sequences: Sequences, *, max_tokens: int, progress: Progress
) -> Scores:
    """Every head's scores, and the same measured where nothing repeats."""
    heads, _ = shape_of(model)
    start, length = sequences.start, sequences.length
    own: dict[str, Array] = {}
    control: dict[str, Array] = {}
    size = start + 2 * length
    # The last position of the second copy has no following token in the first copy.
    ends = np.arange(start + length, size)
    places = {"induction": (ends[:-1], ends[:-1] - length + 1), "duplicate": (ends, ends - length)}
    with running(progress, "Attention on random sequences", 2 * len(sequences.plain)):
        for name, rows in (("repeated", sequences.repeated), ("plain", sequences.plain)):
            collected: dict[str, list[Array]] = {
                kind: [] for kind in (*places, "previous", "others")
            }
            step = max(1, max_tokens // size)
            for first in range(0, len(rows), step):
                some = rows[first : first + step]
                found = _means(model, some, places, ends, start)
                for kind, values in found.items():
                    collected[kind].append(values)
                progress.advance(len(some))
            joined = {kind: np.concatenate(parts, axis=1) for kind, parts in collected.items()}
            for kind in places:
                (own if name == "repeated" else control)[kind] = joined[kind]
            if name == "plain":
                own["previous"], control["previous"] = joined["previous"], joined["others"]
    # Probabilities: of size 1, whatever a head gives to one place.
    return Scores(own, control, heads, ties.noise(model.dtype, np.ones(1)))


def _means(
    model: LocalModel,
    rows: list[list[int]],
    places: dict[str, tuple[np.ndarray, np.ndarray]],
    ends: np.ndarray,
    start: int,
) -> dict[str, Array]:
    import torch

    layers: dict[str, list[Tensor]] = {kind: [] for kind in (*places, "previous", "others")}

    def visit(layer: int, weights: Tensor) -> None:
        device = weights.device
        for kind, (destination, source) in places.items():
            at = weights[
                ..., torch.tensor(destination, device=device), torch.tensor(source, device=device)
            ]
            layers[kind].append(at.mean(-1))
        rows_at = torch.tensor(ends, device=device)
        before = weights[..., rows_at, rows_at - 1]
        layers["previous"].append(before.mean(-1))
        itself = weights[..., rows_at, rows_at]
        beginning = weights[..., rows_at, :start].sum(-1)
        rest = weights[..., rows_at, :].sum(-1) - before - itself - beginning
        layers["others"].append((rest / (rows_at - start - 1)).mean(-1))

    visit_patterns(model, model.batch_of(rows), visit)
    # [layers, rows, heads] → [layers · heads, rows]
    return {
        kind: torch.stack(values).transpose(1, 2).flatten(0, 1).double().cpu().numpy()
        for kind, values in layers.items()
    }


def judge_heads(scores: Scores, kinds: tuple[str, ...], seed: int) -> dict[str, Found]:
    """The best head of each kind. The p-values hold for all heads and all asked kinds together."""
    every = np.concatenate([scores.beyond(kind) for kind in kinds])
    p = stats.max_t(every, seed, scores.noise).reshape(len(kinds), -1)
    found = {}
    for row, kind in enumerate(kinds):
        own, beyond = scores.own[kind], scores.beyond(kind)
        count = own.shape[1]
        half, held = stats.halves(count, seed)
        best = ties.first(beyond[:, half].mean(1), scores.noise)
        found[kind] = Found(
            kind,
            best // scores.heads,
            best % scores.heads,
            stats.ratio_intervals(own, np.ones(count), seed),
            p[row],
            Evidence(
                sequences=count,
                score=float(own[best, held].mean()),
                interval=stats.mean_interval(own[best, held], seed, scores.noise),
                control=float(scores.control[kind][best, held].mean()),
                beyond=stats.mean_interval(beyond[best, held], seed, scores.noise),
                p=float(p[row, best]),
                cells=len(every),
            ),
        )
    return found
