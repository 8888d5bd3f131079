"""From a logit-lens experiment to what a person, a receipt and a re-run need."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from gadfly.tools import curves, heatmap
from gadfly.tools.answered import answered
from gadfly.tools.contract import Context, Control, Figure, Table
from gadfly.tools.logit_lens import LensArgs, LensResult
from gadfly.tools.logit_lens.analysis import Analysis, analyse, make_units, prefixes
from gadfly.tools.logit_lens.reading import Grid, grid, residuals
from gadfly.tools.logit_lens.script import script
from gadfly.tools.logit_lens.verdict import judge
from gadfly.tools.readout import Readout, readout
from gadfly.tools.rows import batch_of, leading

if TYPE_CHECKING:
    from gadfly.tools.model import LocalModel

_MOST_PREFIXES = 48
_MOST_ROWS = 48
_MOST_COLUMNS = 40


def run(args: LensArgs, context: Context) -> LensResult:
    """The whole experiment. Cheap checks of the arguments come before the model is loaded."""
    asked = answered(args, need_answer=args.prompt is None)
    model = context.model(args)
    end = readout(model)
    notes: list[str] = []
    first = model.ids(asked[0].prompt)
    if asked[0].answer is None:
        rows, targets = prefixes(first, leading(model, first), _MOST_PREFIXES)
        if not rows:
            rows, targets = [first], [first[-1]]
        subject = "the text's own next tokens"
        notes.append(
            "the units are positions of one text: intervals speak of this text, and neighbouring positions are not "
            "independent"
        )
    else:
        rows = [model.ids(item.prompt) for item in asked]
        targets = [model.answer_id(str(item.answer)) for item in asked]
        subject = args.subject()
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
    verdict, why = judge(found.evidence)
    folder = context.artifacts()
    last = targets[0] if asked[0].answer is not None else None
    picture, path = _grid(model, end, first, last, folder)
    return LensResult(
        headline=_headline(found, subject),
        verdict=verdict,
        why=why,
        values=_values(found),
        controls=_controls(found),
        table=_table(found, model),
        figures=_figures(folder, found, picture, first, args, model, subject),
        notes=notes,
        reproduce=script(model, found),
        grid=str(path),
    )


def name_of(row: int) -> str:
    """Row 0 of a reading is the embedding."""
    return "embedding" if row == 0 else str(row - 1)


def _headline(a: Analysis, subject: str) -> str:
    e = a.evidence
    final = float((a.rank[-1] == 0).mean())
    return (
        f"After layer {a.chosen - 1} the logit lens has the target on top in {e.top:.2f} "
        f"[{e.top_interval.low:.2f}, {e.top_interval.high:.2f}] of the prompts ({subject}; {final:.2f} after the last "
        f"layer), {e.advantage:+.2f} nats [{e.over_others.low:+.2f}, {e.over_others.high:+.2f}] above other targets."
    )


def _values(a: Analysis) -> dict[str, float]:
    e, row = a.evidence, a.chosen
    values = {
        "layer": float(row - 1),
        "top_share": e.top,
        "top_share_low": e.top_interval.low,
        "top_share_high": e.top_interval.high,
        "advantage": e.advantage,
        "advantage_low": e.over_others.low,
        "advantage_high": e.over_others.high,
        "beyond_shuffled_low": e.over_shuffled.low,
        "beyond_shuffled_high": e.over_shuffled.high,
        "median_rank": float(np.median(a.rank[row])),
        "other_median_rank": float(np.median(a.other_rank[row])),
        "shuffled_median_rank": float(np.median(a.shuffled_rank[row])),
        "q": e.q,
        "units": float(e.units),
        "final_top_share": float((a.rank[-1] == 0).mean()),
        "final_median_rank": float(np.median(a.rank[-1])),
        "final_advantage_low": e.final.low,
        "exactness": a.exactness,
    }
    return {name: round(value, 6) for name, value in values.items()}


def _controls(a: Analysis) -> list[Control]:
    row, e = a.chosen, a.evidence
    return [
        Control(
            name="other_targets", value=float(a.other_logp[row].mean()),
            meaning="log-probability there of other prompts' answers: any answer of this kind would read so",
        ),
        Control(
            name="shuffled_text", value=float(a.shuffled_logp[row].mean()),
            meaning="log-probability of the target there with the words in random order: the words alone suggest it",
        ),
        Control(
            name="embedding", value=float(a.logp[0].mean()),
            meaning="log-probability of the target before any layer has run",
        ),
        Control(
            name="model_itself", value=float(a.advantage[-1].mean()), interval=(e.final.low, e.final.high),
            meaning="advantage of the target after the last layer: at 0 the model does not know it",
        ),
        Control(
            name="readout_error", value=a.exactness,
            meaning="lens after the last layer against the model's own logits: anything but rounding is a fault",
        ),
    ]  # fmt: skip


def _table(a: Analysis, model: LocalModel) -> Table:
    rows: list[list[str | int | float | None]] = []
    total = a.rank.shape[0]
    for row in range(total):
        mark = "reported" if row == a.chosen else "the model's output" if row == total - 1 else ""
        rows.append([
            name_of(row), round(float(np.median(a.rank[row])), 1),
            round(float((a.rank[row] == 0).mean()), 3), round(float(a.logp[row].mean()), 3),
            round(float(a.other_logp[row].mean()), 3), round(float(a.shuffled_logp[row].mean()), 3),
            round(float(a.q[row]), 4), model.tokens([int(a.top[row, 0])])[0], mark,
        ])  # fmt: skip
    if (
        total > _MOST_ROWS
    ):  # token-bounded: every second, third, ... layer, with the reported one and the last
        step = -(-total // (_MOST_ROWS - 2))
        keep = sorted({*range(0, total, step), a.chosen, total - 1})
        rows = [rows[row] for row in keep]
    columns = [
        "layer", "median rank", "on top", "log p", "other targets", "shuffled text", "q",
        "top token, 1st prompt", "",
    ]  # fmt: skip
    return Table(columns=columns, rows=rows, total=total)


def _grid(
    model: LocalModel, end: Readout, ids: list[int], target: int | None, folder: Path
) -> tuple[Grid, Path]:
    """The first prompt at every layer and position; the target is the next token where none is given."""
    import torch

    hidden, _ = residuals(model, batch_of(model, [ids]), last_only=False)
    following = [*ids[1:], ids[-1]] if target is None else [target] * len(ids)
    found = grid(end, hidden[:, 0], torch.tensor(following, device=model.device))
    if target is None:  # the last token has no next one
        found.target_probability[:, -1] = float("nan")
    path = folder / "grid.json"
    path.write_text(
        json.dumps({
            "ids": ids,
            "tokens": model.tokens(ids),
            "target": model.tokens([target]) if target is not None else "next token",
            "layers": [name_of(row) for row in range(hidden.shape[0])],
            "top": [model.tokens(row) for row in found.top.tolist()],
            "top_probability": found.top_probability.tolist(),
            "target_probability": found.target_probability.nan_to_num(0.0).tolist(),
            "target_rank": found.target_rank.tolist(),
        }),
        encoding="utf-8",
    )  # fmt: skip
    return found, path


def _figures(
    folder: Path,
    a: Analysis,
    picture: Grid,
    ids: list[int],
    args: LensArgs,
    model: LocalModel,
    subject: str,
) -> list[Figure]:
    where = Path(model.name).name
    x = [row - 1 for row in range(a.rank.shape[0])]
    lines = [
        curves.Line(name, x, [float(v) for v in values.mean(1)])
        for name, values in (
            ("target", a.logp), ("other targets", a.other_logp), ("target, words shuffled", a.shuffled_logp),
        )
    ]  # fmt: skip
    title = f"Logit lens of {subject} in {where}"
    chart = curves.Chart(
        title, "layer (-1: embedding)", "mean log-probability (nats)", lines, marked=a.chosen - 1
    )
    png, html = curves.draw(folder, "lens", chart)
    figures = [Figure(title=title, png=str(png), html=str(html))]
    shown = slice(max(0, len(ids) - _MOST_COLUMNS), len(ids))
    tokens = [f"{p} {t}" for p, t in enumerate(model.tokens(ids))][shown]
    words = [model.tokens(row) for row in picture.top[:, shown].tolist()]
    given = args.answer or ("the answer" if len(a.units) > 1 and args.prompt is None else None)
    panels = [
        heatmap.Panel("top token", picture.top_probability[:, shown].numpy().astype(float), words),
        heatmap.Panel(
            f"probability of {given or 'the next token'}",
            picture.target_probability[:, shown].numpy().astype(float),
        ),
    ]
    title = f"Logit lens of one prompt in {where}"
    png, html = heatmap.draw(
        folder,
        "lens_grid",
        heatmap.HeatMap(
            title=title,
            about="What the residual stream after each layer reads as, at each token of the first prompt.",
            panels=panels,
            rows=[name_of(row) for row in range(picture.top.shape[0])],
            columns=tokens,
            row_label="layer",
            column_label="position",
            unit="probability",
        ),
    )
    return [*figures, Figure(title=title, png=str(png), html=str(html))]
