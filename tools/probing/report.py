"""From a probing experiment to what a person, a receipt and a re-run need."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from gadfly.errors import ToolInputError
from gadfly.tools import figures, scripting, telling, vectors
from gadfly.tools.arrays import Array
from gadfly.tools.capture import MASSIVE, at, capture
from gadfly.tools.contract import Context, Figure, Table
from gadfly.tools.model import LocalModel
from gadfly.tools.probing import controls
from gadfly.tools.probing.analysis import (
    FEWEST_TO_RESAMPLE,
    Layered,
    Measured,
    best_probe,
    beyond,
    inside_out,
    shuffles,
)
from gadfly.tools.probing.arguments import ProbeArgs, ProbeResult
from gadfly.tools.probing.data import LabelledText, Parts, label, of_task
from gadfly.tools.probing.fit import Method
from gadfly.tools.probing.verdict import Evidence, judge, too_few
from gadfly.tools.records import read
from gadfly.tools.rows import special_ids

_MOST_ROWS = 48
_MEANING = {
    "shuffled_labels": "the probe memorises any labelling of these groups; interval: of single shuffles",
    "majority": "always the commoner label",
    "bag_of_words": "the words alone tell the label; no model is needed",
    "length": "the number of tokens tells the label",
    "embeddings": "the tokens tell the label before any layer has run",
    "random_weights": "the architecture tells it untrained; nothing was learnt",
}


def run(args: ProbeArgs, context: Context) -> ProbeResult:
    """The whole experiment. Cheap checks of the arguments come before the model is loaded."""
    data = label(read(args, LabelledText, lambda task: of_task(task, args.n, args.seed)))
    parts = controls.parted(data, args.seed)
    data = parts.data
    held = data.labels[parts.test]
    groups = len(np.unique(data.groups[parts.test]))
    smaller = int(min(held.sum(), len(held) - held.sum()))
    if few := too_few(groups, smaller):
        # Known before the model is loaded, and said before it, as the rest may take minutes.
        args.notice(few)
    reduce = at(args.position)
    model = context.model(args)
    methods: tuple[Method, ...] = (
        ("difference", "logistic", "ridge") if args.method == "all" else (args.method,)
    )
    captured = capture(
        model, data.texts, reduce, modules=model.modules(args.site), progress=context.progress
    )
    if not captured.layers.isfinite().all():
        raise ToolInputError(
            "the activations hold numbers that are not finite; use --dtype float32"
        )
    dtype = model.dtype
    probe = best_probe("probe", captured.layers, parts, methods, dtype)
    noise = shuffles(captured.layers, parts, probe, args.shuffles, context.progress, dtype)
    rivals = [
        controls.majority(parts),
        controls.bag_of_words(parts),
        controls.length(parts, captured),
        controls.embeddings(parts, captured, methods, dtype),
    ]
    notes = list(data.notes)
    if args.random_model:
        twin = controls.random_weights(model, parts, reduce, args.site, methods, context.progress)
        if twin is None:
            notes.append(
                "random weights were not tried: a second copy of this model would be too large"
            )
        else:
            rivals.append(twin)
    if groups < FEWEST_TO_RESAMPLE:
        notes.append(
            f"the test part has {groups} groups: intervals are over its texts and speak of these groups only"
        )
    test = probe.test
    turned = [rival for rival in rivals if inside_out(rival, parts, len(rivals))]
    notes += [
        f"{rival.name.replace('_', ' ')} is below one half (AUROC {rival.auroc:.2f}), by more than chance explains: "
        "what it tells in the train part is the opposite in the test part; if texts that share their words were "
        "parted, give them one group"
        for rival in turned
    ]
    e = Evidence(
        groups=groups,
        smaller_label=smaller,
        auroc=test.auroc,
        interval=test.interval,
        p=float((1 + (noise.auroc >= test.auroc).sum()) / (1 + len(noise.auroc))),
        controls={r.name: (r.auroc, beyond(test, r, parts)) for r in rivals},
        turned={
            r.name: (r.auroc, beyond(test, replace(r, scores=-r.scores), parts)) for r in turned
        },
    )
    verdict, why = judge(e)
    folder = context.artifacts()
    _save(folder, probe, parts, args, model)
    rivalled = {}
    for rival in rivals:
        rivalled[f"{rival.name}_auroc"] = rival.auroc
        rivalled[f"{rival.name}_accuracy"] = rival.accuracy
    where = "residual stream" if args.site == "residual" else f"{args.site} output"
    kind = "difference-in-means" if probe.method == "difference" else probe.method
    return ProbeResult(
        headline=(
            f"A {kind} probe of the {where} after layer {probe.layer} ({args.position} token) tells {data.names[1]} "
            f"from {data.names[0]} with AUROC {test.auroc:.2f} {test.interval:.2f}, accuracy {test.accuracy:.2f} on "
            f"{len(held)} held-out texts."
        ),
        verdict=verdict,
        why=why,
        values=telling.values(
            layer=probe.layer,
            auroc=(e.auroc, e.interval),
            accuracy=test.accuracy,
            texts=len(data.texts),
            test_texts=len(held),
            test_groups=e.groups,
            selectivity=test.accuracy - float(noise.accuracy.mean()),
            p=e.p,
            validation_auroc=probe.validation[probe.layer],
            strength=probe.strength,
            **rivalled,
            **{f"beyond_{name}": ahead for name, (_, ahead) in e.controls.items()},
        ),
        controls=telling.controls(
            _MEANING,
            shuffled_labels=(noise.auroc.mean(), np.percentile(noise.auroc, [2.5, 97.5])),
            **{rival.name: (rival.auroc, rival.interval) for rival in rivals},
        ),
        table=_table(probe, noise.p(probe.by_layer)),
        figures=_figures(folder, probe, rivals, args, model),
        notes=notes,
        reproduce=scripting.script(
            model,
            "probing",
            folder=str(folder),
            layer=probe.layer,
            site=args.site,
            position=args.position,
            special=sorted(special_ids(model)),
            massive=MASSIVE,
            expected=test.accuracy,
        ),
        direction=str(folder / "direction.safetensors"),
    )


def _table(probe: Layered, p: Array) -> Table:
    total = len(probe.validation)
    best = sorted(range(total), key=lambda layer: -probe.validation[layer])[:_MOST_ROWS]
    columns: dict[str, Sequence[telling.Cell]] = {
        "layer": range(total),
        "validation AUROC": telling.column(probe.validation, 4),
        "test AUROC": telling.column(probe.by_layer, 4),
        "p": telling.column(p, 4),
        "": ["chosen" if layer == probe.layer else "" for layer in range(total)],
    }
    return telling.table(columns, sorted(best))


def _save(folder: Path, probe: Layered, parts: Parts, args: ProbeArgs, model: LocalModel) -> None:
    import torch
    from safetensors.torch import save_file

    data, weight = parts.data, torch.from_numpy(probe.weight)
    note = f"probe: towards {data.names[1]}, away from {data.names[0]}"
    found = vectors.Vector(weight, probe.layer, args.site, model.weights, note)
    vectors.save(folder / "direction.safetensors", found)
    bias = torch.tensor(probe.bias, dtype=torch.float64)
    save_file({"weight": weight, "bias": bias}, str(folder / "probe.safetensors"))
    with (folder / "test.jsonl").open("w", encoding="utf-8") as file:
        for text, value, here in zip(data.texts, data.labels, parts.test, strict=True):
            if here:
                line = {"text": text, "ids": model.ids(text), "label": int(value)}
                file.write(json.dumps(line) + "\n")


def _figures(
    folder: Path, probe: Layered, rivals: list[Measured], args: ProbeArgs, model: LocalModel
) -> list[Figure]:
    subject = args.subject()
    test = figures.Line(
        "test, chosen layer", [probe.layer], [probe.test.auroc], [probe.test.interval[:2]]
    )
    layers = range(len(probe.validation))
    chart = figures.Chart(
        f"Probe of {subject} in {telling.short_name(model)}, {args.site}",
        "layer",
        "AUROC",
        [figures.Line("validation, by layer", layers, probe.validation), test],
        [figures.Level(rival.name.replace("_", " "), rival.auroc) for rival in rivals],
        marked=probe.layer,
    )
    return [figures.draw(folder, "probe", chart)]
