"""Runs of the ledger as one HTML page that stands alone: figures inside, no scripts, nothing loaded from elsewhere."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path

from gadfly.tools import templating
from gadfly.tools.ledger import Run

_PAGE = Path(__file__).resolve().parent / "runs.html.j2"


def page(runs: Sequence[Run], *, title: str = "Gadfly report") -> str:
    """The page. Text of a run is escaped: a prompt that looks like HTML stays a prompt."""
    return templating.html(_PAGE, title=title, runs=runs, inline=inline)


def inline(png: str | Path | None) -> str:
    """A picture as an address that holds the picture itself; empty where there is no such file."""
    if not png or not Path(png).is_file():
        return ""
    return "data:image/png;base64," + base64.b64encode(Path(png).read_bytes()).decode()
