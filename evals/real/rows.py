"""The tools and their rows."""

from __future__ import annotations

import sys
import tempfile
import traceback
from collections.abc import Callable
from pathlib import Path

from gadfly.evals.real import causes, reading, vectors
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
}


def rows_of(s: Subject, tool: str) -> list[Row]:
    """The rows of a tool. A mistake of Gadfly's own is a row too, so that one tool does not hide the others."""
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as scratch:
        s.scratch = Path(scratch)
        try:
            for row in TOOLS[tool](s):
                rows.append(row)
                print(f"{row.model} {row.tool}: {word(row.agreed)}: {row.said}", file=sys.stderr)
        except Exception as error:
            traceback.print_exc()
            said = f"{type(error).__name__}: {error}".splitlines()[0]
            rows.append(Row(tool, s.name, f"gadfly {tool}", "it runs", said, "", False, 0.0))
    return rows


def word(agreed: bool) -> str:
    """Whether a row agrees, in a word."""
    return "yes" if agreed else "NO"
