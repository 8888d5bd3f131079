"""From a patchscope experiment to what a person, a receipt and a re-run need."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from gadfly.tools import figures, scripting, telling
from gadfly.tools.answered import answered
from gadfly.tools.contract import Context, Control, Figure, Table
from gadfly.tools.logit_lens.analysis import make_units
from gadfly.tools.model import LocalModel
from gadfly.tools.patchscopes.analysis import Analysis, analyse
from gadfly.tools.patchscopes.arguments import PatchscopeArgs, PatchscopeResult
from gadfly.tools.patchscopes.target import read_target
from gadfly.tools.patchscopes.verdict import judge
from gadfly.tools.spelling import Answers

_MOST_ROWS = 48
_MEANINGS = {
    "other_answers": "mean log-probability of other prompts' answers: any answer of this kind would come out",
    "no_state": "log-probability of the answer with nothing put in: the target says it anyway",
    "other_prompts_states": "log-probability of the answer after another prompt's state: any state brings it out",
    "token_itself": "log-probability of the answer with the token written there: its state need hold nothing more",
}


def run(args: PatchscopeArgs, context: Context) -> PatchscopeResult:
    """The whole experiment. Cheap checks of the arguments come before the model is loaded."""
    asked = answered(args)
    model = context.model(args)
    target = read_target(model, args.target)
    texts = [item.prompt for item in asked]
    rows = [model.ids(text) for text in texts]
    spelling = Answers(model)
    # The answer follows the target, or the read token where that stands last.
    after = args.target.replace("{}", "x") if args.target.split("{}")[1].strip() else None
    answers = [spelling.id(after or item.prompt, str(item.answer)) for item in asked]
    units = make_units(model, rows, answers, args.seed)
    found = analyse(
        model,
        target,
        texts,
        units,
        back=args.back,
        into=args.into,
        seed=args.seed,
        max_rows=args.max_rows,
        progress=context.progress,
    )
    e, layer = found.evidence, found.chosen
    verdict, why = judge(e)
    into = "" if args.into is None else f", put after layer {args.into},"
    notes = [*spelling.notes(), *found.notes]
    same = sum(ids[args.back] == answer for ids, answer in zip(rows, answers, strict=True))
    if same:
        notes.append(
            f"in {same} of {len(rows)} prompts the token that is read is the answer itself: repeating it shows "
            "nothing but that the state still holds its token"
        )
    return PatchscopeResult(
        headline=(
            f"Read by {args.target!r}, the state after layer {layer}{into} gives the answer on top in {e.top:.2f} "
            f"{e.top_interval:.2f} of the prompts ({args.subject()}), {e.advantage:+.2f} nats {e.over_answers:+.2f} "
            f"above other answers and {e.over_token:+.2f} above what its token gives."
        ),
        verdict=verdict,
        why=why,
        values=telling.values(
            layer=layer,
            top_share=(e.top, e.top_interval),
            advantage=(e.advantage, e.over_answers),
            beyond_nothing_low=e.over_nothing.low,
            beyond_token=e.over_token,
            token_itself=found.token.mean(),
            log_probability=found.logp[layer].mean(),
            median_rank=np.median(found.rank[layer]),
            p=e.p,
            units=e.units,
            beyond_donors_low=e.over_donors and e.over_donors.low,
        ),
        controls=_controls(found),
        table=_table(found, model),
        figures=[_figure(context.artifacts(), found, model, args.subject())],
        notes=notes,
        reproduce=scripting.script(
            model,
            "patchscopes",
            layer=layer,
            into=layer if args.into is None else args.into,
            back=args.back,
            target=target.ids,
            slot=target.slot,
            units=[[unit.ids, unit.target] for unit in found.units],
            expected=float(found.logp[layer].mean()),
        ),
    )


def _controls(a: Analysis) -> list[Control]:
    e = a.evidence
    above = {
        "other_answers": e.over_answers,
        "no_state": e.over_nothing,
        "other_prompts_states": e.over_donors,
        "token_itself": e.over_token,
    }
    meanings = dict(_MEANINGS)
    for name, beyond in above.items():
        if beyond is not None:
            meanings[name] += f"; the answer is {beyond:+.2f} nats above it"
    return telling.controls(
        meanings,
        other_answers=a.other_logp[a.chosen].mean(),
        no_state=a.alone.mean(),
        other_prompts_states=None if e.over_donors is None else _donors(a)[a.chosen],
        token_itself=a.token.mean(),
    )


def _donors(a: Analysis) -> Sequence[float | None]:
    """After other prompts' states, by layer."""
    return [None] * len(a.rank) if a.donor_logp is None else a.donor_logp.mean(1).tolist()


def _table(a: Analysis, model: LocalModel) -> Table:
    total = len(a.rank)
    columns: dict[str, Sequence[telling.Cell]] = {
        "layer": range(total),
        "on top": telling.column((a.rank == 0).mean(1), 3),
        "median rank": telling.column(np.median(a.rank, axis=1), 1),
        "log p": telling.column(a.logp.mean(1), 3),
        "other answers": telling.column(a.other_logp.mean(1), 3),
        "other states": [None if each is None else round(each, 3) for each in _donors(a)],
        "p": telling.column(a.p, 4),
        "says, 1st prompt": model.tokens([int(token) for token in a.top[:, 0]]),
        "": ["reported" if layer == a.chosen else "" for layer in range(total)],
    }
    return telling.table(columns, telling.thinned(total, _MOST_ROWS, (a.chosen,)))


def _figure(folder: Path, a: Analysis, model: LocalModel, subject: str) -> Figure:
    curves = {
        "answer": a.logp,
        "other answers": a.other_logp,
        "answer, another prompt's state": a.donor_logp,
    }
    chart = figures.Chart(
        f"Patchscope of {subject} in {telling.short_name(model)}",
        "layer the state is from",
        "mean log-probability (nats)",
        [
            figures.Line(name, range(len(a.rank)), values.mean(1))
            for name, values in curves.items()
            if values is not None
        ],
        marked=a.chosen,
    )
    return figures.draw(folder, "patchscope", chart)
