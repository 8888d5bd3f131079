"""The tools and their rows."""

from __future__ import annotations

import sys
import tempfile
import traceback
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from gadfly.evals.real import causes, device, reading, vectors
from gadfly.evals.real.asking import Row, Rows, Subject

TOOLS: dict[str, Callable[[Subject], Rows]] = {
    "model_info": reading.model_info,
    "tokenize": reading.tokenize,
    "activations": reading.activations,
    "lens": reading.lens,
    "patchscope": reading.patchscope,
    "attribute": causes.attribute,
    "patch": causes.patch,
    "ablate": causes.ablate,
    "attention": causes.attention,
    "probe": vectors.probe,
    "steer": vectors.steer,
    "sae": vectors.sae,
    "memory": device.memory,
}


def rows_of(s: Subject, tool: str) -> list[Row]:
    """The rows of a tool. A mistake of Gadfly's own is a row too, so that one tool does not hide the others."""
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as scratch:
        s.scratch = Path(scratch)
        try:
            for row in TOOLS[tool](s):
                rows.append(row._replace(tool=tool))  # memory asks another one
                print(f"{row.model} {row.tool}: {word(row.agreed)}: {row.said}", file=sys.stderr)
        except Exception as error:
            traceback.print_exc()
            said = s.named(f"{type(error).__name__}: {error}".splitlines()[0])
            rows.append(Row(tool, s.name, f"gadfly {tool}", "it runs", said, "", False, 0.0))
    return rows


def in_float32(s: Subject, measured: Sequence[Row], tool: str) -> list[Row]:
    """Whether a tool's verdicts in another dtype are those in float32.

    Args:
        measured: the rows of the tool in the dtype of ``s``.
    """
    exact = [row for row in rows_of(replace(s, dtype="float32"), tool) if row.verdict]
    here = [row for row in measured if row.verdict]
    if len(here) != len(exact):
        told = f"{len(here)} verdicts, and {len(exact)} in float32"
        return [Row(tool, s.name, f"gadfly {tool}", "as many as in float32", told, "", False, 0.0)]
    return [
        one._replace(
            fact=f"{other.verdict}, as in float32",
            said=one.verdict,
            agreed=one.verdict == other.verdict,
        )
        for one, other in zip(here, exact, strict=True)
    ]


def word(agreed: bool) -> str:
    """Whether a row agrees, in a word."""
    return "yes" if agreed else "NO"
