"""From head scores and patterns to what a person, a receipt and a re-run need."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from gadfly.errors import ToolInputError
from gadfly.tools import figures, scripting, stats, telling, ties
from gadfly.tools.arrays import Tensor
from gadfly.tools.attending.arguments import AttentionArgs, AttentionResult, Link
from gadfly.tools.attending.heads import (
    KINDS,
    Found,
    Scores,
    Sequences,
    judge_heads,
    make_sequences,
    score,
)
from gadfly.tools.attending.patterns import shape_of, visit_patterns
from gadfly.tools.attending.verdict import judge, together
from gadfly.tools.contract import Context, Figure, Table, Verdict
from gadfly.tools.model import LocalModel

_ROWS = 30
_LINKS = 24
_MOST_SHOWN = 48  # tokens of a pattern in a figure
_MOST_KEPT = 64 * 2**20  # bytes of patterns on disk
_NAMES = {"induction": "induction", "duplicate": "duplicate-token", "previous": "previous-token"}
_BROAD = "attention at the same distance where nothing repeats: the head looks so far back anyway"
_MEANINGS = {
    "induction_control": _BROAD,
    "duplicate_control": _BROAD,
    "previous_control": "mean attention to the other earlier tokens: the head attends broadly",
}


def run(args: AttentionArgs, context: Context) -> AttentionResult:
    """The whole experiment."""
    model = context.model(args)
    heads, groups = shape_of(model)
    if args.layer is not None:
        model.check_layer(args.layer)
    if args.head is not None and args.head >= heads:
        raise ToolInputError(f"no head {args.head}; {model.name} has heads 0 to {heads - 1}")
    if args.head is not None and args.layer is None:
        raise ToolInputError("give a layer with the head")
    kinds = KINDS if args.kind == "all" else (args.kind,)
    sequences = make_sequences(model, args.sequences, args.length, args.seed)
    scores = score(model, sequences, max_tokens=args.max_tokens, progress=context.progress)
    found = judge_heads(scores, kinds, args.seed)
    judged = {kind: judge(each.evidence) for kind, each in found.items()}
    verdict, why = together(judged) if len(judged) > 1 else next(iter(judged.values()))
    held = int(stats.halves(args.sequences, args.seed)[1].sum())
    told = telling.held_out(held, args.sequences, "sequence")
    folder = context.artifacts()
    ids = sequences.repeated[0] if args.prompt is None else model.ids(args.prompt)
    patterns = _patterns(model, ids)
    shown = _shown(args, found, heads)
    measured: dict[str, telling.Measured] = {}
    for kind, each in found.items():
        measured |= _values(each, judged[kind][0])
    return AttentionResult(
        headline=f"Of the heads, {'; '.join(map(_line, found.values()))} ({told}).",
        verdict=verdict,
        why=why,
        values=telling.values(**measured, sequences_held_out=held, sequences=args.sequences),
        controls=telling.controls(
            _MEANINGS, **{f"{kind}_control": each.evidence.control for kind, each in found.items()}
        ),
        table=_table(scores, found, args.page, heads // groups),
        figures=_figures(folder, model, scores, kinds, patterns, shown, ids),
        notes=_notes(args, model, heads, groups),
        reproduce=_script(model, sequences, next(iter(found.values())), scores),
        links=_links(model, patterns, shown, ids, scores.noise),
        patterns=_keep(folder, patterns, ids),
    )


def _line(each: Found) -> str:
    e = each.evidence
    return (
        f"the most {_NAMES[each.kind]}-like is L{each.layer} head {each.head}: {e.score:.2f} {e.interval:.2f} "
        f"of its attention goes there, {e.control:.2f} in the control"
    )


def _values(each: Found, verdict: Verdict) -> dict[str, telling.Measured]:
    e = each.evidence
    of_head: dict[str, telling.Measured] = {
        "layer": each.layer,
        "head": each.head,
        "score": (e.score, e.interval),
        "beyond": e.beyond,
        "p": e.p,
        "supported": verdict is Verdict.SUPPORTED,
    }
    return {f"{each.kind}_{name}": value for name, value in of_head.items()}


def _table(scores: Scores, found: dict[str, Found], page: int, share: int) -> Table:
    """Heads by their largest excess over the control, a page at a time."""
    excess = np.stack([scores.beyond(kind).mean(1) for kind in found])
    count = excess.shape[1]
    shown = telling.page(page, _ROWS, count, "heads")
    order = ties.ranking(excess.max(0), scores.noise, shown.stop)[shown]
    columns: dict[str, Sequence[telling.Cell]] = {
        "layer": [index // scores.heads for index in order],
        "head": [index % scores.heads for index in order],
        "key-value head": [index % scores.heads // share for index in order],
    }
    for kind, each in found.items():
        columns[kind] = telling.column(scores.own[kind][order].mean(1), 3)
        columns[f"{kind} control"] = telling.column(scores.control[kind][order].mean(1), 3)
        columns[f"{kind} p"] = telling.column(each.p[order], 4)
    return telling.table(columns, total=count)


def _notes(args: AttentionArgs, model: LocalModel, heads: int, groups: int) -> list[str]:
    notes = [
        "a pattern shows where a head looks, not what it moves; patch or ablate tests that",
        "the headline is of sequences that the choice of the head did not see; the table is of all",
    ]
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
    visit_patterns(model, model.batch_of([ids]), lambda _, weights: kept.append(weights[0].cpu()))
    return torch.stack(kept)


def _shown(args: AttentionArgs, found: dict[str, Found], heads: int) -> list[tuple[int, int]]:
    """Which heads are drawn: the asked ones, else the best of each kind."""
    if args.layer is not None:
        asked = range(min(heads, 12)) if args.head is None else [args.head]
        return [(args.layer, head) for head in asked]
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
            found.append(
                Link(
                    layer=layer,
                    head=head,
                    destination=words[to],
                    source=words[source],
                    probability=round(float(grid[to, source]), 4),
                )
            )
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
    folder: Path,
    model: LocalModel,
    scores: Scores,
    kinds: Iterable[str],
    patterns: Tensor,
    shown: list[tuple[int, int]],
    ids: list[int],
) -> list[Figure]:
    where = telling.short_name(model)
    shape = (model.num_layers, scores.heads)
    panels = []
    for kind in kinds:
        panels += [
            figures.Panel(_NAMES[kind], scores.own[kind].mean(1).reshape(shape)),
            figures.Panel(f"{_NAMES[kind]}, control", scores.control[kind].mean(1).reshape(shape)),
        ]
    heads = figures.HeatMap(
        title=f"Head scores on repeated random sequences in {where}",
        about="Mean attention probability at the place that defines each kind, and at the same place in its control.",
        panels=panels,
        rows=[str(layer) for layer in range(shape[0])],
        columns=[str(head) for head in range(shape[1])],
        row_label="layer",
        column_label="head",
        unit="attention probability",
        numbers=True,
    )
    cut = slice(0, _MOST_SHOWN)
    words = labels(model, ids)[cut]
    looks = figures.HeatMap(
        title=f"Attention patterns in {where}",
        about="Each row is a position that looks (destination) and sums to 1 over the positions it looks at (source).",
        panels=[
            figures.Panel(f"L{layer} head {head}", patterns[layer, head][cut, cut].double().numpy())
            for layer, head in shown
        ],
        rows=words,
        columns=words,
        row_label="destination",
        column_label="source",
        unit="attention probability",
        upwards=False,
    )
    return [figures.draw(folder, "heads", heads), figures.draw(folder, "patterns", looks)]


def _script(model: LocalModel, sequences: Sequences, found: Found, scores: Scores) -> str:
    """Recomputes the first kind's best head over all sequences, by eager attention, one sequence at a time."""
    back = {"induction": sequences.length - 1, "duplicate": sequences.length, "previous": 1}
    first = sequences.start + sequences.length
    last = first + sequences.length - (1 if found.kind == "induction" else 0)
    index = found.layer * scores.heads + found.head
    return scripting.script(
        model,
        "attending",
        layer=found.layer,
        head=found.head,
        back=back[found.kind],
        first=first,
        last=last,
        sequences=sequences.plain if found.kind == "previous" else sequences.repeated,
        expected=float(scores.own[found.kind][index].mean()),
    )
