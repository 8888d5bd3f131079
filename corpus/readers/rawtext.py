"""What conversions leave behind, mended: words that the lines of a PDF broke, its section titles and sideways letters,
and the headings of a notebook whose outputs are gone.

Leaves out columns, running heads and formulas: nothing in plain text tells them for sure.
"""

from __future__ import annotations

import re

from gadfly.corpus.markup import blocks
from gadfly.corpus.readers.fences import step
from gadfly.corpus.readers.report import Mended, words

_BREAK = re.compile(r"\b([A-Za-z]{2,})-\n([a-z]{2,})\b")
_NUMBERED = re.compile(r"^(\d{1,2}(?:\.\d{1,2}){0,2})\.?[ \t]+([A-Z][^\n]{2,90})$", re.MULTILINE)
_HEADING = re.compile(r"^#{1,6}[ \t]\S", re.MULTILINE)
_FEWEST = 4


def looks_raw(text: str) -> bool:
    """Whether a text is a PDF's: short hard-wrapped lines, no Markdown headings, and broken words or an abstract."""
    lines = [line for line in text[:200_000].split("\n") if len(line.strip()) > 1]
    if len(lines) < 20 or _HEADING.search(text) or "```" in text:
        return False
    full = sum(50 <= len(line) <= 130 for line in lines)
    broken = sum(1 for _ in _BREAK.finditer(text[:200_000]))
    return full * 2 > len(lines) and (
        broken > 2 or bool(re.search(r"^Abstract\b", text[:6_000], re.MULTILINE))
    )


def title(text: str) -> str:
    """The first line that could be one: some words, no stamp and no address."""
    for line in text[:3_000].split("\n")[:15]:
        words_in = re.findall(r"[A-Za-z]{2,}", line)
        if (
            len(words_in) > 1
            and len(line) < 160
            and not re.match(r"\W*(arXiv|https?|doi|Abstract)\b|\d", line)
        ):
            return line.strip()
    return ""


def join_broken_words(text: str) -> Mended:
    """Words cut by a hyphen at a line end, where the text itself shows the whole word elsewhere.

    ``inter-\\npretability`` is joined if ``interpretability`` occurs; ``self-\\nattention`` becomes
    ``self-attention`` if that does. Anything else stays: guessing would change what a quote says.
    """
    known = words(text)
    # Words alone are matched too, so that each letter is looked at once.
    hyphened = set(re.findall(r"[A-Za-z]++(?:-[a-z]++)?", text))
    removed: list[str] = []
    count = 0

    def joined(found: re.Match[str]) -> str:
        nonlocal count
        first, second = found.groups()
        if f"{first}-{second}" in hyphened:
            count += 1
            return f"{first}-{second}"
        if first + second in known:
            count += 1
            removed.extend((first, second))
            return first + second
        return found.group()

    text = _BREAK.sub(joined, text)
    return Mended(text, count, " ".join(removed))


def number_headings(text: str) -> Mended:
    """Lines such as ``2.1 Sparse features`` that follow on one another become headings."""
    count = 0
    last: tuple[int, ...] = (0,)

    def headed(found: re.Match[str]) -> str:
        nonlocal count, last
        number = tuple(int(each) for each in found.group(1).split("."))
        title = found.group(2)
        # A line of the contents ends in a page number, a sentence in its stop.
        if number not in _next(last) or re.search(r"[\d.,;:]$", title) or title.count(". "):
            return found.group()
        last = number
        count += 1
        return f"{'#' * (len(number) + 1)} {found.group()}"

    return Mended(_NUMBERED.sub(headed, text), count)


def _next(number: tuple[int, ...]) -> set[tuple[int, ...]]:
    """What may follow a section's number: its first child, its sibling, or a sibling of one above."""
    following = {(*number, 1)} if number != (0,) and len(number) < 3 else set()
    following |= {(*number[:depth], number[depth] + 1) for depth in range(len(number))}
    return following


def join_letters(text: str) -> Mended:
    """The text with every run of at least four one-character lines on one line: a PDF's sideways text.

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


def drop_empty_sections(text: str) -> Mended:
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
