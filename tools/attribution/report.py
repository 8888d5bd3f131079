"""From an attribution to what a person, a receipt and a re-run need."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from gadfly.errors import ToolInputError
from gadfly.tools import figures, telling, ties
from gadfly.tools.answered import Answered, answered
from gadfly.tools.attribution.analysis import Analysis, Question, analyse
from gadfly.tools.attribution.arguments import AttributeArgs, AttributeResult
from gadfly.tools.attribution.script import script
from gadfly.tools.attribution.verdict import judge
from gadfly.tools.contract import Context, Control, Figure, Table
from gadfly.tools.readout import readout

if TYPE_CHECKING:
    from gadfly.tools.model import LocalModel

_ROWS = 30
_MEANINGS = {
    "unrelated_answers": "what the component writes to the answers of other prompts: it favours such words anywhere",
    "unrelated_size": "root mean square of that: how large its contribution to any such pair is",
    "gap": "preference for the answer over unrelated ones: at 0 there is nothing to attribute",
    "sum_error": "sum of the parts against the model's logit: anything but rounding is a fault",
}


def run(args: AttributeArgs, context: Context) -> AttributeResult:
    """The whole experiment. Cheap checks of the arguments come before the model is loaded."""
    asked = answered(args)
    _check_wrong(asked)
    model = context.model(args)
    end = readout(model)
    questions = [_question(model, item) for item in asked]
    found = analyse(
        model,
        end,
        questions,
        by_head=args.by == "head",
        seed=args.seed,
        max_tokens=args.max_tokens,
        progress=context.progress,
    )
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


def _question(model: LocalModel, item: Answered) -> Question:
    answer = model.answer_id(str(item.answer))
    wrong = None if item.wrong is None else model.answer_id(item.wrong)
    if answer == wrong:
        raise ToolInputError(
            f"answer {item.answer!r} and wrong {item.wrong!r} are the same token: nothing to tell apart"
        )
    return Question(model.ids(item.prompt), answer, wrong)


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
        f"{a.parts[a.chosen].name} writes {e.contribution:+.2f} {e.interval:+.2f} of the {what(a)} of "
        f"{a.logit.mean():.2f} directly ({e.prompts} prompts), against {e.unrelated:+.2f} to unrelated answers."
    )


def _values(a: Analysis) -> dict[str, float]:
    e, part = a.evidence, a.parts[a.chosen]
    kinds = dict.fromkeys(each.kind for each in a.parts)
    sums = {
        f"all_{kind}": a.own[[each.kind == kind for each in a.parts]].sum(0).mean()
        for kind in ("embedding", "head", "attention", "mlp", "constant")
        if kind in kinds
    }
    return telling.values(
        layer=part.layer,
        contribution=(e.contribution, e.interval),
        logit=a.logit.mean(),
        prompts=e.prompts,
        unrelated=e.unrelated,
        beyond=e.beyond,
        share=e.share,
        q=e.q,
        gap=e.gap,
        sum_error=e.sum_error,
        parts=len(a.parts),
        head=part.head,
        **sums,
    )


def _controls(a: Analysis) -> list[Control]:
    e = a.evidence
    return telling.controls(
        _MEANINGS,
        unrelated_answers=e.unrelated,
        unrelated_size=a.unrelated_size[a.chosen],
        gap=((a.logit - a.unrelated.sum(0)).mean(), e.gap),
        sum_error=e.sum_error,
    )


def _table(a: Analysis, page: int) -> Table:
    """The largest contributions of either sign, a page at a time."""
    count = len(a.parts)
    shown = telling.page(page, _ROWS, count, "components")
    order = ties.ranking(np.abs(a.mean), a.noise, shown.stop)[shown]
    logit = float(a.logit.mean())
    columns: dict[str, Sequence[telling.Cell]] = {
        "component": [a.parts[index].name for index in order],
        "contribution": telling.column(a.mean[order], 4),
        "interval": telling.ends(a.interval[order], "+.3f"),
        "unrelated answers": telling.column(a.unrelated[order].mean(1), 4),
        "size there": telling.column(a.unrelated_size[order], 4),
        "share": telling.column(a.mean[order] / logit, 4) if logit else [None] * len(order),
        "q": telling.column(a.q[order], 4),
    }
    return telling.table(columns, total=count)


def _save(folder: Path, a: Analysis) -> Path:
    """Every component as JSON, and every prompt's contributions as safetensors beside it."""
    import torch
    from safetensors.torch import save_file

    path = folder / "parts.json"
    parts = [
        {
            **{name: getattr(part, name) for name in ("name", "kind", "layer", "head")},
            "mean": float(a.mean[i]),
            "interval": a.interval[i].tolist(),
            "unrelated": float(a.unrelated[i].mean()),
            "q": float(a.q[i]),
        }
        for i, part in enumerate(a.parts)
    ]
    path.write_text(json.dumps({"attributed": what(a), "parts": parts}), encoding="utf-8")
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
    chart = figures.HeatMap(
        title=f"Direct attribution of the {what(a)}: {args.subject()} in {telling.short_name(model)}",
        about="What each component writes to the answer directly, averaged over prompts; on the right the same "
        "components' contribution to unrelated answers. 0 is grey, red is towards the answer, blue away from it.",
        panels=[figures.Panel("the answer", own), figures.Panel("unrelated answers", other)],
        rows=[str(layer) for layer in range(layers)],
        columns=columns,
        row_label="layer",
        column_label="component",
        unit="contribution (logits)",
        largest=float(np.nanmax(np.abs(own))) or 1.0,
        diverging=True,
        numbers=True,
    )
    return [figures.draw(folder, "attribution", chart)]


def _columns(a: Analysis) -> list[str]:
    found = dict.fromkeys(_column(a, i) for i, part in enumerate(a.parts) if part.layer >= 0)
    return [*(c for c in found if c != "mlp"), *(c for c in found if c == "mlp")]


def _column(a: Analysis, index: int) -> str:
    return a.parts[index].name.split(" ", 1)[-1]
