"""Cells, as notebooks, jupytext scripts and ARENA's master files have them, joined into one page.

The start of each cell in the page is kept, so that a passage can name the cell it stands in. Leaves out
how cells are found (``notebook``, ``percent``, ``arena``).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from gadfly.corpus.documents import Document, normalise
from gadfly.corpus.readers.fences import close, fence


@dataclass(frozen=True, slots=True)
class Cell:
    """``kind`` is ``markdown`` or ``code``; ``after`` is Markdown below a cell's code: its outputs."""

    kind: str
    text: str
    after: str = ""
    language: str = "python"


def join(cells: Iterable[Cell]) -> tuple[str, list[list[int]]]:
    """The page, and ``[number, start]`` of each cell that holds anything; numbers count from one."""
    parts: list[str] = []
    places: list[list[int]] = []
    at = 0
    for number, cell in enumerate(cells, 1):
        whole = fence(cell.text, cell.language) if cell.kind == "code" else close(cell.text)
        # Normalised piece by piece, so that the starts hold in the stored text.
        text = normalise("\n\n".join(filter(None, (normalise(whole), normalise(cell.after)))))
        if not text.strip():
            continue
        places.append([number, at])
        parts.append(text)
        at += len(text) + 2
    return "\n\n".join(parts), places


def cell_at(document: Document, offset: int) -> int | None:
    """The number of the cell at an offset of a document's text, or None where it has no cells."""
    found: Any = None
    for number, start in document.meta.get("cells", ()):
        if start > offset:
            break
        found = number
    return found if isinstance(found, int) else None
