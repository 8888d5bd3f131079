"""A text reduced to what it says, with the way back to the original offsets.

Used for quotes alone (``quotes``), where every step must be unable to change a meaning: NFKC without
superscripts and fractions (``10²`` is not ``102``), marks that only show (emphasis, ticks, link
targets) off outside code fences, white space to one blank. Leaves out case and punctuation: they count.
"""

from __future__ import annotations

import re
import unicodedata
from array import array
from functools import lru_cache
from typing import NamedTuple

_SAME = {
    **dict.fromkeys("‘’‚‛′ʼ`´", "'"),
    **dict.fromkeys("“”„‟″«»", '"'),
    **dict.fromkeys("‐‑‒–—―−", "-"),
}
_INVISIBLE = frozenset("\u00ad\u200b\u200c\u200d\u2060\ufeff")
_KEPT = ("<super>", "<sub>", "<fraction>", "<circle>", "<square>")
_FENCE = re.compile(r"^[ \t]*(```|~~~).*?(?:^[ \t]*\1[ \t]*$|\Z)", re.MULTILINE | re.DOTALL)
# Emphasis opens where a word could: not inside one, and not after ^ or } as in the formula x^*.
_OPENS = r"(?<![^\s(\[{>\"'“‘*_/:—–-])"
_INSIDE = r"(?=\S)((?:[^{0}\n]|\n(?!\s*\n))+?)(?<=\S)"
_MARKS = tuple(
    re.compile(_OPENS + re.escape(mark) + _INSIDE.format(mark[0]) + re.escape(mark) + r"(?![\w*_])")
    # No __bold__: it cannot be told from the name __init__; and _one_ underscore a side only.
    for mark in ("***", "**", "*", "_")
)
_TICKS = re.compile(r"(?<!`)(`{1,2})(?!`)((?:[^`\n]|\n(?!\s*\n))+?)(?<!`)\1(?!`)")
_LINK = re.compile(
    r"(?<![\w\])!])\[([^\[\]\n]+)\]\((?:https?://|#|/|\.{1,2}/|[\w\-/]+\.(?:md|html?|ipynb|py|rst))[^()\s]*\)"
)


class Plain(NamedTuple):
    """Reduced text; ``starts[i]`` and ``ends[i]`` bound the original characters behind its character ``i``."""

    text: str
    starts: array[int]
    ends: array[int]

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Original offsets of the reduced ``text[start:end]`` (not empty)."""
        return self.starts[start], self.ends[end - 1]


@lru_cache(maxsize=16)
def plain(text: str, *, marks: bool = True) -> Plain:
    """Reduce a text; ``marks=False`` leaves its Markdown marks in.

    Cached, since an answer quotes the same document many times.
    """
    dropped = _marks(text) if marks else bytearray(len(text))
    out: list[str] = []
    starts, ends = array("q"), array("q")
    at, length = 0, len(text)
    while at < length:
        start = at
        at += 1
        if dropped[start] or text[start] in _INVISIBLE:
            continue
        if ord(text[start]) >= 128 or (at < length and ord(text[at]) >= 768):
            while at < length and unicodedata.combining(text[at]):
                at += 1  # a letter and its accents are one character, however they are stored
        for character in _reduced(text[start:at]):
            if character.isspace():
                if out and out[-1] == " ":
                    ends[-1] = at
                    continue
                character = " "
            out.append(character)
            starts.append(start)
            ends.append(at)
    return Plain("".join(out), starts, ends)


def _reduced(cluster: str) -> str:
    if len(cluster) == 1:
        if cluster in _SAME:
            return _SAME[cluster]
        if cluster.isascii() or unicodedata.decomposition(cluster).startswith(_KEPT):
            return cluster
    folded = unicodedata.normalize("NFKC", cluster)
    return "".join(_SAME.get(character, character) for character in folded)


def _marks(text: str) -> bytearray:
    """One byte for each character: 1 where it is a mark that only shows."""
    dropped = bytearray(len(text))
    if not any(mark in text for mark in "*_`["):
        return dropped
    at = 0
    for fence in _FENCE.finditer(text):
        _mark_prose(text, at, fence.start(), dropped)
        at = fence.end()
    _mark_prose(text, at, len(text), dropped)
    return dropped


def _mark_prose(text: str, begin: int, finish: int, dropped: bytearray) -> None:
    for match in _TICKS.finditer(text, begin, finish):
        _drop_around(match, 2, dropped)
    # Inside ticks a star is a star: blank the code out (same length) before looking for emphasis.
    prose = _TICKS.sub(lambda match: "`" + "x" * (len(match.group()) - 2) + "`", text[begin:finish])
    for pattern in (*_MARKS, _LINK):
        for match in pattern.finditer(prose):
            _drop_around(match, 1, dropped, begin)


def _drop_around(match: re.Match[str], group: int, dropped: bytearray, offset: int = 0) -> None:
    for start, end in ((match.start(), match.start(group)), (match.end(group), match.end())):
        for index in range(start + offset, end + offset):
            dropped[index] = 1
