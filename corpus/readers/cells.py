"""Cells, as notebooks, jupytext scripts and ARENA's master files have them: cut out of a text, joined into one page."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from gadfly.corpus.documents import normalise
from gadfly.corpus.readers.fences import close, fence


@dataclass(frozen=True, slots=True)
class Cell:
    """``kind`` is ``markdown`` or ``code``; ``after`` is Markdown below a cell's code: its outputs."""

    kind: str
    text: str
    after: str = ""
    language: str = "python"


def split(text: str, head: re.Pattern[str]) -> Iterator[tuple[re.Match[str] | None, str]]:
    """What stands below each head of a cell, with the head; first what stands above them all, with None."""
    heads = list(head.finditer(text))
    before = text[: heads[0].start()] if heads else text
    if before.strip():
        yield None, before
    for index, found in enumerate(heads):
        end = heads[index + 1].start() if index + 1 < len(heads) else len(text)
        yield found, text[found.end() : end]


def join(cells: Iterable[Cell]) -> str:
    """The page."""
    parts = []
    for cell in cells:
        whole = fence(cell.text, cell.language) if cell.kind == "code" else close(cell.text)
        text = normalise("\n\n".join(filter(None, (normalise(whole), normalise(cell.after)))))
        if text.strip():
            parts.append(text)
    return "\n\n".join(parts)
