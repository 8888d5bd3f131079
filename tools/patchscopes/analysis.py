"""One patchscope experiment: the state of every layer put into the target, and four things it must beat.

The advantage of a layer is log p(answer) minus the mean log p of control answers (those of other prompts). The donor
control puts the state of a prompt with another answer. The token itself, whose state is read, is written into the
target: a state that does no better is not shown to hold more than its token. The layer is the one that is furthest
above the nearest of the four, chosen on one half of the prompts and measured on the other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from gadfly.corpus.progress import Progress, running
from gadfly.errors import ToolInputError
from gadfly.tools import stats, ties
from gadfly.tools.arrays import Array, Tensor
from gadfly.tools.capture import at, capture
from gadfly.tools.generating import in_parts, noting
from gadfly.tools.logit_lens.analysis import Unit, above_zero
from gadfly.tools.model import LocalModel
from gadfly.tools.patchscopes.target import Target, patched, written
from gadfly.tools.patchscopes.verdict import Evidence


@dataclass(frozen=True)
class Analysis:
    """Log-probabilities in nats, [layers, prompts] but for ``alone`` and ``token`` [prompts]."""

    units: list[Unit]
    logp: Array
    rank: Array
    """Of the answer; 0 is on top, and alone there: what ties counts as ahead."""
    other_logp: Array
    """Mean over control answers."""
    donor_logp: Array | None
    """Of the answer after another prompt's state; None if all answers are one."""
    alone: Array
    """Of the answer with no state put."""
    token: Array
    """Of the answer with the token itself, whose state is read, written in the slot."""
    top: Array
    """Ids of the best token."""
    p: Array
    """That every control is beaten, for all layers together, [layers]."""
    chosen: int
    evidence: Evidence
    notes: list[str]


def analyse(
    model: LocalModel,
    target: Target,
    texts: Sequence[str],
    units: list[Unit],
    *,
    back: int,
    into: int | None,
    seed: int,
    max_rows: int,
    progress: Progress,
) -> Analysis:
    """Measure every layer on the prompts and on exchanged states.

    Args:
        back: which token's state, from the end (-1 is the last).
        into: the layer it is put after; None for the one it is from.
    """
    for number, unit in enumerate(units, 1):
        if len(unit.ids) < -back:
            raise ToolInputError(
                f"prompt {number} has {len(unit.ids)} tokens, so there is none at {back}"
            )
    if into is not None:
        model.check_layer(into)
    states = capture(model, texts, at(str(back)), modules=model.blocks, progress=progress).layers
    donors = _donors(units, seed)
    notes: list[str] = []
    with running(
        progress, "Patchscope", states.shape[0] * len(units) * (2 if donors is not None else 1)
    ):
        measured = partial(
            _measure, model, target, units=units, into=into, max_rows=max_rows, progress=progress
        )
        own = measured(states, on_halved=noting(notes))
        swapped = None
        if donors is not None:
            swapped = measured(states[:, donors], on_halved=noting(notes))[0]
    logp, rank, other, top, noise = own
    answers = [unit.target for unit in units]
    filler = target.ids[target.slot]
    alone = _said(written(model, target, [filler]).expand(len(units), -1), answers)
    token = np.concatenate(
        [
            _said(written(model, target, [u.ids[back] for u in some]), [u.target for u in some])
            for some in (units[i : i + max_rows] for i in range(0, len(units), max_rows))
        ]
    )
    beyond: dict[str, Array] = {
        "answers": logp - other,
        "nothing": logp - alone,
        "token": logp - token,
    }
    if swapped is not None:
        beyond["donors"] = logp - swapped
    half, held = stats.halves(len(units), seed)
    nearest = np.min([each[:, half].mean(1) for each in beyond.values()], axis=0)
    chosen = ties.first(nearest, noise)
    over = {
        name: stats.mean_interval(each[chosen, held], seed, noise) for name, each in beyond.items()
    }
    # Every control must be beaten, so the largest p-value counts.
    p = np.max([above_zero(each, seed, noise) for each in beyond.values()], axis=0)
    hits = int((rank[chosen, held] == 0).sum())
    evidence = Evidence(
        units=len(units),
        advantage=float(beyond["answers"][chosen, held].mean()),
        over_answers=over["answers"],
        over_donors=over.get("donors"),
        over_nothing=over["nothing"],
        over_token=over["token"],
        p=float(p[chosen]),
        top=hits / int(held.sum()),
        top_interval=stats.wilson(hits, int(held.sum())),
    )
    return Analysis(
        units, logp, rank, other, swapped, alone, token, top, p, chosen, evidence, notes
    )


def _said(logits: Tensor, answers: list[int]) -> Array:
    """Log-probability of each row's answer."""
    rows = range(len(answers))
    found = logits.float().log_softmax(-1).cpu()[rows, answers].numpy()
    return found.astype(np.float64)


def _donors(units: list[Unit], seed: int) -> list[int] | None:
    """For each prompt one with another answer, or None if there is none for some."""
    rng = np.random.default_rng(seed)
    found = []
    for unit in units:
        others = [i for i, each in enumerate(units) if each.target != unit.target]
        if not others:
            return None
        found.append(int(rng.choice(others)))
    return found


def _measure(
    model: LocalModel,
    target: Target,
    states: Tensor,
    units: list[Unit],
    into: int | None,
    max_rows: int,
    progress: Progress,
    on_halved: Callable[[int], None],
) -> tuple[Array, Array, Array, Array, float]:
    """Log p and rank of the answer, mean log p of the control answers, and the best token: [layers, prompts] each.
    Last what rounding alone may change a log p by."""
    import torch

    dtype = model.dtype
    layers, n, hidden = states.shape
    rows = states.reshape(layers * n, hidden).to(model.device)
    where = torch.arange(layers).repeat_interleave(n)
    if into is not None:
        where = torch.full_like(where, into)
    answer = torch.tensor([unit.target for unit in units]).repeat(layers)
    others = torch.tensor([unit.others for unit in units]).repeat(layers, 1)

    def part(cut: list[int]) -> tuple[Tensor, ...]:
        states_here = rows[torch.tensor(cut, device=rows.device)]
        logits = patched(model, target, states_here, where[cut]).float().cpu()
        logs = logits.log_softmax(-1)
        own = logs.gather(-1, answer[cut, None])
        progress.advance(len(logs))
        noise = ties.of_size(dtype, logits.abs().amax(-1, keepdim=True))
        rank = ties.reaches(logs, own, noise).sum(-1) - 1
        top = ties.likeliest(logits).squeeze(-1)
        return own.squeeze(-1), rank, logs.gather(-1, others[cut]).mean(-1), top, noise[:, 0]

    parts = [found for _, found in in_parts(range(len(rows)), max_rows, part, on_halved)]
    logp, rank, other, top, noise = (
        torch.cat(column).reshape(layers, n).numpy().astype(np.float64)
        for column in zip(*parts, strict=True)
    )
    return logp, rank, other, top, float(noise.max())
