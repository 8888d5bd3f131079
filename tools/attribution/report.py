"""From an attribution to what a person, a receipt and a re-run need."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from gadfly.errors import ToolInputError
from gadfly.tools import figures, scripting, telling, ties
from gadfly.tools.answered import Answered, answered
from gadfly.tools.attribution.analysis import Analysis, Question, analyse
from gadfly.tools.attribution.arguments import AttributeArgs, AttributeResult
from gadfly.tools.attribution.verdict import judge
from gadfly.tools.contract import Context, Figure, Table
from gadfly.tools.model import LocalModel
from gadfly.tools.readout import readout
from gadfly.tools.spelling import Answers

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
    with_wrong = sum(item.wrong is not None for item in asked)
    if with_wrong not in (0, len(asked)):
        raise ToolInputError(
            f"{with_wrong} of {len(asked)} prompts have a wrong answer; give one with each, or with none"
        )
    model = context.model(args)
    end = readout(model)
    answers = Answers(model)
    questions = [_question(model, answers, item) for item in asked]
    found = analyse(
        model,
        end,
        questions,
        by_head=args.by == "head",
        seed=args.seed,
        max_tokens=args.max_tokens,
        progress=context.progress,
    )
    e, part = found.evidence, found.parts[found.chosen]
    verdict, why = judge(e)
    notes = [
        *answers.notes(),
        "direct effects only: what a component does through later ones is not in its number",
    ]
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
    told = telling.held_out(_held_out(e.prompts), e.prompts, "prompt")
    return AttributeResult(
        headline=(
            f"{part.name} writes {e.contribution:+.2f} {e.interval:+.2f} of the {what(found)} of "
            f"{e.logit:.2f} directly ({told}), against {e.unrelated:+.2f} to unrelated answers."
        ),
        verdict=verdict,
        why=why,
        values=telling.values(
            layer=part.layer,
            contribution=(e.contribution, e.interval),
            logit_held_out=e.logit,
            logit=found.logit.mean(),
            prompts=e.prompts,
            prompts_held_out=_held_out(e.prompts),
            unrelated=e.unrelated,
            beyond=e.beyond,
            share=e.share,
            p=e.p,
            gap=e.gap,
            sum_error=e.sum_error,
            parts=len(found.parts),
            head=part.head,
            **_sums(found),
        ),
        controls=telling.controls(
            _MEANINGS,
            unrelated_answers=e.unrelated,
            unrelated_size=found.unrelated_size[found.chosen],
            gap=((found.logit - found.unrelated.sum(0)).mean(), e.gap),
            sum_error=e.sum_error,
        ),
        table=_table(found, args.page),
        figures=_figures(folder, found, args, model),
        notes=notes,
        reproduce=_script(model, found),
        parts=str(_save(folder, found)),
    )


def _question(model: LocalModel, answers: Answers, item: Answered) -> Question:
    answer = answers.id(item.prompt, str(item.answer), beside=item.wrong)
    wrong = None
    if item.wrong is not None:
        wrong = answers.id(item.prompt, item.wrong, beside=str(item.answer))
    if answer == wrong:
        raise ToolInputError(
            f"answer {item.answer!r} and wrong {item.wrong!r} are the same token: nothing to tell apart"
        )
    return Question(model.ids(item.prompt), answer, wrong)


def _held_out(count: int) -> int:
    """How many prompts the choice of the component did not see; of one alone, that one."""
    return count // 2 or count


def what(a: Analysis) -> str:
    """What is attributed."""
    return "logit" if a.questions[0].wrong is None else "logit difference"


def _sums(a: Analysis) -> dict[str, float]:
    """What all components of a kind write together."""
    kinds = dict.fromkeys(each.kind for each in a.parts)
    return {
        f"all_{kind}": a.own[[each.kind == kind for each in a.parts]].sum(0).mean()
        for kind in ("embedding", "head", "attention", "mlp", "constant")
        if kind in kinds
    }


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
        "p": telling.column(a.p[order], 4),
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
            "interval": a.interval[i].tolist() if len(a.questions) > 1 else None,
            "unrelated": float(a.unrelated[i].mean()),
            "p": float(a.p[i]),
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
    named = dict.fromkeys(_column(a, i) for i, part in enumerate(a.parts) if part.layer >= 0)
    columns = [*(c for c in named if c != "mlp"), *(c for c in named if c == "mlp")]
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


def _column(a: Analysis, index: int) -> str:
    return a.parts[index].name.split(" ", 1)[-1]


def _script(model: LocalModel, a: Analysis) -> str:
    """Recomputes the reported component's mean contribution: its output through the frozen norm, a prompt at a time.

    Empty for a learned position embedding or the token's beside one, which the script does not separate.
    """
    part = a.parts[a.chosen]
    if part.name in ("token embedding", "position embedding"):
        return ""
    return scripting.script(
        model,
        "attribution",
        kind=part.kind,
        layer=part.layer,
        head=part.head or 0,
        heads=model.heads,
        scale=readout(model).scale,
        prompts=[[q.ids, q.answer, q.wrong] for q in a.questions],
        expected=float(a.mean[a.chosen]),
    )
