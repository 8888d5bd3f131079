"""The table of docs/real-models.md, rewritten between its two marks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from gadfly import files
from gadfly.errors import UsageError
from gadfly.evals.real.asking import Row

DOC = Path(__file__).resolve().parents[2] / "docs" / "real-models.md"
START = "<!-- rows: make real -->"
END = "<!-- end of rows -->"
_HEAD = ("tool", "model", "held to", "Gadfly said", "verdict", "agreed", "s", "what was run")


def count(rows: Sequence[Row]) -> str:
    """How many rows agree."""
    return f"{sum(row.agreed for row in rows)} of {len(rows)} rows agree"


def written(rows: Sequence[Row]) -> str:
    """The rows as Markdown, tool by tool, marks and all."""
    order = list(dict.fromkeys(row.tool for row in rows))
    lines = [_line(_HEAD), _line(["---"] * len(_HEAD))]
    for row in sorted(rows, key=lambda each: order.index(each.tool)):
        seconds = f"{row.seconds:.0f}"
        agreed = "yes" if row.agreed else "**no**"
        cells = (row.tool, row.model, row.fact, row.said, row.verdict, agreed, seconds)
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


def keep(rows: Sequence[Row]) -> None:
    """Write the table into the page."""
    files.write(DOC, rewritten(DOC.read_text(encoding="utf-8"), rows))


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")
