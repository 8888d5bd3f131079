"""From a patchscope experiment to what a person, a receipt and a re-run need."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from gadfly.tools import curves
from gadfly.tools.answered import answered
from gadfly.tools.contract import Context, Control, Figure, Table
from gadfly.tools.logit_lens.analysis import make_units
from gadfly.tools.model import LocalModel
from gadfly.tools.patchscopes import PatchscopeArgs, PatchscopeResult
from gadfly.tools.patchscopes.analysis import Analysis, analyse
from gadfly.tools.patchscopes.script import script
from gadfly.tools.patchscopes.target import read_target
from gadfly.tools.patchscopes.verdict import judge
from gadfly.tools.stats import Interval

_MOST_ROWS = 48


def run(args: PatchscopeArgs, context: Context) -> PatchscopeResult:
    """The whole experiment. Cheap checks of the arguments come before the model is loaded."""
    asked = answered(args)
    model = context.model(args)
    target = read_target(model, args.target)
    texts = [item.prompt for item in asked]
    rows = [model.ids(text) for text in texts]
    answers = [model.answer_id(str(item.answer)) for item in asked]
    units = make_units(model, rows, answers, args.seed)
    found = analyse(
        model, target, texts, units, back=args.back, into=args.into, seed=args.seed,
        max_rows=args.max_rows, progress=context.progress,
    )  # fmt: skip
    verdict, why = judge(found.evidence)
    notes = list(found.notes)
    same = sum(ids[args.back] == answer for ids, answer in zip(rows, answers, strict=True))
    if same:
        notes.append(
            f"in {same} of {len(rows)} prompts the token that is read is the answer itself: repeating it shows "
            "nothing but that the state still holds its token"
        )
    if found.logp[found.chosen].mean() <= found.token.mean() + 0.1:
        notes.append(
            "the token itself, written into the target, brings the answer out as much: the state is not shown to hold "
            "more than its token"
        )
    return PatchscopeResult(
        headline=_headline(found, args),
        verdict=verdict,
        why=why,
        values=_values(found),
        controls=_controls(found),
        table=_table(found, model),
        figures=[_figure(context.artifacts(), found, model, args.subject())],
        notes=notes,
        reproduce=script(model, target, found, args),
    )


def _headline(a: Analysis, args: PatchscopeArgs) -> str:
    e = a.evidence
    into = "" if args.into is None else f", put after layer {args.into},"
    return (
        f"Read by {args.target!r}, the state after layer {a.chosen}{into} gives the answer on top in {e.top:.2f} "
        f"[{e.top_interval.low:.2f}, {e.top_interval.high:.2f}] of the prompts ({args.subject()}), {e.advantage:+.2f} "
        f"nats [{e.over_answers.low:+.2f}, {e.over_answers.high:+.2f}] above other answers."
    )


def _values(a: Analysis) -> dict[str, float]:
    e = a.evidence
    values = {
        "layer": float(a.chosen),
        "top_share": e.top,
        "top_share_low": e.top_interval.low,
        "top_share_high": e.top_interval.high,
        "advantage": e.advantage,
        "advantage_low": e.over_answers.low,
        "advantage_high": e.over_answers.high,
        "beyond_nothing_low": e.over_nothing.low,
        "token_itself": float(a.token.mean()),
        "log_probability": float(a.logp[a.chosen].mean()),
        "median_rank": float(np.median(a.rank[a.chosen])),
        "q": e.q,
        "units": float(e.units),
    }
    if e.over_donors is not None:
        values["beyond_donors_low"] = e.over_donors.low
    return {name: round(value, 6) for name, value in values.items()}


def _controls(a: Analysis) -> list[Control]:
    e = a.evidence

    def of(name: str, value: float, beyond: Interval, meaning: str) -> Control:
        return Control(
            name=name,
            value=value,
            meaning=f"{meaning}; the answer is {beyond.low:+.2f} to {beyond.high:+.2f} nats above it",
        )

    found = [
        of(
            "other_answers", float(a.other_logp[a.chosen].mean()), e.over_answers,
            "mean log-probability of other prompts' answers: any answer of this kind would come out",
        ),
        of(
            "no_state", float(a.alone.mean()), e.over_nothing,
            "log-probability of the answer with nothing put in: the target says it anyway",
        ),
    ]  # fmt: skip
    if a.donor_logp is not None and e.over_donors is not None:
        found.append(
            of(
                "other_prompts_states", float(a.donor_logp[a.chosen].mean()), e.over_donors,
                "log-probability of the answer after another prompt's state: any state brings it out",
            )
        )  # fmt: skip
    found.append(
        Control(
            name="token_itself", value=float(a.token.mean()),
            meaning="log-probability of the answer with the token written there: its state need hold nothing more",
        )
    )  # fmt: skip
    return found


def _table(a: Analysis, model: LocalModel) -> Table:
    rows: list[list[str | int | float | None]] = []
    for layer in range(len(a.rank)):
        donor = None if a.donor_logp is None else round(float(a.donor_logp[layer].mean()), 3)
        rows.append([
            layer, round(float((a.rank[layer] == 0).mean()), 3), round(float(np.median(a.rank[layer])), 1),
            round(float(a.logp[layer].mean()), 3), round(float(a.other_logp[layer].mean()), 3), donor,
            round(float(a.q[layer]), 4), model.tokens([int(a.top[layer, 0])])[0],
            "reported" if layer == a.chosen else "",
        ])  # fmt: skip
    total = len(rows)
    if total > _MOST_ROWS:  # token-bounded: every second, third, ... layer, with the reported one
        keep = sorted({*range(0, total, -(-total // (_MOST_ROWS - 1))), a.chosen})
        rows = [rows[layer] for layer in keep]
    columns = [
        "layer", "on top", "median rank", "log p", "other answers", "other states", "q", "says, 1st prompt", "",
    ]  # fmt: skip
    return Table(columns=columns, rows=rows, total=total)


def _figure(folder: Path, a: Analysis, model: LocalModel, subject: str) -> Figure:
    x = [float(layer) for layer in range(len(a.rank))]
    lines = [
        curves.Line(name, x, [float(v) for v in values.mean(1)])
        for name, values in (
            ("answer", a.logp), ("other answers", a.other_logp), ("answer, another prompt's state", a.donor_logp),
        )
        if values is not None
    ]  # fmt: skip
    title = f"Patchscope of {subject} in {Path(model.name).name}"
    chart = curves.Chart(
        title, "layer the state is from", "mean log-probability (nats)", lines, marked=a.chosen
    )
    png, html = curves.draw(folder, "patchscope", chart)
    return Figure(title=title, png=str(png), html=str(html))
