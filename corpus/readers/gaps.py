"""Headings with nothing below them, as notebooks converted without their outputs leave behind."""

from __future__ import annotations

from gadfly.corpus.markup import blocks
from gadfly.corpus.readers.tally import Mended


def mend(text: str) -> Mended:
    """The text without its empty sections: headings followed by one of the same or a higher rank, or by
    nothing. The first heading stays, as the title."""
    found = blocks(text)
    heads = [index for index, block in enumerate(found) if block.kind == "heading"]
    out: list[str] = []
    removed: list[str] = []
    at = 0
    for index in heads[1:]:
        block = found[index]
        after = found[index + 1] if index + 1 < len(found) else None
        if after is None or (after.kind == "heading" and after.level <= block.level):
            out.append(text[at : block.start])
            removed.append(text[block.start : block.end])
            at = block.end
    return Mended("".join([*out, text[at:]]), len(removed), "\n".join(removed))
