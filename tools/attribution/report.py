"""From an attribution to what a person, a receipt and a re-run need."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from gadfly.errors import ToolInputError
from gadfly.tools import heatmap, ties
from gadfly.tools.answered import Answered, answered
from gadfly.tools.attribution import AttributeArgs, AttributeResult
from gadfly.tools.attribution.analysis import Analysis, Question, analyse
from gadfly.tools.attribution.script import script
from gadfly.tools.attribution.verdict import judge
from gadfly.tools.contract import Context, Control, Figure, Table
from gadfly.tools.readout import readout

if TYPE_CHECKING:
    from gadfly.tools.model import LocalModel

_ROWS = 30


def run(args: AttributeArgs, context: Context) -> AttributeResult:
    """The whole experiment. Cheap checks of the arguments come before the model is loaded."""
    asked = answered(args)
    _check_wrong(asked)
    model = context.model(args)
    end = readout(model)
    questions = [
        Question(
            model.ids(item.prompt), model.answer_id(str(item.answer)),
            None if item.wrong is None else model.answer_id(item.wrong),
        )
        for item in asked
    ]  # fmt: skip
    for item, question in zip(asked, questions, strict=True):
        if question.answer == question.wrong:
            raise ToolInputError(
                f"answer {item.answer!r} and wrong {item.wrong!r} are the same token: nothing to tell apart"
            )
    found = analyse(
        model, end, questions, by_head=args.by == "head", seed=args.seed,
        max_tokens=args.max_tokens, progress=context.progress,
    )  # fmt: skip
    verdict, why = judge(found.evidence)
    notes = ["direct effects only: what a component does through later ones is not in its number"]
    if end.cap is not None:
        notes.append(
            f"the model softcaps its logits at {end.cap:g}; the parts sum to the logit before that"
        )
    if questions[0].wrong is None:
        notes.append(
            "a logit has no natural zero: give wrong answers to attribute a difference, which has one"
        )
    if args.by == "head" and not any(part.kind == "head" for part in found.parts):
        notes.append("the heads of this architecture could not be told apart; attention is whole")
    folder = context.artifacts()
    return AttributeResult(
        headline=_headline(found),
        verdict=verdict,
        why=why,
        values=_values(found),
        controls=_controls(found),
        table=_table(found, args.page),
        figures=_figures(folder, found, args, model),
        notes=notes,
        reproduce=script(model, found),
        parts=str(_save(folder, found)),
    )


def _check_wrong(asked: list[Answered]) -> None:
    with_wrong = sum(item.wrong is not None for item in asked)
    if with_wrong not in (0, len(asked)):
        raise ToolInputError(
            f"{with_wrong} of {len(asked)} prompts have a wrong answer; give one with each, or with none"
        )


def what(a: Analysis) -> str:
    """What is attributed."""
    return "logit" if a.questions[0].wrong is None else "logit difference"


def _headline(a: Analysis) -> str:
    e = a.evidence
    return (
        f"{a.parts[a.chosen].name} writes {e.contribution:+.2f} [{e.interval.low:+.2f}, {e.interval.high:+.2f}] of the "
        f"{what(a)} of {float(a.logit.mean()):.2f} directly ({e.prompts} prompts), against {e.unrelated:+.2f} "
        "to unrelated answers."
    )


def _values(a: Analysis) -> dict[str, float]:
    e, part = a.evidence, a.parts[a.chosen]
    values = {
        "layer": float(part.layer),
        "contribution": e.contribution,
        "contribution_low": e.interval.low,
        "contribution_high": e.interval.high,
        "logit": float(a.logit.mean()),
        "prompts": float(e.prompts),
        "unrelated": e.unrelated,
        "beyond_low": e.beyond.low,
        "beyond_high": e.beyond.high,
        "share": e.share,
        "q": e.q,
        "gap_low": e.gap.low,
        "gap_high": e.gap.high,
        "sum_error": e.sum_error,
        "parts": float(len(a.parts)),
    }
    if part.head is not None:
        values["head"] = float(part.head)
    for kind in ("embedding", "head", "attention", "mlp", "constant"):
        rows = [i for i, each in enumerate(a.parts) if each.kind == kind]
        if rows:
            values[f"all_{kind}"] = float(a.own[rows].sum(0).mean())
    return {name: round(value, 6) for name, value in values.items()}


def _controls(a: Analysis) -> list[Control]:
    e = a.evidence
    return [
        Control(
            name="unrelated_answers", value=e.unrelated,
            meaning="what the component writes to the answers of other prompts: it favours such words anywhere",
        ),
        Control(
            name="unrelated_size", value=float(a.unrelated_size[a.chosen]),
            meaning="root mean square of that: how large its contribution to any such pair is",
        ),
        Control(
            name="gap", value=float((a.logit - a.unrelated.sum(0)).mean()), interval=(e.gap.low, e.gap.high),
            meaning="preference for the answer over unrelated ones: at 0 there is nothing to attribute",
        ),
        Control(
            name="sum_error", value=e.sum_error,
            meaning="sum of the parts against the model's logit: anything but rounding is a fault",
        ),
    ]  # fmt: skip


def _table(a: Analysis, page: int) -> Table:
    """The largest contributions of either sign, a page at a time."""
    count = len(a.parts)
    pages = -(-count // _ROWS)
    if page > pages:
        raise ToolInputError(f"there is no page {page}; the {count} components fill {pages}")
    order = ties.ranking(np.abs(a.mean), a.noise, page * _ROWS)
    total = float(a.logit.mean())
    rows: list[list[str | int | float | None]] = []
    for index in order[(page - 1) * _ROWS :]:
        low, high = a.interval[index]
        rows.append([
            a.parts[index].name, round(float(a.mean[index]), 4), f"{low:+.3f} … {high:+.3f}",
            round(float(a.unrelated[index].mean()), 4), round(float(a.unrelated_size[index]), 4),
            round(float(a.mean[index]) / total, 4) if total else None, round(float(a.q[index]), 4),
        ])  # fmt: skip
    columns = [
        "component", "contribution", "interval", "unrelated answers", "size there", "share", "q",
    ]  # fmt: skip
    return Table(columns=columns, rows=rows, total=count)


def _save(folder: Path, a: Analysis) -> Path:
    """Every component as JSON, and every prompt's contributions as safetensors beside it."""
    import torch
    from safetensors.torch import save_file

    path = folder / "parts.json"
    path.write_text(
        json.dumps({
            "attributed": what(a),
            "parts": [
                {
                    "name": part.name, "kind": part.kind, "layer": part.layer, "head": part.head,
                    "mean": float(a.mean[i]), "interval": a.interval[i].tolist(),
                    "unrelated": float(a.unrelated[i].mean()), "q": float(a.q[i]),
                }
                for i, part in enumerate(a.parts)
            ],
        }),
        encoding="utf-8",
    )  # fmt: skip
    tensors = {
        "contributions": torch.from_numpy(a.own).float().contiguous(),
        "unrelated": torch.from_numpy(a.unrelated).float().contiguous(),
        "logit": torch.from_numpy(a.logit).float().contiguous(),
    }
    save_file(tensors, str(folder / "contributions.safetensors"))
    return path


