"""From head scores and patterns to what a person, a receipt and a re-run need."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from gadfly.errors import ToolInputError
from gadfly.tools import heatmap, ties
from gadfly.tools.attending import AttentionArgs, AttentionResult, Link
from gadfly.tools.attending.heads import (
    KINDS,
    Found,
    Scores,
    judge_heads,
    make_sequences,
    score,
)
from gadfly.tools.attending.patterns import shape_of, visit_patterns
from gadfly.tools.attending.script import script
from gadfly.tools.attending.verdict import judge, together
from gadfly.tools.contract import Context, Control, Figure, Table, Verdict
from gadfly.tools.rows import batch_of

if TYPE_CHECKING:
    from torch import Tensor

    from gadfly.tools.model import LocalModel

_ROWS = 30
_LINKS = 24
_MOST_SHOWN = 48  # tokens of a pattern in a figure
_MOST_KEPT = 64 * 2**20  # bytes of patterns on disk
_NAMES = {"induction": "induction", "duplicate": "duplicate-token", "previous": "previous-token"}
_CONTROL = {
    "induction": "attention at the same distance where nothing repeats: the head looks so far back anyway",
    "duplicate": "attention at the same distance where nothing repeats: the head looks so far back anyway",
    "previous": "mean attention to the other earlier tokens: the head attends broadly",
}


def run(args: AttentionArgs, context: Context) -> AttentionResult:
    """The whole experiment."""
    model = context.model(args)
    heads, groups = shape_of(model)
    _check(args, model, heads)
    kinds = KINDS if args.kind == "all" else (args.kind,)
    sequences = make_sequences(model, args.sequences, args.length, args.seed)
    scores = score(model, sequences, max_tokens=args.max_tokens, progress=context.progress)
    found = judge_heads(scores, kinds, args.seed)
    judged = {kind: judge(each.evidence) for kind, each in found.items()}
    verdict, why = together(judged) if len(judged) > 1 else next(iter(judged.values()))
    folder = context.artifacts()
    ids = sequences.repeated[0] if args.prompt is None else model.ids(args.prompt)
    patterns = _patterns(model, ids)
    shown = _shown(args, found, heads)
    return AttentionResult(
        headline="; ".join(_line(each) for each in found.values()) + f" ({args.sequences} sequences).",
        verdict=verdict,
        why=why,
        values=_values(found, judged) | {"sequences": float(args.sequences)},
        controls=[
            Control(name=f"{kind}_control", value=each.evidence.control, meaning=_CONTROL[kind])
            for kind, each in found.items()
        ],
        table=_table(scores, found, args.page, heads // groups),
        figures=_figures(folder, model, scores, kinds, patterns, shown, ids),
        notes=_notes(args, model, heads, groups),
        reproduce=script(model, sequences, next(iter(found.values())), scores),
        links=_links(model, patterns, shown, ids, scores.noise),
        patterns=_keep(folder, patterns, ids),
    )  # fmt: skip


def _check(args: AttentionArgs, model: LocalModel, heads: int) -> None:
    if args.layer is not None and args.layer >= model.num_layers:
        raise ToolInputError(
            f"no layer {args.layer}; {model.name} has layers 0 to {model.num_layers - 1}"
        )
    if args.head is not None and args.head >= heads:
        raise ToolInputError(f"no head {args.head}; {model.name} has heads 0 to {heads - 1}")
    if args.head is not None and args.layer is None:
        raise ToolInputError("give a layer with the head")


def _line(each: Found) -> str:
    e = each.evidence
    return (
        f"The most {_NAMES[each.kind]}-like head is L{each.layer} head {each.head}: {e.score:.2f} "
        f"[{e.interval.low:.2f}, {e.interval.high:.2f}] of its attention goes there, {e.control:.2f} in the control"
    )


def _values(found: dict[str, Found], judged: dict[str, tuple[Verdict, str]]) -> dict[str, float]:
    values: dict[str, float] = {}
    for kind, each in found.items():
        e = each.evidence
        values |= {
            f"{kind}_layer": float(each.layer),
            f"{kind}_head": float(each.head),
            f"{kind}_score": e.score,
            f"{kind}_score_low": e.interval.low,
            f"{kind}_score_high": e.interval.high,
            f"{kind}_beyond_low": e.beyond.low,
            f"{kind}_beyond_high": e.beyond.high,
            f"{kind}_q": e.q,
            f"{kind}_supported": float(judged[kind][0] is Verdict.SUPPORTED),
        }
    return {name: round(value, 6) for name, value in values.items()}


def _table(scores: Scores, found: dict[str, Found], page: int, share: int) -> Table:
    """Heads by their largest excess over the control, a page at a time."""
    excess = np.stack([scores.beyond(kind).mean(1) for kind in found])
    count = excess.shape[1]
    pages = -(-count // _ROWS)
    if page > pages:
        raise ToolInputError(f"there is no page {page}; the {count} heads fill {pages}")
    order = ties.ranking(excess.max(0), scores.noise, page * _ROWS)
    rows: list[list[str | int | float | None]] = []
    for index in order[(page - 1) * _ROWS :]:
        layer, head = divmod(index, scores.heads)
        row: list[str | int | float | None] = [layer, head, head // share]
        for kind, each in found.items():
            row += [
                round(float(scores.own[kind][index].mean()), 3),
                round(float(scores.control[kind][index].mean()), 3),
                round(float(each.q[index]), 4),
            ]
        rows.append(row)
    columns = ["layer", "head", "key-value head"]
    for kind in found:
        columns += [kind, f"{kind} control", f"{kind} q"]
    return Table(columns=columns, rows=rows, total=count)


def _notes(args: AttentionArgs, model: LocalModel, heads: int, groups: int) -> list[str]:
    notes = ["a pattern shows where a head looks, not what it moves; patch or ablate tests that"]
    if groups < heads:
        notes.append(f"{heads} query heads share {groups} key-value heads, {heads // groups} each")
    window = getattr(model.module.config, "sliding_window", None)
    if window and window < args.length + 1:
        notes.append(
            f"layers with a sliding window of {window} tokens cannot look {args.length} back; try a smaller length"
        )
    return notes


def _patterns(model: LocalModel, ids: list[int]) -> Tensor:
    """Every head on one text, [layers, heads, destination, source]."""
    import torch

    kept: list[Tensor] = []
    visit_patterns(model, batch_of(model, [ids]), lambda _, weights: kept.append(weights[0].cpu()))
    return torch.stack(kept)


def _shown(args: AttentionArgs, found: dict[str, Found], heads: int) -> list[tuple[int, int]]:
    """Which heads are drawn: the asked ones, else the best of each kind."""
    if args.layer is not None:
        return [(args.layer, args.head)] if args.head is not None else [
            (args.layer, head) for head in range(min(heads, 12))
        ]  # fmt: skip
    return list(dict.fromkeys((each.layer, each.head) for each in found.values()))


def _links(
    model: LocalModel, patterns: Tensor, shown: list[tuple[int, int]], ids: list[int], noise: float
) -> list[Link]:
    """The strongest entries of the shown heads; what everything attends to, the first token, is left out."""
    words = labels(model, ids)
    found = []
    for layer, head in shown:
        grid = patterns[layer, head].clone()
        grid[:, 0] = 0
        for place in ties.ranking(grid.flatten().numpy(), noise, max(1, _LINKS // len(shown))):
            to, source = divmod(place, grid.shape[1])
            value = float(grid[to, source])
            found.append(
                Link(
                    layer=layer, head=head, destination=words[to], source=words[source],
                    probability=round(value, 4),
                )
            )  # fmt: skip
    return found


def labels(model: LocalModel, ids: list[int]) -> list[str]:
    """Position and token, so that repeated tokens stay apart."""
    return [f"{place} {word}" for place, word in enumerate(model.tokens(ids))]


def _keep(folder: Path, patterns: Tensor, ids: list[int]) -> str:
    import torch
    from safetensors.torch import save_file

    if patterns.numel() * 4 > _MOST_KEPT:
        return ""
    path = folder / "patterns.safetensors"
    about = {"axes": "layer, head, destination, source"}
    save_file({"patterns": patterns.contiguous(), "ids": torch.tensor(ids)}, str(path), about)
    return str(path)


def _figures(
    folder: Path, model: LocalModel, scores: Scores, kinds: tuple[str, ...], patterns: Tensor,
    shown: list[tuple[int, int]], ids: list[int],
) -> list[Figure]:  # fmt: skip
    where = Path(model.name).name
    shape = (model.num_layers, scores.heads)
    title = f"Head scores on repeated random sequences in {where}"
    chart = heatmap.HeatMap(
        title=title,
        about="Mean attention probability at the place that defines each kind, and at the same place in its control.",
        panels=[
            heatmap.Panel(name, values.mean(1).reshape(shape))
            for kind in kinds
            for name, values in ((_NAMES[kind], scores.own[kind]), (f"{_NAMES[kind]}, control", scores.control[kind]))
        ],
        rows=[str(layer) for layer in range(shape[0])],
        columns=[str(head) for head in range(shape[1])],
        row_label="layer",
        column_label="head",
        unit="attention probability",
        numbers=True,
    )  # fmt: skip
    png, html = heatmap.draw(folder, "heads", chart)
    figures = [Figure(title=title, png=str(png), html=str(html))]
    cut = slice(0, _MOST_SHOWN)
    words = labels(model, ids)[cut]
    title = f"Attention patterns in {where}"
    chart = heatmap.HeatMap(
        title=title,
        about="Each row is a position that looks (destination) and sums to 1 over the positions it looks at (source).",
        panels=[
            heatmap.Panel(f"L{layer} head {head}", patterns[layer, head][cut, cut].double().numpy())
            for layer, head in shown
        ],
        rows=words,
        columns=words,
        row_label="destination",
        column_label="source",
        unit="attention probability",
        upwards=False,
    )
    png, html = heatmap.draw(folder, "patterns", chart)
    return [*figures, Figure(title=title, png=str(png), html=str(html))]
