"""From a line of a cell to a line of the notebook's JSON, where diffs and comments count.

Knows the layout that Jupyter, nbformat and editors write: one string of ``source`` a line. In any other
layout a cell is where its ``source`` begins.
"""

from __future__ import annotations

import json
import re

from gadfly.tools.review.reading.source import Place, cells_of

_SOURCE = re.compile(r'^(\s*)"(?:source|input)":')


def json_lines(raw: str) -> dict[Place, int]:
    """The line of the JSON, from 1, for each line of each cell; empty for what is no notebook."""
    try:
        found = cells_of(json.loads(raw)) or []
    except (ValueError, RecursionError):
        return {}
    cells = [each if isinstance(each, dict) else {} for each in found]
    lines = raw.split("\n")
    starts = [(number, key[1]) for number, line in enumerate(lines) if (key := _SOURCE.match(line))]
    # Outputs may hold the same key, deeper.
    depth = min((len(indent) for _, indent in starts), default=0)
    heads = [number for number, indent in starts if len(indent) == depth]
    laid_out = len(heads) == len(cells)
    found_lines: dict[Place, int] = {}
    for index, cell in enumerate(cells):
        head = heads[index] if laid_out else 0
        spread = laid_out and lines[head].rstrip().endswith("[")
        source = cell.get("source", cell.get("input", ""))
        pieces = (
            [each for each in source if isinstance(each, str)]
            if isinstance(source, list)
            else [str(source)]
        )
        count = 1
        for order, piece in enumerate(pieces):
            at = head + 1 + order if spread else head
            for _ in range(max(piece.count("\n"), 1)):
                found_lines[Place(index, count)] = at + 1
                count += 1
        found_lines.setdefault(
            Place(index, count), found_lines.get(Place(index, count - 1), head + 1)
        )
    return found_lines
