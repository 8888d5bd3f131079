"""From a patching experiment to what a person, a receipt and a re-run need: headline, values, table, artifacts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gadfly.tools import figures, scripting, telling, ties
from gadfly.tools.arrays import Array
from gadfly.tools.contract import Context, Figure, Table
from gadfly.tools.metrics import title
from gadfly.tools.model import LocalModel
from gadfly.tools.patching.analysis import Analysis, analyse
from gadfly.tools.patching.arguments import PatchArgs, PatchResult
from gadfly.tools.patching.pairs import Prepared, PromptPair, of_task, prepare
from gadfly.tools.patching.sites import HEADS, part_label, ports
from gadfly.tools.patching.verdict import judge
from gadfly.tools.records import read

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
    for layer in args.layers or []:
        model.check_layer(layer)
    layers = sorted(set(range(model.num_layers) if args.layers is None else args.layers))
    prepared = prepare(model, pairs, by=_by(args, pairs, model), parts=_parts(args, model))
    a = analyse(model, prepared, args, layers, context.progress)
    e = a.evidence
    verdict, why = judge(e)
    folder = context.artifacts()
    _save(folder, a, args)
    until = _carried_until(a)
    return PatchResult(
        headline=_headline(a, args, until),
        verdict=verdict,
        why=why,
        # ``mediator`` is the cell that the verdict is about.
        values=telling.values(
            mediator_layer=a.cells[a.chosen].layer,
            mediator_effect=(e.effect, e.interval),
            pairs=e.pairs,
            pairs_held_out=e.held,
            placebo_effect=e.placebo,
            mediator_excess=(e.excess, e.beyond_placebo) if e.beyond_placebo else None,
            mediator_p=e.p,
            gap=(a.runs.gap.mean(), e.gap),
            clean_metric=a.runs.clean.mean(),
            corrupt_metric=a.runs.corrupt.mean(),
            clean_accuracy=a.clean_right.mean(),
            self_patch=e.self_patch,
            mediator_denoising=None if a.denoising is None else a.denoising.mean[a.chosen],
            mediator_noising=None if a.noising is None else a.noising.mean[a.chosen],
            source_until_layer=until,
            estimate_agreement=None if a.estimated is None else a.estimated.agreement,
            cells_checked=None if a.estimated is None else len(a.cells),
        ),
        controls=telling.controls(
            _MEANINGS,
            placebo=(e.placebo, e.placebo_interval) if e.placebo_interval else e.placebo,
            self_patch=e.self_patch,
            gap=(a.runs.gap.mean(), e.gap),
            clean_accuracy=(a.clean_right.mean(), e.right),
        ),
        table=_table(a),
        figures=_figures(folder, a, args, model),
        notes=[*prepared.notes, *a.notes, *_about_estimate(a, args)],
        reproduce="" if args.through else _script(model, args, prepared, a),
    )


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


def _headline(a: Analysis, args: PatchArgs, until: int | None) -> str:
    e = a.evidence
    name = title(args.metric)
    if not e.has_gap:
        lacking = "it goes the wrong way, so there" if e.gap.below(0) else "there"
        return (
            f"Clean and corrupt differ by {e.gap_mean:.3g} {e.gap:.3g} in {name} ({telling.count(e.pairs, 'pair')}): "
            f"{lacking} is no behaviour to localise."
        )
    layer, target = a.cells[a.chosen].layer, a.cells[a.chosen].target
    if args.site in HEADS:
        what = "" if args.site == "head" else f"the {args.site} of "
        where = f"{what}{target.label} of layer {layer}"
    else:
        name_of = "residual stream" if args.site == "residual" else f"{args.site} output"
        where = f"the {name_of} after layer {layer} at {target.label!r}"
    verb = "restores" if a.denoising is not None else "removes"
    far = ""
    if until is not None:
        far = f"; the tokens that differ carry at least half of it up to layer {until}"
    if args.through:
        where += f", along its direct path to {', '.join(args.through)},"
    over = ""
    if e.beyond_placebo is not None:
        over = f", {e.excess:.2f} {e.beyond_placebo:.2f} more than an unrelated prompt's activation does"
    told = (
        f"Patching {where} {verb} {e.effect:.2f} {e.interval:.2f} of the {name} between clean and corrupt "
        f"({telling.held_out(e.held, e.pairs, 'pair')}){over}"
    )
    if until is not None and e.missing("restore") is None and not e.interval.above(0):
        nowhere = f"Up to layer {until} the tokens that differ carry the behaviour, and no other place was found to."
        return f"{nowhere} {told}."
    return f"{told}{far}."


def _table(a: Analysis) -> Table:
    """The cells that differ most from their placebo, either way, without those that are 1 by construction; the whole
    grid is a file."""
    order = [i for i in ties.ranking(np.abs(a.excess), a.noise) if not a.by_construction[i]]
    total, order = len(order), order[:_ROWS]
    targets = [a.cells[i].target for i in order]
    columns: dict[str, Sequence[telling.Cell]] = {
        "layer": [a.cells[i].layer for i in order],
        "place": [t.label + (" (differs)" if t.differs else "") for t in targets],
        **{
            name: telling.column(effects.mean[order], 4)
            for name, effects in (("denoising", a.denoising), ("noising", a.noising))
            if effects is not None
        },
        "interval": telling.ends(a.main.interval[order], ".2f"),
        "placebo": telling.column(a.placebo.mean[order], 4),
        "excess": telling.column(a.excess[order], 4),
        "p": telling.column(a.p[order], 4),
    }
    if a.estimated is not None:
        columns["estimate"] = telling.column(a.estimated.checked[order], 4)
    return telling.table(columns, total=total)


def _save(folder: Path, a: Analysis, args: PatchArgs) -> None:
    """The whole grid as JSON beside the figures."""
    grid = {
        "site": args.site,
        "metric": args.metric,
        "layers": a.layers,
        "positions": [target.label for target in a.targets],
        "clean": a.runs.clean.tolist(),
        "corrupt": a.runs.corrupt.tolist(),
        "excess": _plain(a.grid(a.excess)),
        "p": _plain(a.grid(a.p)),
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


def _script(model: LocalModel, args: PatchArgs, prepared: Prepared, a: Analysis) -> str:
    """Recomputes the mediating cell's mean effect over all pairs the slow and obvious way, one forward a pair."""
    layer, target = a.cells[a.chosen].layer, a.cells[a.chosen].target
    mask = target.mask.cpu()
    listed: list[dict[str, object]] = []
    clean, corrupt = prepared.clean.rows, prepared.corrupt.rows
    for row, ids in enumerate(clean):
        padding = mask.shape[1] - len(ids)
        positions = [int(p) - padding for p in mask[row].nonzero().squeeze(-1)]
        answers = {"answer": int(prepared.answer[row]), "wrong": int(prepared.wrong[row])}
        if positions:
            listed.append(
                {"clean": ids, "corrupt": corrupt[row], **answers, "positions": positions}
            )
    port = ports(model, args.site)[layer]
    part = port.parts[target.part or 0]
    return scripting.script(
        model,
        "patching",
        metric_function=scripting.metric_function(args.metric),
        module=next(n for n, each in model.module.named_modules() if each is port.module),
        entering=port.entering,
        start=part.start,
        stop=part.stop,
        layer=layer,
        site=args.site,
        denoising=a.denoising is not None,
        pairs=listed,
        expected=float(a.main.mean[a.chosen]),
    )
