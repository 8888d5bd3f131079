"""The tools on real weights: a table of tool × model, each row with the fact that it is held to.

    python -m gadfly.evals.real [--model smollm2|gemma|qwen|FOLDER] [--tools lens,patch] [--device cpu]

Facts are computed a second time with transformers alone (``plain``), or say what must not happen (a *null*). Without
``--model`` all three models are measured, docs/real-models.md gets the table between its marks, and
evals/results/real.json the rows. With a GPU the same rows run there, and rows of ``gpu`` after them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gadfly.errors import UsageError
from gadfly.evals.kit.place import own_home, processor
from gadfly.evals.kit.script import known, script
from gadfly.evals.real import gpu, table
from gadfly.evals.real.asking import Row, Subject
from gadfly.evals.real.rows import TOOLS, rows_of, word
from gadfly.evals.real.weights import MODELS, fetched

_PARTS = ("model", "tools", "device", "dtype")


def subject(model: str, device: str = "cpu", dtype: str = "float32") -> Subject:
    """A model by its name, fetched where need be, or by its folder.

    Raises:
        UsageError: it is neither.
        ModelError: its weights cannot be had.
    """
    if model in MODELS:
        return Subject(model, fetched(model), device, dtype)
    if not (Path(model) / "config.json").is_file():
        raise UsageError(f"{model!r} is no folder of a model and none of {', '.join(MODELS)}")
    return Subject(Path(model).name, Path(model), device, dtype)


def measure(
    model: str = "", device: str = "cpu", dtype: str = "float32", tools: tuple[str, ...] = ()
) -> dict[str, Any]:
    """Hold tools to facts.

    Args:
        model: smollm2, gemma, qwen or a folder; by default all three.
        device: cpu, cuda, ...
        dtype: float32 or bfloat16.
        tools: only these.
    """
    wanted = known(tools, TOOLS, "tool")
    rows: list[Row] = []
    with own_home():
        for name in [model] if model else list(MODELS):
            s = subject(name, device, dtype)
            for tool in wanted:
                rows += rows_of(s, tool)
            if device.startswith("cuda"):
                rows += gpu.rows(s, [row for row in rows if row.model == s.name], wanted)
    found = {"rows": [row._asdict() for row in rows], "machine": processor()}
    if (model, tools, device, dtype) == ("", (), "cpu", "float32"):
        table.keep(rows)
    return found


def text(found: dict[str, Any]) -> str:
    """What was found, for a terminal: one line a row, and the count."""
    rows = [Row(**each) for each in found["rows"]]
    lines = [f"{word(r.agreed):4}{r.model:9}{r.tool:12}{r.fact} | {r.said}" for r in rows]
    return "\n".join([*lines, table.count(rows)])


if __name__ == "__main__":
    script(
        measure,
        text,
        result="real",
        parts=_PARTS,
        failed=lambda found: not all(each["agreed"] for each in found["rows"]),
    )
