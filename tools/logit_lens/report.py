"""From a logit-lens experiment to what a person, a receipt and a re-run need."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from gadfly.tools import figures, scripting, telling
from gadfly.tools.answered import answered
from gadfly.tools.contract import Context, Figure, Table
from gadfly.tools.logit_lens.analysis import Analysis, analyse, make_units, prefixes
from gadfly.tools.logit_lens.arguments import LensArgs, LensResult
from gadfly.tools.logit_lens.reading import Read, read, residuals
from gadfly.tools.logit_lens.verdict import judge
from gadfly.tools.model import LocalModel
from gadfly.tools.readout import Readout, readout
from gadfly.tools.rows import leading
from gadfly.tools.spelling import Answers

_MOST_PREFIXES = 48
_MOST_ROWS = 48
_MOST_COLUMNS = 40
_MEANINGS = {
    "other_targets": "log-probability there of other prompts' answers: any answer of this kind would read so",
    "shuffled_text": "advantage of the target there with the words in random order: the words alone suggest it",
    "embedding": "log-probability of the target before any layer has run",
    "model_itself": "advantage of the target after the last layer: at 0 the model does not know it",
    "readout_error": "lens after the last layer against the model's own logits: anything but rounding is a fault",
}


def run(args: LensArgs, context: Context) -> LensResult:
    """The whole experiment. Cheap checks of the arguments come before the model is loaded."""
    asked = answered(args, alone=True)
    model = context.model(args)
    end = readout(model)
    notes: list[str] = []
    first = model.ids(asked[0].prompt)
    if asked[0].answer is None:
        rows, targets = prefixes(first, leading(model, first), _MOST_PREFIXES)
        if not rows:
            rows, targets = [first], [first[-1]]
        subject, told = "the text's own next tokens", "the next token"
        notes.append(
            "the units are positions of one text: intervals speak of this text, and neighbouring positions are not "
            "independent"
        )
    else:
        rows = [model.ids(item.prompt) for item in asked]
        answers = Answers(model)
        targets = [answers.id(item.prompt, str(item.answer)) for item in asked]
        notes += answers.notes()
        subject = args.subject()
        told = str(asked[0].answer) if len(asked) == 1 else "the answer"
    if len(set(targets)) == 1:
        notes.append("all answers are one token, so the control targets are random tokens")
    if end.cap is not None:
        notes.append(
            f"the model softcaps its logits at {end.cap:g}; the lens does so at each layer"
        )
    units = make_units(model, rows, targets, args.seed)
    found = analyse(
        model, end, units, seed=args.seed, max_tokens=args.max_tokens, progress=context.progress
    )
    e, row = found.evidence, found.chosen
    if e.units > 1:
        notes.append(
            "the headline is of prompts that the choice of the layer did not see; the table is of all"
        )
    verdict, why = judge(e)
    folder = context.artifacts()
    last = targets[0] if asked[0].answer is not None else None
    picture, path = _grid(model, end, first, last, folder)
    return LensResult(
        headline=_headline(found, subject),
        verdict=verdict,
        why=why,
        values=telling.values(
            layer=row - 1,
            readable_share=(e.share, e.share_interval),
            top_share=(e.top, e.top_interval),
            advantage=(e.advantage, e.over_others),
            final_readable_share=2 * e.needed,
            final_top_share=(found.rank[-1] == 0).mean(),
            likeliest=e.few,
            first_on_top=_first_on_top(found),
            beyond_shuffled=e.over_shuffled,
            median_rank=np.median(found.rank[row]),
            p=e.p,
            units_held_out=int(found.held.sum()),
            units=e.units,
            final_median_rank=np.median(found.rank[-1]),
            final_advantage_low=e.final.low,
            exactness=found.exactness,
        ),
        controls=telling.controls(
            _MEANINGS,
            other_targets=found.other_logp[row].mean(),
            shuffled_text=found.shuffled[row].mean(),
            embedding=found.logp[0].mean(),
            model_itself=(found.advantage[-1].mean(), e.final),
            readout_error=found.exactness,
        ),
        table=_table(found, model, picture),
        figures=_figures(folder, found, picture, first, told, model, subject),
        notes=notes,
        reproduce=scripting.script(
            model,
            "logit_lens",
            layer=row - 1,
            scale=end.scale,
            cap=end.cap,
            units=[[unit.ids, unit.target] for unit in found.units],
            expected=float(found.logp[row].mean()),
        ),
        grid=str(path),
    )


def _headline(a: Analysis, subject: str) -> str:
    """The first readable layer; where there is none, that, and how near the nearest comes."""
    e, layer = a.evidence, a.chosen - 1
    prompts = telling.held_out(int(a.held.sum()), e.units, "prompt")
    end = f"{2 * e.needed:.2f} of all after the last layer, the model's own output"
    on_top = "" if e.few == 1 else f", on top in {e.top:.2f} {e.top_interval:.2f}"
    if not e.readable:
        return (
            f"No layer before the last reads as the target ({subject}): nearest, after layer {layer}, it is {e.among} "
            f"in {e.share:.2f} {e.share_interval:.2f} of the prompts ({prompts}; {end})."
        )
    return (
        f"The target is first readable after layer {layer}: {e.among} in {e.share:.2f} {e.share_interval:.2f} of the "
        f"prompts ({subject}; {prompts}; {end}){on_top}, {e.advantage:+.2f} nats {e.over_others:+.2f} above other "
        "targets."
    )


def _first_on_top(a: Analysis) -> float | None:
    """The first layer with the target on top in half of the prompts or more; None if there is none."""
    rows = np.flatnonzero((a.rank[1:] == 0).mean(1) >= 0.5)
    return float(rows[0]) if len(rows) else None


def name_of(row: int) -> str:
    """Row 0 of a reading is the embedding."""
    return "embedding" if row == 0 else str(row - 1)


def _table(a: Analysis, model: LocalModel, picture: Read) -> Table:
    total, e = a.rank.shape[0], a.evidence
    marks = [""] * (total - 1) + ["the model's output"]
    marks[a.chosen] = "first readable" if e.readable else "nearest"
    columns: dict[str, Sequence[telling.Cell]] = {
        "layer": [name_of(row) for row in range(total)],
        "median rank": telling.column(np.median(a.rank, axis=1), 1),
        "on top": telling.column((a.rank == 0).mean(1), 3),
        f"in top {e.few}": telling.column((a.rank < e.few).mean(1), 3),
        "log p": telling.column(a.logp.mean(1), 3),
        "advantage": telling.column(a.advantage.mean(1), 3),
        "shuffled": telling.column(a.shuffled.mean(1), 3),
        "p": telling.column(a.p, 4),
        "top token, 1st prompt": model.tokens([int(token) for token in picture.top[:, -1]]),
        "": marks,
    }
    if e.few == 1:
        del columns["in top 1"]
    return telling.table(columns, telling.thinned(total, _MOST_ROWS, (a.chosen, total - 1)))


def _grid(
    model: LocalModel, end: Readout, ids: list[int], target: int | None, folder: Path
) -> tuple[Read, Path]:
    """The first prompt at every layer and at its last positions; the target is the next token where none is given."""
    import torch

    hidden, _ = residuals(model, model.batch_of([ids]), last_only=False)
    following = [*ids[1:], ids[-1]] if target is None else [target] * len(ids)
    first = max(0, len(ids) - _MOST_COLUMNS)
    ids = ids[first:]
    targets = torch.tensor(following[first:], device=model.device)
    found, _, _ = read(end, hidden[:, 0, first:], targets, targets[:, None], tops=True)
    if target is None:  # the last token has no next one
        found.logp[:, -1] = float("nan")
    path = folder / "grid.json"
    grid_of = {
        "ids": ids,
        "first_position": first,
        "tokens": model.tokens(ids),
        "target": model.tokens([target]) if target is not None else "next token",
        "layers": [name_of(row) for row in range(hidden.shape[0])],
        "top": [model.tokens(row) for row in found.top.long().tolist()],
        "top_probability": found.top_probability.tolist(),
        "target_probability": found.logp.exp().nan_to_num(0.0).tolist(),
        "target_rank": found.rank.tolist(),
    }
    path.write_text(json.dumps(grid_of), encoding="utf-8")
    return found, path


def _figures(
    folder: Path,
    a: Analysis,
    picture: Read,
    ids: list[int],
    told: str,
    model: LocalModel,
    subject: str,
) -> list[Figure]:
    where = telling.short_name(model)
    layers = range(-1, a.rank.shape[0] - 1)
    curves = {"target": a.logp, "other targets": a.other_logp}
    chart = figures.Chart(
        f"Logit lens of {subject} in {where}",
        "layer (-1: embedding)",
        "mean log-probability (nats)",
        [figures.Line(name, layers, values.mean(1)) for name, values in curves.items()],
        marked=a.chosen - 1,
    )
    words = [model.tokens(row) for row in picture.top.long().tolist()]
    places = [f"{place} {token}" for place, token in enumerate(model.tokens(ids))]
    reading = figures.HeatMap(
        title=f"Logit lens of one prompt in {where}",
        about="What the residual stream after each layer reads as, at each token of the first prompt.",
        panels=[
            figures.Panel("top token", picture.top_probability.double().numpy(), words),
            figures.Panel(f"probability of {told}", picture.logp.exp().double().numpy()),
        ],
        rows=[name_of(row) for row in range(picture.top.shape[0])],
        columns=places[-picture.top.shape[1] :],
        row_label="layer",
        column_label="position",
        unit="probability",
    )
    return [figures.draw(folder, "lens", chart), figures.draw(folder, "lens_grid", reading)]
