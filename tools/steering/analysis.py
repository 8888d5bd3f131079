"""One steering experiment from a vector and a task to numbers: every dose of it and of its controls, side effects,
generations, and the evidence for the verdict.

The dose that the verdict reads is chosen by neutral text, without looking at the effect. A few controls are run at
every dose, to be seen beside the vector; at the chosen one they grow until p is known. Leaves out where vector and
prompts come from (``source``, ``task``) and what the user sees (``report``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from gadfly.corpus.progress import Progress, running
from gadfly.tools import stats, ties
from gadfly.tools.arrays import Array, Tensor
from gadfly.tools.forecast import forecast
from gadfly.tools.generating import noting
from gadfly.tools.model import LocalModel
from gadfly.tools.steering import neutral
from gadfly.tools.steering.arguments import SteerArgs
from gadfly.tools.steering.engine import continuations, next_token
from gadfly.tools.steering.neutral import SideEffects
from gadfly.tools.steering.source import Source, isotropic, mixtures
from gadfly.tools.steering.task import Task, told
from gadfly.tools.steering.verdict import PERPLEXITY_MILD, Evidence, Family
from gadfly.tools.steering.working import Range, Unit, search, share, unit, within_bounds

SHOWN = 8  # prompts whose continuations are kept at every dose
BESIDE = 20  # controls of each kind that are run at every dose
_TRIED = 3  # random directions that tell what norm harms neutral text
RANDOM = "random directions"
EXCHANGED = "directions from exchanged labels"
MIXTURES = "in-distribution directions"


@dataclass
class Analysis:
    """Everything measured. Metrics are [doses, prompts], ``plain`` [prompts], families [doses, directions]."""

    source: Source
    unit: Unit
    range: Range | None
    """Where the doses were found; None where they were given."""
    doses: list[float]
    plain: Array
    steered: Array
    families: dict[str, Array]
    """Mean effect over prompts of the first control directions of each kind at each dose."""
    grown: dict[str, Array]
    """That of all that were run at the chosen dose, [directions]."""
    instructed: Array | None
    effects_on_neutral: SideEffects
    texts: list[list[list[int]]]
    """New token ids [0 and then each dose][shown prompts]."""
    repetition: list[float]
    """Distinct bigrams, of 0 and then each dose."""
    noise: float
    """What rounding alone may change the metric by."""
    chosen: int
    evidence: Evidence
    notes: list[str] = field(default_factory=list)

    @property
    def mean_effects(self) -> Array:
        """Metric with the vector minus metric without, mean over prompts, [doses]."""
        found: Array = (self.steered - self.plain).mean(1)
        return found

    @property
    def usable(self) -> list[bool]:
        """Which doses leave the perplexity of neutral text within bounds."""
        return within_bounds(self.effects_on_neutral)

    @property
    def monotone(self) -> float | None:
        """Spearman correlation of dose and mean metric over the usable doses and 0; None where these are fewer than
        three or the metric is the same at all."""
        x, y = self.usable_curve()
        found = ties.correlation(x, y, 0.0, self.noise) if len(x) > 2 else np.nan
        return found if np.isfinite(found) else None

    @property
    def slope(self) -> float:
        """Change of the mean metric for each unit of dose: least squares over the usable doses and 0."""
        x, y = self.usable_curve()
        return float(np.polyfit(x, y, 1)[0]) if len(x) > 1 else 0.0

    def usable_curve(self) -> tuple[Array, Array]:
        """Doses that neutral text survives, 0 among them, and the mean metric there."""
        points = [(0.0, float(self.plain.mean()))]
        points += [
            (dose, float(row.mean()))
            for dose, row, fine in zip(self.doses, self.steered, self.usable, strict=True)
            if fine
        ]
        x, y = np.array(sorted(points)).T
        return x, y


def analyse(
    model: LocalModel,
    source: Source,
    task: Task,
    args: SteerArgs,
    neutral_texts: Sequence[str],
    progress: Progress,
) -> Analysis:
    """Measure the vector and its controls at every dose."""
    import torch

    notes = list(source.notes)
    size = unit(model, task.prompts, neutral_texts, source.layer, args.max_rows)
    found_range = None
    if not (doses := args.steps):
        vector = size.size * source.direction.cpu()
        found_range = search(model, neutral_texts, vector, source.layer, progress)
        doses = found_range.doses
    scale = torch.tensor(doses) * size.size
    on_neutral = neutral.side_effects(
        model, neutral_texts, scale[:, None] * source.direction.cpu(), source.layer, progress
    )
    chosen, usable = choose(doses, on_neutral), within_bounds(on_neutral)
    random = isotropic(model.hidden_size, args.controls, args.seed)
    worst = max(on_neutral.perplexity[chosen], PERPLEXITY_MILD * on_neutral.unsteered)
    part = share(model, neutral_texts, scale[chosen] * random[:_TRIED], worst, source.layer)
    random = part * random
    name, rivals = EXCHANGED, source.exchanged
    if rivals is None:
        name = MIXTURES
        rivals = mixtures(model, task.prompts, source, args.controls, args.seed, progress)
    families = {RANDOM: random} if rivals is None else {RANDOM: random, name: rivals}
    beside = [members[:BESIDE] for members in families.values()]
    directions = torch.cat([source.direction[None].cpu(), *beside])
    # Row 0 is the unsteered run; then every dose of the vector, every dose of the first control, and so on.
    steps = torch.cat(
        [torch.zeros(1, model.hidden_size), *(scale[:, None] * d for d in directions)]
    )
    rows = (len(steps) + sum(len(each[BESIDE:]) for each in families.values())) * len(task.prompts)
    _foretell(model, task, args, rows, progress)
    with running(progress, "Steering: doses x directions x prompts", rows):
        scores, noise = _measured(
            model, task, steps, source.layer, args, notes, on_done=progress.advance
        )
        plain = scores[0]
        by_direction = scores[1:].reshape(len(directions), len(doses), -1)
        effect = by_direction[0, chosen] - plain
        means = (by_direction - plain).mean(-1)  # [directions, doses]
        found, grown = {}, {}
        start = 1
        for kind, members in families.items():
            found[kind] = means[start : start + len(members[:BESIDE])].T
            start += len(members[:BESIDE])

            def run(some: Tensor) -> Array:
                steps = scale[chosen] * some
                scores, _ = _measured(
                    model, task, steps, source.layer, args, notes, on_done=progress.advance
                )
                more: Array = (scores - plain).mean(-1)
                return more

            grown[kind] = grow(found[kind][chosen], members, float(effect.mean()), noise, run)
    compared = [
        family(kind, float(effect.mean()), effects, noise, part if kind == RANDOM else 1.0)
        for kind, effects in grown.items()
    ]
    evidence = Evidence(
        prompts=len(plain),
        usable=usable[chosen],
        searched=found_range is not None,
        dose=doses[chosen],
        effect=float(effect.mean()),
        interval=stats.mean_interval(effect, args.seed, noise),
        perplexity_ratio=on_neutral.perplexity[chosen] / on_neutral.unsteered,
        random=compared[0],
        in_distribution=compared[1] if len(compared) > 1 else None,
    )
    shown = task.prompts[:SHOWN]
    with running(progress, "Generations", (1 + len(doses)) * len(shown)):
        written = continuations(
            model,
            shown,
            steps[: 1 + len(doses)],
            source.layer,
            args.positions,
            args.max_tokens,
            temperature=args.temperature,
            seed=args.seed,
            max_rows=args.max_rows,
            on_done=progress.advance,
        )
    return Analysis(
        source=source,
        unit=size,
        range=found_range,
        doses=doses,
        plain=plain,
        steered=by_direction[0],
        families=found,
        grown=grown,
        instructed=_instructed(model, task, source.layer, args),
        effects_on_neutral=on_neutral,
        texts=written,
        repetition=[float(np.mean([neutral.distinct(ids) for ids in row])) for row in written],
        noise=noise,
        chosen=chosen,
        evidence=evidence,
        notes=notes,
    )


def choose(doses: Sequence[float], on_neutral: SideEffects) -> int:
    """Index of the largest dose above 0 at which the perplexity on neutral text is mild; where there is none, of the
    smallest above 0."""
    above = [i for i, dose in enumerate(doses) if dose > 0]
    mild = within_bounds(on_neutral, PERPLEXITY_MILD)
    fine = [i for i in above if mild[i]]
    return fine[-1] if fine else above[0]


def grow(
    few: Array, members: Tensor, effect: float, noise: float, run: Callable[[Tensor], Array]
) -> Array:
    """The effects of more controls, a portion at a time, until all are run or p can no longer reach the level: the
    answer that all of them would give, for less (curtailed; Besag & Clifford 1991).

    Args:
        few: effects of the first of them.
        members: all of them, [controls, hidden].
        effect: of the vector.
        run: their effects.
    """
    while len(few) < len(members):
        if (1 + _reached(few, effect, noise)) > stats.LEVEL * (1 + len(members)):
            break
        few = np.concatenate([few, run(members[len(few) : len(few) + BESIDE])])
    return few


def _foretell(
    model: LocalModel, task: Task, args: SteerArgs, rows: int, progress: Progress
) -> None:
    length = max(len(model.ids(prompt)) for prompt in task.prompts)
    new = args.max_tokens if task.metric == "words" else 0
    forecast(
        model,
        "the dose-response",
        rows * (length + new),
        progress,
        at_once=min(rows, args.max_rows) * length,
    )


def _measured(
    model: LocalModel,
    task: Task,
    steps: Tensor,
    layer: int,
    args: SteerArgs,
    notes: list[str],
    on_done: Callable[[int], None] = lambda _: None,
) -> tuple[Array, float]:
    """The metric [conditions, prompts] of every row of ``steps``, and what rounding alone may change it by."""
    if task.metric != "words":
        scorer, dtype, noise = task.scorer(), model.dtype, [0.0]

        def score(logits: Tensor, which: Tensor) -> Tensor:
            noise.append(ties.noise(dtype, logits))
            return scorer(logits, which)

        found = next_token(
            model,
            task.prompts,
            steps,
            layer,
            args.positions,
            score,
            max_rows=args.max_rows,
            on_done=on_done,
            on_halved=noting(notes),
        )
        return np.asarray(found.numpy(), dtype=np.float64), max(noise)
    written = continuations(
        model,
        task.prompts,
        steps,
        layer,
        args.positions,
        args.max_tokens,
        temperature=args.temperature,
        seed=args.seed,
        max_rows=args.max_rows,
        on_done=on_done,
        on_halved=noting(notes),
    )
    # A text has a word or has none: there is nothing to round.
    return np.array(
        [[task.has_word(model.tokenizer.decode(ids)) for ids in row] for row in written]
    ), 0.0


def _instructed(model: LocalModel, task: Task, layer: int, args: SteerArgs) -> Array | None:
    """The prompt baseline: the metric [prompts] without steering, the instruction written before each prompt."""
    import torch

    if args.instruction is None:
        return None
    same = replace(task, prompts=[told(model, args.instruction, each) for each in task.prompts])
    zero = torch.zeros(1, model.hidden_size)
    (found, *_), _ = _measured(model, same, zero, layer, args, [])
    return np.asarray(found)


def family(name: str, effect: float, controls: Array, noise: float, norm: float = 1.0) -> Family:
    """How many of the controls move the metric at least as much, either way."""
    strongest = float(controls[ties.first(np.abs(controls), noise)])
    return Family(name, len(controls), _reached(controls, effect, noise), strongest, norm)


def _reached(controls: Array, effect: float, noise: float) -> int:
    return int(ties.reaches(np.abs(controls), effect, noise).sum())
