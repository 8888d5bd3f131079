"""The markers of receipts in a text: where they begin and end, each found in one pass over the text.

A marker that is opened and never closed is looked for no further than once: the next closing brackets are the same
for all that stand before them. What a marker says, and whether it is true, is for ``receipts``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

_OPENS = re.compile(
    r"\[\[\s*+(?P<kind>quote|run|abstain)\b\s*+(?P<target>[^|\]\s]*+)\s*+\|", re.IGNORECASE
)
# What looks like a marker but does not parse must not survive as a source either.
_BROKEN = re.compile(r"\[\[\s*+(?P<kind>quote|run|abstain)\b(?P<target>)", re.IGNORECASE)
_LONGEST_BROKEN = 2_000


class Marker(NamedTuple):
    """``text[start:end]`` is the marker; ``body`` is what stands behind its bar."""

    kind: str
    target: str
    body: str
    start: int
    end: int


def markers(text: str) -> Iterator[Marker]:
    """Every marker, in order. Of more than two closing brackets in a row the last two close it."""
    for opening, closing in _opened(text, _OPENS):
        if closing < 0:
            return
        while text[closing + 2 : closing + 3] == "]":
            closing += 1
        yield _marker(text, opening, closing, closing + 2)


def broken(text: str) -> Iterator[Marker]:
    """What begins like a marker and is none; one that nothing closes ends with the text."""
    for opening, closing in _opened(text, _BROKEN):
        last = len(text) - text.endswith("\n")
        if 0 <= closing <= opening.end() + _LONGEST_BROKEN:
            yield _marker(text, opening, closing, closing + 2)
        elif last <= opening.end() + _LONGEST_BROKEN:
            yield _marker(text, opening, last, last)


def replaced(text: str, found: Iterable[Marker], put: Callable[[Marker], str]) -> str:
    """The text with each of these markers replaced."""
    out: list[str] = []
    at = 0
    for marker in found:
        if marker.start >= at:
            out += [text[at : marker.start], put(marker)]
            at = marker.end
    return "".join([*out, text[at:]])


def without_unfinished(text: str) -> str:
    """The text up to where the last marker begins that is not closed, as a text that still streams has one."""
    begins = text.find("[[", text.rfind("]]") + 1)
    return text if begins < 0 else text[:begins]


def _opened(text: str, opens: re.Pattern[str]) -> Iterator[tuple[re.Match[str], int]]:
    """Each opening that stands in no marker before it, and where the next closing brackets stand (-1: nowhere)."""
    closing = past = 0
    for opening in opens.finditer(text):
        if opening.start() < past:
            continue
        if 0 <= closing < opening.end():
            closing = text.find("]]", opening.end())
        yield opening, closing
        if closing >= 0 and opens is _OPENS:
            past = closing + 2


def _marker(text: str, opening: re.Match[str], inside: int, end: int) -> Marker:
    body = text[opening.end() : inside]
    return Marker(opening["kind"].lower(), opening["target"], body, opening.start(), end)
