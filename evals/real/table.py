"""The rows in evals/results/real.json, and the table of docs/real-models.md, made from them between its two marks."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from gadfly import files
from gadfly.errors import UsageError
from gadfly.evals.kit.place import RESULTS, processor, write
from gadfly.evals.real.asking import Row

DOC = Path(__file__).resolve().parents[2] / "docs" / "real-models.md"
START = "<!-- rows: make real -->"
END = "<!-- end of rows -->"
_NAME = "real"
_HEAD = (
    "tool",
    "model",
    "held to",
    "Gadfly said",
    "verdict",
    "agreed",
    "records",
    "s",
    "what was run",
)


def count(rows: Sequence[Row]) -> str:
    """How many rows agree."""
    return f"{sum(row.agreed for row in rows)} of {len(rows)} rows agree"


def written(rows: Sequence[Row]) -> str:
    """The rows as Markdown, marks and all."""
    lines = [_line(_HEAD), _line(["---"] * len(_HEAD))]
    for row in rows:
        seconds = f"{row.seconds:.0f}"
        agreed = "yes" if row.agreed else "**no**"
        of = str(row.records or "all")
        cells = (row.tool, row.model, row.fact, row.said, row.verdict, agreed, of, seconds)
        lines.append(_line([*map(_cell, cells), f"`{row.ran}`".replace("|", "\\|")]))
    return "\n".join([START, "", f"{count(rows)}.", "", *lines, "", END])


def rewritten(page: str, rows: Sequence[Row]) -> str:
    """A page with the table between its marks made anew.

    Raises:
        UsageError: the marks are not there, each once and in order.
    """
    before, start, rest = page.partition(START)
    _, end, after = rest.partition(END)
    if not start or not end or START in rest:
        raise UsageError(f"the page needs one line {START!r} and one line {END!r} after it")
    return before + written(rows) + after


def keep(rows: Sequence[Row], models: Collection[str], tools: Collection[str]) -> None:
    """Rows take the place of those of the same model and tool in the result file, and the page is made anew from all.

    Args:
        models: in the order of the page, as ``tools``.
    """
    path, before = RESULTS / f"{_NAME}.json", list[Row]()
    if path.is_file():
        before = [Row(**row) for row in json.loads(path.read_text("utf-8"))["measured"]["rows"]]
    new = {(row.model, row.tool) for row in rows}
    kept = [row for row in before if (row.model, row.tool) not in new] + [*rows]
    place = {name: number for number, name in enumerate([*tools, *models])}
    kept.sort(key=lambda row: (place[row.tool], place[row.model]))
    write(_NAME, {"rows": plain(kept), "processor": processor()}, into=RESULTS)
    files.write(DOC, rewritten(DOC.read_text(encoding="utf-8"), kept))


def plain(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """The rows as JSON has them."""
    return [
        {name: value for name, value in row._asdict().items() if name != "values"} for row in rows
    ]


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")
