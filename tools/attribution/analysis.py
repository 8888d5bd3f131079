"""One attribution experiment: every part's contribution beside what it writes to unrelated answers.

The control of a part on a prompt is its mean contribution to the answers of *other* prompts (same kind of words, same
orientation of right and wrong), so that a part which favours a class of words everywhere shows nothing; random tokens
where there are no other answers. The part is chosen on one half of the prompts, as the one that surely writes most, and
measured on the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gadfly.corpus.progress import Progress, running
from gadfly.tools import stats, ties
from gadfly.tools.arrays import Array, Ints
from gadfly.tools.attribution.parts import Part, decompose, through
from gadfly.tools.attribution.verdict import Evidence
from gadfly.tools.model import LocalModel
from gadfly.tools.readout import Readout
from gadfly.tools.rows import plain_ids, portions

UNRELATED = 16


@dataclass(frozen=True)
class Question:
    """Token ids of a prompt, of its answer, and of a wrong answer or None."""

    ids: list[int]
    answer: int
    wrong: int | None


@dataclass(frozen=True)
class Analysis:
    """``own`` and ``unrelated`` (mean over unrelated pairs) are [parts, prompts], in logits."""

    questions: list[Question]
    parts: list[Part]
    own: Array
    unrelated: Array
    unrelated_size: Array
    """Root mean square over unrelated pairs and prompts, [parts]."""
    interval: Array
    """Of each part's mean contribution over prompts, [parts, 2]."""
    p: Array
    """That a part writes more to the answer than to unrelated ones (where it writes less: that it does), over all parts
    together, [parts]."""
    logit: Array
    """What the parts sum to, [prompts]."""
    noise: float
    """What rounding alone may change a contribution by."""
    chosen: int
    evidence: Evidence

    @property
    def mean(self) -> Array:
        """Over prompts, [parts]."""
        found: Array = self.own.mean(1)
        return found


def analyse(
    model: LocalModel,
    readout: Readout,
    questions: list[Question],
    *,
    by_head: bool,
    seed: int,
    max_tokens: int,
    progress: Progress,
) -> Analysis:
    """Take every prompt's last position apart and test each part."""
    import torch

    answers, wrongs = _pairs(model, questions, seed)
    count = len(questions)
    parts: list[Part] = []
    own, unrelated, squares, logit = [], [], [], []
    order: list[int] = []
    error = 0.0
    with running(progress, "Logit attribution", count):
        for some in portions([len(q.ids) for q in questions], max_tokens):
            stream = decompose(
                model, model.batch_of([questions[i].ids for i in some]), by_head=by_head
            )
            readout.check(stream.full, stream.logits)
            shares = through(
                readout,
                stream,
                torch.tensor(answers[some], device=model.device),
                None if wrongs is None else torch.tensor(wrongs[some], device=model.device),
            )
            parts = shares.parts
            values = shares.values.double().numpy()
            own.append(values[:, :, 0])
            unrelated.append(values[:, :, 1:].mean(-1))
            squares.append((values[:, :, 1:] ** 2).mean(-1))
            logit.append(shares.logit[:, 0].double().numpy())
            scale = max(1.0, float(shares.logit.abs().max()))
            error = max(error, shares.error / scale)
            order += some
            progress.advance(len(some))
    back = np.argsort(order)
    mine = np.concatenate(own, axis=1)[:, back]
    control = np.concatenate(unrelated, axis=1)[:, back]
    size = np.sqrt(np.concatenate(squares, axis=1).mean(1))
    beyond = mine - control
    total = np.concatenate(logit)[back]
    # Parts may be larger than the logit that they sum to, and round as what they are.
    noise = ties.noise(model.dtype, total, mine)
    up, down = (stats.max_t(each, seed, noise) for each in (beyond, -beyond))
    p = np.where(beyond.mean(1) > 0, up, down)
    half, held = stats.halves(count, seed)
    eligible = np.array([part.kind != "constant" for part in parts])
    # A standard error is off by no more than the values are.
    sure = np.where(eligible, stats.surely(beyond[:, half]), -np.inf)
    chosen = ties.first(sure, 4 * noise)
    gap = total - control.sum(0)
    whole = float(total[held].mean() - control[:, held].sum(0).mean())
    contribution, excess = mine[chosen, held], beyond[chosen, held]
    evidence = Evidence(
        prompts=count,
        sum_error=error,
        dtype=model.dtype,
        gap=stats.mean_interval(gap, seed, noise),
        gap_p=float(stats.sign_flip(gap[None], seed, noise)[0]),
        logit=float(total[held].mean()),
        contribution=float(contribution.mean()),
        interval=stats.mean_interval(contribution, seed, noise),
        beyond=stats.mean_interval(excess, seed, noise),
        unrelated=float(control[chosen, held].mean()),
        p=float(up[chosen]),
        parts=len(parts),
        share=float(excess.mean()) / whole if whole > 0 else 0.0,
    )
    interval = stats.ratio_intervals(mine, np.ones(count), seed)
    return Analysis(
        questions, parts, mine, control, size, interval, p, total, noise, chosen, evidence
    )


def _pairs(model: LocalModel, questions: Sequence[Question], seed: int) -> tuple[Ints, Ints | None]:
    """Answer ids and wrong ids, [prompts, 1 + UNRELATED]: the prompt's own first, then unrelated ones."""
    rng = np.random.default_rng(seed)
    pool = np.array(plain_ids(model))
    with_wrong = questions[0].wrong is not None
    answers = np.empty((len(questions), 1 + UNRELATED), dtype=np.int64)
    wrongs = np.empty_like(answers)
    for row, question in enumerate(questions):
        mine = {question.answer, question.wrong}
        foreign = [q for q in questions if not mine & {q.answer, q.wrong}]
        if not with_wrong:
            foreign = [q for q in questions if q.answer != question.answer]
        answers[row, 0] = question.answer
        wrongs[row, 0] = question.wrong or 0
        if foreign:
            picked = [foreign[i] for i in rng.integers(len(foreign), size=UNRELATED)]
            answers[row, 1:] = [q.answer for q in picked]
            wrongs[row, 1:] = [q.wrong or 0 for q in picked]
        else:
            drawn = rng.choice(pool[[i not in mine for i in pool.tolist()]], size=(2, UNRELATED))
            answers[row, 1:], wrongs[row, 1:] = drawn
    return answers, wrongs if with_wrong else None
