"""The tools on real weights: a table of tool × model, each row with the fact that it is held to.

    python -m gadfly.evals.real [--model smollm2|gemma|qwen|FOLDER] [--tools lens,patch] [--device cuda]
        [--dtype bfloat16] [--most 12]

Facts are computed a second time with transformers alone (``plain``), or say what must not happen (a *null*). Without
``--model`` all three models are measured. Rows on a CPU in float32 take the place of those of the same model and tool
in evals/results/real.json, tool by tool, so that a stopped run goes on by ``--tools``; docs/real-models.md gets the
table between its marks. With ``--dtype bfloat16`` each tool is asked again in float32, and its verdicts must be the
same.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gadfly.errors import UsageError
from gadfly.evals.kit.place import own_home
from gadfly.evals.kit.script import known, script
from gadfly.evals.real import table
from gadfly.evals.real.asking import Row, Subject
from gadfly.evals.real.rows import TOOLS, in_float32, rows_of, word
from gadfly.evals.real.weights import MODELS, fetched


def subject(model: str, device: str = "", dtype: str = "", most: int = 0) -> Subject:
    """A model by its name, fetched where need be, or by its folder.

    Raises:
        UsageError: it is neither.
        ModelError: its weights cannot be had.
    """
    if model in MODELS:
        name, folder = model, fetched(model)
        most = most or MODELS[model].get("most", 0)
    elif (Path(model) / "config.json").is_file():
        name, folder = Path(model).name, Path(model)
    else:
        raise UsageError(f"{model!r} is no folder of a model and none of {', '.join(MODELS)}")
    return Subject(name, folder, device or "cpu", dtype or "float32", most=most)


def measure(
    model: str = "",
    device: str = "",
    dtype: str = "",
    tools: tuple[str, ...] = (),
    most: int = 0,
    write: bool = True,
) -> dict[str, Any]:
    """Hold tools to facts.

    Args:
        model: smollm2, gemma, qwen or a folder; by default all three.
        device: cpu, which is the default, cuda, ...
        dtype: float32, which is the default, or bfloat16.
        tools: only these.
        most: so many records of a file are read, of each sort; 0: as many as the model's entry in weights.toml says.
        write: keep the rows of a CPU in float32.
    """
    wanted = known(tools, TOOLS, "tool")
    rows: list[Row] = []
    with own_home():
        for name in [model] if model else list(MODELS):
            s = subject(name, device, dtype, most)
            for tool in wanted:
                here = rows_of(s, tool)
                rows += here
                if write and name in MODELS and not (device or dtype):
                    table.keep(here, MODELS, TOOLS)
                if s.dtype != "float32":
                    rows += in_float32(s, here, tool)
    return {"rows": table.plain(rows)}


def text(found: dict[str, Any]) -> str:
    """What was found, for a terminal: one line a row, and the count."""
    rows = [Row(**each) for each in found["rows"]]
    lines = [f"{word(r.agreed):4}{r.model:9}{r.tool:12}{r.fact} | {r.said}" for r in rows]
    return "\n".join([*lines, table.count(rows)])


if __name__ == "__main__":
    script(measure, text, failed=lambda found: not all(each["agreed"] for each in found["rows"]))
