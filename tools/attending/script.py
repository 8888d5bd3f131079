"""The stand-alone repeat of a head's score: eager attention in plain transformers, one sequence at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gadfly.tools import scripting

if TYPE_CHECKING:
    from gadfly.tools.attending.heads import Found, Scores, Sequences
    from gadfly.tools.model import LocalModel


def script(model: LocalModel, sequences: Sequences, found: Found, scores: Scores) -> str:
    """The script that recomputes the first kind's best head over all sequences."""
    back = {"induction": sequences.length - 1, "duplicate": sequences.length, "previous": 1}
    first = sequences.start + sequences.length
    last = first + sequences.length - (1 if found.kind == "induction" else 0)
    index = found.layer * scores.heads + found.head
    rows = sequences.plain if found.kind == "previous" else sequences.repeated
    return scripting.script(
        model,
        "attending",
        layer=found.layer,
        head=found.head,
        back=back[found.kind],
        first=first,
        last=last,
        sequences=rows,
        expected=float(scores.own[found.kind][index].mean()),
    )
