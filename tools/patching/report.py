"""From a patching experiment to what a person, a receipt and a re-run need: headline, values, table, artifacts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gadfly.tools import figures, telling, ties
from gadfly.tools.contract import Context, Control, Figure, Table
from gadfly.tools.metrics import title
from gadfly.tools.patching.analysis import Analysis, Settings, analyse
from gadfly.tools.patching.arguments import PatchArgs, PatchResult
from gadfly.tools.patching.pairs import PromptPair, of_task, prepare
from gadfly.tools.patching.script import script
from gadfly.tools.patching.sites import HEADS, part_label, ports
from gadfly.tools.patching.verdict import judge
from gadfly.tools.records import read

if TYPE_CHECKING:
    from gadfly.tools.model import LocalModel
    from gadfly.tools.patching.effects import Effects
    from gadfly.tools.stats import Array

_ROWS = 12
_MEANINGS = {
    "placebo": "any activation there would do; this one carries nothing particular",
    "self_patch": "patching a run into itself: anything but 0 is a fault of the measurement",
    "gap": "clean minus corrupt on the metric: at 0 there is no behaviour to explain",
    "clean_accuracy": "at 0.5 the model does not know the answer",
}


def run(args: PatchArgs, context: Context) -> PatchResult:
    """The whole experiment. Cheap checks of the arguments come before the model is loaded."""
    pairs = read(args, PromptPair, lambda task: of_task(task, args.n, args.seed))
    model = context.model(args)
    settings = Settings(
        site=args.site,
        metric=args.metric,
        denoising=args.direction in ("denoising", "both"),
        noising=args.direction in ("noising", "both"),
        layers=_layers(args.layers, model),
        max_rows=args.max_rows,
        seed=args.seed,
        through=tuple(args.through or ()),
        method=args.method,
        check=args.check,
    )
    prepared = prepare(model, pairs, by=_by(args, pairs, model), parts=_parts(args, model))
    analysis = analyse(model, prepared, settings, context.progress)
    verdict, why = judge(analysis.evidence)
    folder = context.artifacts()
    _save(folder, analysis, args)
    values = _values(analysis)
    return PatchResult(
        headline=_headline(analysis, args, values),
        verdict=verdict,
        why=why,
        values=values,
        controls=_controls(analysis),
        table=_table(analysis),
        figures=_figures(folder, analysis, args, model),
        notes=[*analysis.notes, *_about_estimate(analysis, args)],
        reproduce="" if args.through else script(model, args, pairs, analysis),
    )


def _layers(wanted: list[int] | None, model: LocalModel) -> list[int]:
    if wanted is None:
        return list(range(model.num_layers))
    for layer in wanted:
        model.check_layer(layer)
    return sorted(set(wanted))


def _by(args: PatchArgs, pairs: list[PromptPair], model: LocalModel) -> str:
    """Columns mean one thing only if the prompts share a template; else labelled spans are compared."""
    if args.site in HEADS:
        return "part"
    if args.by != "auto":
        return args.by
    shared = set.intersection(*(set(pair.spans) for pair in pairs))
    layouts = {(len(model.ids(pair.clean)), tuple(sorted(pair.spans.items()))) for pair in pairs}
    return "span" if shared and len(layouts) > 1 else "position"


def _parts(args: PatchArgs, model: LocalModel) -> list[str]:
    if args.site not in HEADS:
        return []
    count = len(ports(model, args.site)[0].parts)
    return [part_label(model, args.site, part) for part in range(count)]


def _values(a: Analysis) -> dict[str, float]:
    """The numbers that a receipt may cite. ``mediator`` is the cell that the verdict is about."""
    e = a.evidence
    return telling.values(
        mediator_layer=a.cells[a.chosen].layer,
        mediator_effect=(e.effect, e.interval),
        pairs=e.pairs,
        placebo_effect=e.placebo,
        mediator_q=e.q,
        gap=(a.runs.gap.mean(), e.gap),
        clean_metric=a.runs.clean.mean(),
        corrupt_metric=a.runs.corrupt.mean(),
        clean_accuracy=a.clean_right.mean(),
        self_patch=e.self_patch,
        mediator_denoising=None if a.denoising is None else a.denoising.mean[a.chosen],
        mediator_noising=None if a.noising is None else a.noising.mean[a.chosen],
        source_until_layer=_carried_until(a),
        estimate_agreement=None if a.estimated is None else a.estimated.agreement,
        cells_checked=None if a.estimated is None else len(a.cells),
    )


def _about_estimate(a: Analysis, args: PatchArgs) -> list[str]:
    if a.estimated is None:
        return []
    total = len(a.layers) * len(a.targets)
    return [
        f"{total} cells were estimated by {args.method} gradients and {len(a.cells)} of them measured exactly, the "
        f"largest and some at random; their rank correlation is {a.estimated.agreement:.2f}. The verdict is about a "
        "measured cell"
    ]


def _carried_until(a: Analysis) -> int | None:
    """The last layer at which the positions that differ between the prompts still carry half of the behaviour."""
    grid = a.grid(a.main.mean)
    differing = [column for column, target in enumerate(a.targets) if target.differs]
    if not differing:
        return None
    strong = np.flatnonzero(ties.reaches(grid[:, differing], 0.5, a.noise).any(1))
    return a.layers[int(strong[-1])] if len(strong) else None


def _headline(a: Analysis, args: PatchArgs, values: dict[str, float]) -> str:
    e = a.evidence
    name = title(args.metric)
    if not e.has_gap:
        return (
            f"Clean and corrupt differ by {values['gap']:.3g} {e.gap:.3g} in {name} ({e.pairs} pairs): "
            "there is no behaviour to localise."
        )
    layer, target = a.cells[a.chosen].layer, a.cells[a.chosen].target
    if args.site in HEADS:
        what = "" if args.site == "head" else f"the {args.site} of "
        where = f"{what}{target.label} of layer {layer}"
    else:
        name_of = "residual stream" if args.site == "residual" else f"{args.site} output"
        where = f"the {name_of} after layer {layer} at {target.label!r}"
    verb = "restores" if a.denoising is not None else "removes"
    source = values.get("source_until_layer")
    until = (
        f"; the tokens that differ carry at least half of it up to layer {source:.0f}"
        if source is not None
        else ""
    )
    if args.through:
        where += f", along its direct path to {', '.join(args.through)},"
    return (
        f"Patching {where} {verb} {e.effect:.2f} {e.interval:.2f} of the {name} "
        f"between clean and corrupt ({e.pairs} pairs){until}."
    )


def _controls(a: Analysis) -> list[Control]:
    e = a.evidence
    return telling.controls(
        _MEANINGS,
        placebo=(e.placebo, a.placebo.interval[a.chosen]),
        self_patch=e.self_patch,
        gap=(a.runs.gap.mean(), e.gap),
        clean_accuracy=(a.clean_right.mean(), e.right),
    )


def _table(a: Analysis) -> Table:
    """The strongest cells, those that are 1 by construction left out; the whole grid is an artifact."""
    order = [i for i in ties.ranking(a.main.mean, a.noise) if not a.by_construction[i]]
    total, order = len(order), order[:_ROWS]
    targets = [a.cells[i].target for i in order]
    columns: dict[str, Sequence[telling.Cell]] = {
        "layer": [a.cells[i].layer for i in order],
        "place": [t.label + (" (differs)" if t.differs else "") for t in targets],
        "denoising": _means(a.denoising, order),
        "noising": _means(a.noising, order),
        "interval": telling.ends(a.main.interval[order], ".2f"),
        "placebo": _means(a.placebo, order),
        "q": telling.column(a.q[order], 4),
    }
    if a.estimated is not None:
        columns["estimate"] = telling.column(a.estimated.checked[order], 4)
    return telling.table(columns, total=total)


def _means(effects: Effects | None, order: list[int]) -> Sequence[float | None]:
    return [None] * len(order) if effects is None else telling.column(effects.mean[order], 4)


def _save(folder: Path, a: Analysis, args: PatchArgs) -> None:
    """The whole grid as JSON beside the figures."""
    grid = {
        "site": args.site,
        "metric": args.metric,
        "layers": a.layers,
        "positions": [target.label for target in a.targets],
        "clean": a.runs.clean.tolist(),
        "corrupt": a.runs.corrupt.tolist(),
        "q": _plain(a.grid(a.q)),
    }
    for name, effects in (
        ("denoising", a.denoising),
        ("noising", a.noising),
        ("placebo", a.placebo),
    ):
        if effects is not None:
            grid[name] = _plain(a.grid(effects.mean))
            grid[f"{name}_interval"] = _plain(a.grid(effects.interval))
    if a.estimated is not None:
        grid["estimate"] = a.estimated.grid.tolist()
    (folder / "grid.json").write_text(json.dumps(grid), encoding="utf-8")


def _plain(grid: Array) -> Any:
    """Nested lists that JSON can hold: null where nothing was measured."""
    return json.loads(json.dumps(grid.tolist()).replace("NaN", "null"))


def _figures(folder: Path, a: Analysis, args: PatchArgs, model: LocalModel) -> list[Figure]:
    measured = {"denoising": a.denoising, "noising": a.noising, "placebo": a.placebo}
    panels = [
        figures.Panel(name, a.grid(effects.mean))
        for name, effects in measured.items()
        if effects is not None
    ]
    if a.estimated is not None:
        panels.insert(0, figures.Panel(f"{args.method} estimate", a.estimated.grid))
    chart = figures.HeatMap(
        title=f"Activation patching, {args.site}: {args.subject()} in {telling.short_name(model)}",
        about="Positions count from the end. Effect: 0 leaves the receiving run as it was; 1 moves the metric all the "
        "way to the donor's.",
        panels=panels,
        rows=[str(layer) for layer in a.layers],
        columns=[target.label for target in a.targets],
        row_label="layer",
        column_label="head" if args.site in HEADS else "position",
        unit="share of the metric moved",
        diverging=True,
        numbers=True,
    )
    return [figures.draw(folder, "patch", chart)]
