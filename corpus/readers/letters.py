"""Runs of one-character lines, as a PDF's sideways text leaves them, joined into words again."""

from __future__ import annotations

from gadfly.corpus.readers.fences import step
from gadfly.corpus.readers.tally import Mended

_FEWEST = 4


def mend(text: str) -> Mended:
    """The text with every run of at least four one-character lines on one line.

    Only where letters make up a good part of a run: columns of figures, brackets of code, and the choices
    A, B, C, D stay as they are.
    """
    lines = text.split("\n")
    out: list[str] = []
    removed: list[str] = []
    joined, mark, index = 0, "", 0
    while index < len(lines):
        run = [] if mark else _run(lines, index)
        if run:
            word = _word(run)
            index += len(run)
            if word:
                removed += filter(None, run)
                joined += sum(map(bool, run))
            out += [word] if word else run
            continue
        mark = step(lines[index], mark)
        out.append(lines[index])
        index += 1
    return Mended("\n".join(out), joined, " ".join(removed))


def _run(lines: list[str], index: int) -> list[str]:
    """The one-character lines from here on, with the blank ones between them."""
    end = index
    while end < len(lines) and len(lines[end].strip()) <= 1 and (lines[end].strip() or end > index):
        end += 1
    run = lines[index:end]
    while run and not run[-1].strip():
        run.pop()
    return [each.strip() for each in run]


def _word(run: list[str]) -> str:
    characters = [each for each in run if each]
    letters = [each for each in characters if each.isalpha()]
    if (
        len(characters) < _FEWEST
        or 3 * len(letters) < len(characters)
        or letters == sorted(set(letters))
    ):
        return ""
    # Where most characters have blank lines around them, a blank line is no space.
    blanks = sum(not each for each in run)
    spaced = blanks >= len(characters) - 1
    text = "".join(characters) if spaced else "".join(each or " " for each in run)
    text = " ".join(text.split())
    backwards = text[::-1]  # arXiv's stamp runs up the margin, and comes out last letter first
    return backwards if "arXiv" in backwards else text
