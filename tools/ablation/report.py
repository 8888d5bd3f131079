"""From an ablation experiment to what a person, a receipt and a re-run need: headline, values, table, artifacts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from gadfly.errors import ToolInputError
from gadfly.tools import curves, stats, ties, vectors
from gadfly.tools.ablation import AblateArgs, AblateResult
from gadfly.tools.ablation.analysis import Analysis, Directional, Group, Settings, Subject, analyse
from gadfly.tools.ablation.components import check_layer, chosen, name_of
from gadfly.tools.ablation.script import script
from gadfly.tools.ablation.verdict import judge
from gadfly.tools.contract import Context, Control, Figure, Table
from gadfly.tools.metrics import title
from gadfly.tools.patching.pairs import PromptPair, prepare
from gadfly.tools.records import checked, read_records
from gadfly.tools.steering.source import load_for, origin_notes

if TYPE_CHECKING:
    from gadfly.tools.model import LocalModel
    from gadfly.tools.stats import Array

_ROWS = 12
_VERB = {"zero": "Zero-ablating", "mean": "Mean-ablating", "resample": "Resample-ablating"}


def run(args: AblateArgs, context: Context) -> AblateResult:
    """The whole experiment. Cheap checks of the arguments come before the model is loaded."""
    pairs, reference, notes = _prompts(args)
    model = context.model(args)
    subject, told = _subject(model, args)
    prepared = prepare(model, pairs)
    settings = Settings(args.fill, args.metric, args.controls, args.max_rows, args.seed)
    a = analyse(model, prepared, subject, reference, settings, context.progress)
    verdict, why = judge(a.evidence)
    folder = context.artifacts()
    _save(folder, a, subject, model)
    return AblateResult(
        headline=_headline(a, args, subject),
        verdict=verdict,
        why=why,
        values=_values(a),
        controls=_controls(a),
        table=_table(a, subject, args.seed),
        figures=_figures(folder, a, subject, args, model),
        notes=[*notes, *told, *a.notes],
        reproduce=script(
            model, args, pairs, prepared, subject, reference, str(folder), a.evidence.effect
        ),
    )


def _prompts(args: AblateArgs) -> tuple[list[PromptPair], list[str], list[str]]:
    """Pairs to measure, reference prompts, and notes. Reference prompts are never measured."""
    notes: list[str] = []
    if args.behaviour is not None:
        from gadfly.tools.demo.behaviours import behaviour

        more = args.n_reference if args.fill != "zero" and args.reference is None else 2
        drawn = behaviour(args.behaviour).pairs(args.n + more, args.seed)
        pairs = [
            PromptPair(clean=p.clean, corrupt=p.corrupt, answer=p.answer, wrong=p.wrong)
            for p in drawn[: args.n]
        ]
        measured = {p.clean for p in pairs}
        other = [prompt for p in drawn[args.n :] for prompt in (p.clean, p.corrupt)]
        reference = [prompt for prompt in other if prompt not in measured]
    else:
        if args.pairs_file is not None:
            pairs = read_records(args.pairs_file, PromptPair)
        else:
            pairs = [
                checked(PromptPair, item, f"pair {number}: ")
                for number, item in enumerate(args.pairs or [], 1)
            ]
        measured = {p.clean for p in pairs}
        reference = [p.corrupt for p in pairs if p.corrupt not in measured]
        if args.fill != "zero" and args.reference is None:
            notes.append(
                "no reference prompts were given: the corrupt prompts, which are not measured, took their place"
            )
    if args.reference is not None:
        reference = args.reference
        if measured & set(reference):
            notes.append("some reference prompts are measured as well")
    if not reference:
        raise ToolInputError(
            "no reference prompts: the corrupt prompts are all measured; give reference"
        )
    return pairs, list(dict.fromkeys(reference)), notes


def _subject(model: LocalModel, args: AblateArgs) -> tuple[Subject, list[str]]:
    if args.component != "direction":
        return chosen(model, args.component, args.layers, args.heads), []
    reference = str(args.vector)
    vector = load_for(model, reference)
    for layer in args.layers or []:
        check_layer(model, layer)
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


def _values(a: Analysis) -> dict[str, float]:
    """The numbers that a receipt may cite. Effects are shares of the difference between clean and corrupt."""
    e = a.evidence
    # What the headline speaks of comes first: a number that two fields share is cited as the first of them.
    values = {
        "effect": e.effect,
        "effect_low": e.interval.low,
        "effect_high": e.interval.high,
        "pairs": float(e.pairs),
    }
    for family in e.families:
        key = family.name.replace(" ", "_").lower()
        values[f"strongest_of_{key}"] = family.strongest
        values[f"p_{key}"] = family.p
        values[f"count_of_{key}"] = float(family.count)
    values |= {
        "gap": float(a.runs.gap.mean()),
        "gap_low": e.gap.low,
        "gap_high": e.gap.high,
        "clean_metric": float(a.runs.clean.mean()),
        "ablated_metric": float((a.runs.clean - a.change).mean()),
        "corrupt_metric": float(a.runs.corrupt.mean()),
        "clean_accuracy": float(a.clean_right.mean()),
        "unchanged": e.unchanged,
    }
    if a.variance is not None:
        values["variance_share"] = a.variance
    return {name: round(value, 6) for name, value in values.items()}


def _headline(a: Analysis, args: AblateArgs, subject: Subject) -> str:
    e = a.evidence
    metric = title(args.metric)
    if not e.has_gap:
        return (
            f"Clean and corrupt differ by {a.runs.gap.mean():.3g} [{e.gap.low:.3g}, {e.gap.high:.3g}] in {metric} "
            f"({e.pairs} pairs): there is no behaviour to remove."
        )
    verb = _VERB[args.fill]
    if args.component == "direction" and args.fill == "zero":
        verb = "Projecting out"
    rivals = "; ".join(
        f"of {f.count} {f.name} the strongest removes {f.strongest:.2f}" for f in e.families
    )
    return (
        f"{verb} {_name(subject)} removes {e.effect:.2f} [{e.interval.low:.2f}, {e.interval.high:.2f}] of the {metric} "
        f"between clean and corrupt ({e.pairs} pairs)" + (f"; {rivals}." if rivals else ".")
    )


def _effects(a: Analysis, group: Group) -> Array:
    """Mean effect of each control, [controls]."""
    bottom = float(a.runs.gap.mean()) or 1.0
    found: Array = group.change.mean(1) / bottom
    return found


def _controls(a: Analysis) -> list[Control]:
    e = a.evidence
    shown = []
    for group in a.groups:
        if not len(group.members):
            continue
        effects = _effects(a, group)
        low, high = np.percentile(effects, [2.5, 97.5])
        shown.append(
            Control(
                name=group.name.replace(" ", "_").lower(), value=float(effects.mean()),
                interval=(float(low), float(high)),
                meaning="taking out anything of this kind and size does as much; interval: of single ones",
            )
        )  # fmt: skip
    shown += [
        Control(
            name="unchanged", value=e.unchanged,
            meaning="replacing activations by themselves: anything but 0 is a fault of the measurement",
        ),
        Control(
            name="gap", value=float(a.runs.gap.mean()), interval=(e.gap.low, e.gap.high),
            meaning="clean minus corrupt on the metric: at 0 there is no behaviour to remove",
        ),
        Control(
            name="clean_accuracy", value=float(a.clean_right.mean()), interval=(e.right.low, e.right.high),
            meaning="at 0.5 the model does not know the answer",
        ),
    ]  # fmt: skip
    return shown


def _table(a: Analysis, subject: Subject, seed: int) -> Table:
    """The subject and the strongest controls; all are in an artifact."""
    rivals = [
        (name, group.name, row)
        for group in a.groups
        for name, row in zip(group.members, group.change, strict=True)
    ]
    order = ties.ranking([row.mean() for _, _, row in rivals], a.noise)
    everything = [(_name(subject), "tested", a.change), *(rivals[i] for i in order)]
    rows: list[list[str | int | float | None]] = []
    for name, kind, change in everything[:_ROWS]:
        low, high = stats.ratio_intervals(change[None], a.runs.gap, seed)[0]
        rows.append([name, kind, round(a.effect_of(change), 4), f"{low:.2f} … {high:.2f}"])
    return Table(columns=["ablated", "", "effect", "interval"], rows=rows, total=len(everything))


def _save(folder: Path, a: Analysis, subject: Subject, model: LocalModel) -> None:
    if isinstance(subject, Directional):
        vectors.save(
            folder / "direction.safetensors",
            vectors.Vector(
                subject.direction, subject.home, "residual", str(model.fingerprint["weights"]), "ablate"
            ),
        )  # fmt: skip
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
        ends = stats.ratio_intervals(group.change[order], a.runs.gap, args.seed)
        # Two words keep the legend within its margin.
        short = group.name.removeprefix("directions of ").replace(
            "attention and MLP outputs", "parts"
        )
        lines.append(
            curves.Line(
                short, list(range(1, len(order) + 1)), _effects(a, group)[order].tolist(),
                [(float(low), float(high)) for low, high in ends],
            )
        )  # fmt: skip
    if not lines:
        return []
    prompts = args.behaviour or "the given pairs"
    title = f"Ablating {_name(subject)} ({args.fill}): {prompts} in {Path(model.name).name}"
    levels = [curves.Level("this one", a.evidence.effect)]
    chart = curves.Chart(
        title, "controls, strongest first", "effect (share of clean − corrupt)", lines, levels
    )
    png, html = curves.draw(folder, "ablate", chart)
    return [Figure(title=title, png=str(png), html=str(html))]