def _figures(folder: Path, a: Analysis, args: AttributeArgs, model: LocalModel) -> list[Figure]:
    """Layers by heads and MLP; the embedding and the biases are in the table."""
    columns = _columns(a)
    layers = model.num_layers
    own, other = (np.full((layers, len(columns)), np.nan) for _ in range(2))
    for index, part in enumerate(a.parts):
        if part.layer >= 0:
            column = columns.index(_column(a, index))
            own[part.layer, column] = a.mean[index]
            other[part.layer, column] = a.unrelated[index].mean()
    largest = float(np.nanmax(np.abs(own))) or 1.0
    title = f"Direct attribution of the {what(a)}: {args.subject()} in {Path(model.name).name}"
    png, html = heatmap.draw(
        folder,
        "attribution",
        heatmap.HeatMap(
            title=title,
            about="What each component writes to the answer directly, averaged over prompts; on the right the same "
            "components' contribution to unrelated answers. 0 is grey, red is towards the answer, blue away from it.",
            panels=[heatmap.Panel("the answer", own), heatmap.Panel("unrelated answers", other)],
            rows=[str(layer) for layer in range(layers)],
            columns=columns,
            row_label="layer",
            column_label="component",
            unit="contribution (logits)",
            largest=largest,
            diverging=True,
            numbers=True,
        ),
    )
    return [Figure(title=title, png=str(png), html=str(html))]


def _columns(a: Analysis) -> list[str]:
    found = dict.fromkeys(_column(a, i) for i, part in enumerate(a.parts) if part.layer >= 0)
    return [*(c for c in found if c != "mlp"), *(c for c in found if c == "mlp")]


def _column(a: Analysis, index: int) -> str:
    return a.parts[index].name.split(" ", 1)[-1]
