"""From a steering experiment to what a person, a receipt and a re-run need: headline, values, table, artifacts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from gadfly.errors import ToolInputError
from gadfly.tools import figures, scripting, stats, telling, ties, vectors
from gadfly.tools.checkpoints import of_demo
from gadfly.tools.contract import Context, Control, Figure, Table
from gadfly.tools.generating import check_length, row_seed, stop_ids
from gadfly.tools.given import lines_of
from gadfly.tools.model import LocalModel
from gadfly.tools.rows import special_ids
from gadfly.tools.steering import neutral, task
from gadfly.tools.steering.analysis import SHOWN, Analysis, analyse
from gadfly.tools.steering.arguments import SteerArgs, SteerResult
from gadfly.tools.steering.source import from_contrast, from_vector
from gadfly.tools.steering.task import Task
from gadfly.tools.steering.verdict import PERPLEXITY_LIMIT, judge

_TOLD = 3  # prompts whose continuations are in the result itself; the rest is an artifact
_ROWS = 24
_NONE = "no prompt has a token that is neither special nor its first"
_MEANINGS = {
    "instruction": "asking in words moves the metric as much; no vector is needed",
    "perplexity_ratio": f"above {PERPLEXITY_LIMIT:g} the vector breaks unrelated text, and its effect means little",
}
# In a legend, by the first letter of a family of controls.
_SHORT = {"r": "random", "d": "exchanged labels", "i": "in-distribution"}
# In the head of a column: words so short that all columns stand in the 80 of a terminal.
_HEADS = {"r": "random 95 %", "d": "swapped labels 95 %", "i": "usual mixes 95 %"}


def run(args: SteerArgs, context: Context) -> SteerResult:
    """The whole experiment. Cheap checks of the arguments come before the model is loaded."""
    contrast, asked = task.given(args)
    unrelated = given_neutral(args)
    model = context.model(args)
    work = task.build(model, args, asked)
    check_length(model, model.batch(work.prompts), args.max_tokens)
    if contrast is None:
        source = from_vector(model, str(args.vector), args.layer)
    else:
        source = from_contrast(
            model, contrast, args.layer, args.position, args.controls, args.seed, context.progress
        )
    unrelated = unrelated or neutral.packaged(demo=of_demo(args.model))
    a = analyse(model, source, work, args, neutral.checked(model, unrelated), context.progress)
    e, i, on_neutral = a.evidence, a.chosen, a.effects_on_neutral
    verdict, why = judge(e)
    folder = context.artifacts()
    _save(folder, a, work, model)
    inside = e.in_distribution
    rivals = [e.random, *([inside] if inside else [])]
    strongest = rivals[ties.first([abs(f.strongest) for f in rivals], a.noise)]
    count = sum(each.count for each in rivals)
    return SteerResult(
        headline=(
            f"Adding the vector after layer {source.layer} at dose {e.dose:.2g} moves the {work.name} by "
            f"{e.effect:+.3g} {e.interval:.3g}, from {a.plain.mean():.3g} to {a.steered[i].mean():.3g} "
            f"({e.prompts} prompts); of {count} controls the strongest moves it by "
            f"{strongest.strongest:+.3g}, and perplexity on neutral text is {e.perplexity_ratio:.2g} times the "
            "unsteered one."
        ),
        verdict=verdict,
        why=why,
        # All at the chosen dose, if not said otherwise.
        values=telling.values(
            effect=(e.effect, e.interval),
            dose=e.dose,
            controls=count,
            layer=source.layer,
            unsteered=a.plain.mean(),
            steered=a.steered[i].mean(),
            prompts=e.prompts,
            p_random=e.random.p,
            strongest_random=e.random.strongest,
            norm_random=e.random.share,
            perplexity_ratio=e.perplexity_ratio,
            perplexity_unsteered=on_neutral.unsteered,
            perplexity_steered=on_neutral.perplexity[i],
            kl=on_neutral.kl[i],
            distinct_unsteered=a.repetition[0],
            distinct_steered=a.repetition[1 + i],
            slope=a.slope,
            monotone=a.monotone,
            unit=a.unit.size,
            doubling_dose=a.range.breaks if a.range else None,
            p_in_distribution=None if inside is None else inside.p,
            strongest_in_distribution=None if inside is None else inside.strongest,
            instruction_effect=None if a.instructed is None else (a.instructed - a.plain).mean(),
        ),
        controls=_controls(a, args.seed),
        table=_table(a, args.seed),
        figures=_figures(folder, a, work, args, model),
        notes=work.notes + a.notes + _notes(a, work),
        reproduce=_script(model, args, work, a, str(folder)),
        direction=str(folder / "direction.safetensors"),
        generations_file=str(folder / "generations.jsonl"),
        generations=_generations(a, work, model)[: _TOLD * 3],
    )


def given_neutral(args: SteerArgs) -> list[str] | None:
    """The neutral texts that the user gave, as they stand.

    Raises:
        ToolInputError: a file without any.
    """
    if args.neutral_file is None:
        return args.neutral
    lines = [line for line in lines_of(args.neutral_file) if line.strip()]
    if not lines:
        raise ToolInputError(f"{args.neutral_file} is empty; write one neutral text a line")
    return lines


def _controls(a: Analysis, seed: int) -> list[Control]:
    meanings, families = dict(_MEANINGS), {}
    for name in a.families:
        here, key = a.grown[name], name.replace(" ", "_").replace("-", "_")
        kind = "of this size" if name.startswith("random") else "along usual activations"
        families[key] = here.mean(), np.percentile(here, [2.5, 97.5])
        meanings[key] = (
            f"any push {kind} does it, whatever the vector stands for; interval: of single directions"
        )
    instruction = None
    if a.instructed is not None:
        effect = a.instructed - a.plain
        instruction = effect.mean(), stats.mean_interval(effect, seed, a.noise)
    return telling.controls(
        meanings, **families, instruction=instruction, perplexity_ratio=a.evidence.perplexity_ratio
    )


def _table(a: Analysis, seed: int) -> Table:
    """A row for each dose, and the unsteered run, dose 0, at its place among them: effects, 95 % of each kind of
    controls, and what neutral text and continuations suffer. The metric itself is in ``doses.json``."""
    zero, neutral_text = sum(dose < 0 for dose in a.doses), a.effects_on_neutral
    effects = a.steered - a.plain
    intervals = [stats.mean_interval(effect, seed, a.noise) for effect in effects]
    marks = ["" if fine else "breaks text" for fine in a.usable]
    marks[a.chosen] = "chosen"
    families = {
        _HEADS[name[0]]: [None, *telling.ends(np.percentile(rows, [2.5, 97.5], axis=1).T, ".3g")]
        for name, rows in a.families.items()
    }
    # The unsteered run first, then put where it belongs.
    columns: dict[str, Sequence[telling.Cell]] = {
        "dose": telling.column([0.0, *a.doses], 4),
        "effect": telling.column([0.0, *effects.mean(1)], 4),
        "effect 95 %": [None, *telling.ends(intervals, ".3g")],
        **families,
        "PPL": telling.column([neutral_text.unsteered, *neutral_text.perplexity], 3),
        "KL": telling.column([0.0, *neutral_text.kl], 4),
        "unique bigrams": telling.column(a.repetition, 3),
        "": [None, *marks],
    }
    order = [*range(1, zero + 1), 0, *range(zero + 1, len(a.doses) + 1)]
    return telling.table(columns, order[:_ROWS], total=len(order))


def _notes(a: Analysis, work: Task) -> list[str]:
    on = f" of the neutral texts, because {_NONE}" if a.unit.texts else ""
    notes = [
        f"unit: {a.unit.size:.3g} (median residual norm after layer {a.source.layer}{on}; "
        "each text's first token and special tokens left out)"
    ]
    if a.range is not None:
        notes.append(str(a.range))
    if a.evidence.usable and (last := len(a.doses) - 1) > a.chosen:
        notes.append(
            f"at dose {a.doses[last]:.2g} the effect is {a.mean_effects[last]:+.3g}, and perplexity on neutral text "
            f"{a.effects_on_neutral.perplexity[last] / a.effects_on_neutral.unsteered:.3g} times the unsteered one"
        )
    if a.instructed is not None and ties.reaches(
        abs((a.instructed - a.plain).mean()), abs(a.evidence.effect), a.noise
    ):
        notes.append("the instruction moves the metric at least as much as the vector does")
    rank = a.monotone
    if rank is not None and rank < 0.9 and a.evidence.interval.above(0):
        notes.append(
            f"the dose-response is not monotonic over the usable doses (rank correlation {rank:.2f})"
        )
    if len(set(work.prompts)) < len(work.prompts):
        notes.append("some prompts occur more than once; intervals take them as different")
    return notes


def _generations(a: Analysis, work: Task, model: LocalModel) -> list[dict[str, str | float]]:
    """Continuations of the first prompts: unsteered, at the chosen dose, and at its opposite where it was run."""
    opposite = [i for i, dose in enumerate(a.doses) if abs(dose + a.evidence.dose) < 1e-9]
    rows = [(0.0, 0), (a.doses[a.chosen], 1 + a.chosen)]
    rows += [(a.doses[i], 1 + i) for i in opposite]
    return [
        {"prompt": prompt, "dose": dose, "text": model.tokenizer.decode(a.texts[row][number])}
        for number, prompt in enumerate(work.prompts[:SHOWN])
        for dose, row in rows
    ]


def _save(folder: Path, a: Analysis, work: Task, model: LocalModel) -> None:
    """The direction, every measured number, and all continuations."""
    note = f"steer: from {a.source.origin}; unit of doses {a.unit.size:.6g}"
    found = vectors.Vector(a.source.direction, a.source.layer, "residual", model.weights, note)
    vectors.save(folder / "direction.safetensors", found)
    curve = {
        "metric": work.name,
        "doses": a.doses,
        "prompts": work.prompts,
        "unsteered": a.plain.tolist(),
        "steered": a.steered.tolist(),
        "controls": {name: effects.tolist() for name, effects in a.families.items()},
        "controls_at_the_dose_read": {name: effects.tolist() for name, effects in a.grown.items()},
        "perplexity": a.effects_on_neutral.perplexity,
        "kl": a.effects_on_neutral.kl,
    }
    (folder / "doses.json").write_text(json.dumps(curve), encoding="utf-8")
    with (folder / "generations.jsonl").open("w", encoding="utf-8") as file:
        for dose, row in zip([0.0, *a.doses], a.texts, strict=True):
            for prompt, ids in zip(work.prompts, row, strict=False):
                line = {"prompt": prompt, "dose": dose, "text": model.tokenizer.decode(ids)}
                file.write(json.dumps(line) + "\n")


def _figures(
    folder: Path, a: Analysis, work: Task, args: SteerArgs, model: LocalModel
) -> list[Figure]:
    subject = args.task or (Path(args.vector).name if args.vector else args.subject())
    zero = sum(dose < 0 for dose in a.doses)
    x = [*a.doses[:zero], 0.0, *a.doses[zero:]]
    metric = np.insert(a.steered, zero, a.plain, axis=0)
    intervals = [stats.mean_interval(row, args.seed, a.noise)[:2] for row in metric]
    lines = [figures.Line("the vector", x, metric.mean(1), intervals)]
    for name, effects in a.families.items():
        rows = np.insert(effects, zero, 0.0, axis=0) + float(a.plain.mean())
        band = np.percentile(rows, [2.5, 97.5], axis=1).T
        lines.append(figures.Line(_SHORT[name[0]], x, rows.mean(1), band))
    levels = []
    if a.instructed is not None:
        levels.append(figures.Level("instruction", float(a.instructed.mean())))
    chart = figures.Chart(
        f"Steering {subject} in {telling.short_name(model)}, layer {a.source.layer}",
        f"dose (unit: {a.unit.size:.3g}, the median residual norm)",
        work.name,
        lines,
        levels,
        marked=a.evidence.dose,
    )
    return [figures.draw(folder, "steer", chart)]


def _script(model: LocalModel, args: SteerArgs, work: Task, a: Analysis, folder: str) -> str:
    """Recomputes the effect at the chosen dose over all prompts, with the whole text again at every token."""
    prompts = [
        {"ids": model.ids(prompt), "towards": up, "away": down, "seed": row_seed(args.seed, i)}
        for i, (prompt, up, down) in enumerate(
            zip(work.prompts, work.towards, work.away, strict=True)
        )
    ]
    return scripting.script(
        model,
        "steering",
        folder=folder,
        layer=a.source.layer,
        positions=args.positions,
        metric=work.metric,
        dose=a.evidence.dose,
        unit=a.unit.size,
        unit_texts=[model.ids(text) for text in a.unit.texts],
        special=sorted(special_ids(model)),
        words=work.words,
        max_tokens=args.max_tokens,
        temperature=args.temperature,
        stops=sorted(stop_ids(model)),
        prompts=prompts,
        expected=a.evidence.effect,
    )
