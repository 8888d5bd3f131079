"""From an ablation experiment to what a person, a receipt and a re-run need: headline, values, table, artifacts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from gadfly.errors import ToolInputError
from gadfly.tools import figures, scripting, stats, telling, ties, vectors
from gadfly.tools.ablation.analysis import Analysis, Directional, Group, Subject, analyse
from gadfly.tools.ablation.arguments import AblateArgs, AblateResult
from gadfly.tools.ablation.components import chosen, name_of
from gadfly.tools.ablation.fill import donors
from gadfly.tools.ablation.verdict import judge
from gadfly.tools.arrays import Array
from gadfly.tools.contract import Context, Figure, Table
from gadfly.tools.demo.behaviours import Behaviour
from gadfly.tools.metrics import title
from gadfly.tools.model import LocalModel
from gadfly.tools.patching.pairs import Prepared, PromptPair, of_task, prepare
from gadfly.tools.records import read
from gadfly.tools.steering.source import load_for, origin_notes

_ROWS = 12
_FAMILY = "taking out anything of this kind and size does as much; interval: of single ones"
_MEANINGS = {
    "unchanged": "replacing activations by themselves: anything but 0 is a fault of the measurement",
    "gap": "clean minus corrupt on the metric: at 0 there is no behaviour to remove",
    "clean_accuracy": "at 0.5 the model does not know the answer",
}
_VERB = {"zero": "Zero-ablating", "mean": "Mean-ablating", "resample": "Resample-ablating"}


def run(args: AblateArgs, context: Context) -> AblateResult:
    """The whole experiment. Cheap checks of the arguments come before the model is loaded."""
    pairs, reference, notes = _prompts(args)
    model = context.model(args)
    subject, told = _subject(model, args)
    prepared = prepare(model, pairs)
    a = analyse(model, prepared, subject, reference, args, context.progress)
    e, gap = a.evidence, a.runs.gap.mean()
    verdict, why = judge(e)
    folder = context.artifacts()
    _save(folder, a, subject, model)
    strongest: dict[str, float] = {}
    for family in e.families:
        key = _key(family.name)
        strongest[f"strongest_of_{key}"] = family.strongest
        strongest[f"p_{key}"] = family.p
        strongest[f"count_of_{key}"] = family.count
    families: dict[str, telling.Measured] = {}
    for group in a.groups:
        if len(group.members):
            effects = _effects(a, group)
            families[_key(group.name)] = effects.mean(), np.percentile(effects, [2.5, 97.5])
    return AblateResult(
        headline=_headline(a, args, subject),
        verdict=verdict,
        why=why,
        # Effects are shares of the difference between clean and corrupt.
        values=telling.values(
            effect=(e.effect, e.interval),
            pairs=e.pairs,
            **strongest,
            gap=(gap, e.gap),
            clean_metric=a.runs.clean.mean(),
            ablated_metric=(a.runs.clean - a.change).mean(),
            corrupt_metric=a.runs.corrupt.mean(),
            clean_accuracy=a.clean_right.mean(),
            unchanged=e.unchanged,
            variance_share=a.variance,
        ),
        controls=telling.controls(
            {**dict.fromkeys(families, _FAMILY), **_MEANINGS},
            **families,
            unchanged=e.unchanged,
            gap=(gap, e.gap),
            clean_accuracy=(a.clean_right.mean(), e.right),
        ),
        table=_table(a, subject, args.seed),
        figures=_figures(folder, a, subject, args, model),
        notes=[*notes, *told, *prepared.notes, *a.notes],
        reproduce=_script(model, args, prepared, subject, reference, str(folder), e.effect),
    )


def _prompts(args: AblateArgs) -> tuple[list[PromptPair], list[str], list[str]]:
    """Pairs to measure, reference prompts, and notes. Reference prompts are never measured."""
    notes: list[str] = []
    resampled = args.fill != "zero" and args.reference is None
    spare: list[str] = []

    def drawn(task: Behaviour) -> list[PromptPair]:
        more = args.n_reference if resampled else 2
        made = of_task(task, args.n + more, args.seed)
        spare.extend(prompt for p in made[args.n :] for prompt in (p.clean, p.corrupt))
        return made[: args.n]

    pairs = read(args, PromptPair, drawn)
    measured = {p.clean for p in pairs}
    if not spare and resampled:
        notes.append(
            "no reference prompts were given: the corrupt prompts, which are not measured, took their place"
        )
    reference = [p for p in spare or [p.corrupt for p in pairs] if p not in measured]
    if args.reference is not None:
        reference = args.reference
        if measured & set(reference):
            notes.append("some reference prompts are measured as well")
    if not reference:
        raise ToolInputError(
            "no reference prompts: every corrupt prompt is a clean one too, and is measured; give others as reference "
            "(--reference '[\"a prompt\", ...]')"
        )
    return pairs, list(dict.fromkeys(reference)), notes


def _subject(model: LocalModel, args: AblateArgs) -> tuple[Subject, list[str]]:
    if args.component != "direction":
        return chosen(model, args.component, args.layers, args.heads), []
    reference = str(args.vector)
    vector = load_for(model, reference)
    for layer in args.layers or []:
        model.check_layer(layer)
    layers = sorted(set(args.layers)) if args.layers else list(range(model.num_layers))
    notes = origin_notes(model, vector, reference)
    home = vector.layer if 0 <= vector.layer < model.num_layers else layers[0]
    return Directional(vector.direction, layers, home), notes


def _name(subject: Subject) -> str:
    if not isinstance(subject, Directional):
        return name_of(subject)
    layers = subject.layers
    if len(layers) == 1:
        return f"the direction after layer {layers[0]}"
    whole = layers == list(range(layers[0], layers[-1] + 1))
    told = f"{layers[0]} to {layers[-1]}" if whole else ", ".join(map(str, layers))
    return f"the direction after layers {told}"


def _key(family: str) -> str:
    return family.replace(" ", "_").lower()


def _headline(a: Analysis, args: AblateArgs, subject: Subject) -> str:
    e = a.evidence
    metric = title(args.metric)
    if not e.has_gap:
        return (
            f"Clean and corrupt differ by {e.gap_mean:.3g} {e.gap:.3g} in {metric} "
            f"({telling.count(e.pairs, 'pair')}): there is no behaviour to remove."
        )
    verb = _VERB[args.fill]
    if args.component == "direction" and args.fill == "zero":
        verb = "Projecting out"
    rivals = "; ".join(
        f"of {f.count} {f.name} the strongest removes {f.strongest:.2f}" for f in e.families
    )
    return (
        f"{verb} {_name(subject)} removes {e.effect:.2f} {e.interval:.2f} of the {metric} "
        f"between clean and corrupt ({telling.count(e.pairs, 'pair')})"
        + (f"; {rivals}." if rivals else ".")
    )


def _effects(a: Analysis, group: Group) -> Array:
    """Mean effect of each control, [controls]."""
    bottom = float(a.runs.gap.mean()) or 1.0
    found: Array = group.change.mean(1) / bottom
    return found


def _table(a: Analysis, subject: Subject, seed: int) -> Table:
    """The subject and the strongest controls; all are in an artifact."""
    rivals = [
        (name, group.name, row)
        for group in a.groups
        for name, row in zip(group.members, group.change, strict=True)
    ]
    order = ties.ranking([row.mean() for _, _, row in rivals], a.noise)
    everything = [(_name(subject), "tested", a.change), *(rivals[i] for i in order)]
    names, kinds, changes = zip(*everything[:_ROWS], strict=True)
    intervals = stats.ratio_intervals(np.stack(changes), a.runs.gap, seed)
    columns: dict[str, Sequence[telling.Cell]] = {
        "ablated": names,
        "": kinds,
        "effect": telling.column(map(a.effect_of, changes), 4),
        "interval": telling.ends(intervals, ".2f"),
    }
    return telling.table(columns, total=len(everything))


def _save(folder: Path, a: Analysis, subject: Subject, model: LocalModel) -> None:
    if isinstance(subject, Directional):
        found = vectors.Vector(subject.direction, subject.home, "residual", model.weights, "ablate")
        vectors.save(folder / "direction.safetensors", found)
    data = {
        "clean": a.runs.clean.tolist(),
        "corrupt": a.runs.corrupt.tolist(),
        "ablated": (a.runs.clean - a.change).tolist(),
        "controls": {
            g.name: dict(zip(g.members, _effects(a, g).tolist(), strict=True)) for g in a.groups
        },
    }
    (folder / "ablation.json").write_text(json.dumps(data), encoding="utf-8")


def _figures(
    folder: Path, a: Analysis, subject: Subject, args: AblateArgs, model: LocalModel
) -> list[Figure]:
    lines = []
    for group in a.groups:
        if not len(group.members):
            continue
        order = ties.ranking(group.change.mean(1), a.noise)
        intervals = stats.ratio_intervals(group.change[order], a.runs.gap, args.seed)
        ranks = range(1, len(order) + 1)
        lines.append(figures.Line(group.name, ranks, _effects(a, group)[order], intervals))
    if not lines:
        return []
    chart = figures.Chart(
        f"Ablating {_name(subject)} ({args.fill}): {args.subject()} in {telling.short_name(model)}",
        "controls, strongest first",
        "effect (share of clean − corrupt)",
        lines,
        [figures.Level("this one", a.evidence.effect)],
    )
    return [figures.draw(folder, "ablate", chart)]


def _script(
    model: LocalModel,
    args: AblateArgs,
    prepared: Prepared,
    subject: Subject,
    reference: Sequence[str],
    folder: str,
    expected: float,
) -> str:
    """Recomputes the effect over all pairs: it reads the reference prompts again, makes the replacement anew, and runs
    one forward a prompt."""
    batch = model.batch(reference)
    row, column = donors(prepared.clean, batch, args.seed)
    width, other = prepared.clean.ids.shape[1], batch.ids.shape[1]
    listed = []
    clean, corrupt, others = prepared.clean.rows, prepared.corrupt.rows, batch.rows
    for i, ids in enumerate(clean):
        item: dict[str, object] = {"clean": ids, "corrupt": corrupt[i]}
        item |= {"answer": int(prepared.answer[i]), "wrong": int(prepared.wrong[i])}
        if args.fill == "resample":
            donor = int(row[i, -1])
            item["donor"] = others[donor]
            padding = other - len(others[donor])
            item["takes"] = [int(c) - padding for c in column[i, width - len(ids) :]]
        listed.append(item)
    if isinstance(subject, Directional):
        parts: list[tuple[str, int, int]] = [("residual", layer, -1) for layer in subject.layers]
    else:
        parts = [(part.kind, part.layer, part.head) for part in subject]
    return scripting.script(
        model,
        "ablation",
        metric_function=scripting.metric_function(args.metric),
        folder=folder,
        how=args.fill,
        heads=model.heads if args.component == "head" else 1,
        parts=parts,
        pairs=listed,
        reference=others if args.fill == "mean" else [],
        expected=expected,
    )
