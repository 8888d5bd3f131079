"""Is a quote really there? Exact matching after normalisation, and nothing looser.

What may differ: white space, the shapes of quotation marks and dashes, ligatures and full-width
letters, soft hyphens, Markdown emphasis, code ticks and link targets. What may not: a letter, a
digit, a word, case, or where a number begins and ends. A quote that starts right after a negation
("not supported" → "supported") is refused as well. An ellipsis is not a wildcard: what it would skip
may be the "not", so such a quote must be split into two. :func:`nearest` is fuzzy and only suggests. Both sides are
reduced (:func:`plain`) in steps that cannot change a meaning: NFKC without superscripts and fractions (``10²`` is not
``102``), and marks that only show (emphasis, ticks, link targets) off outside code fences.
Leaves out which document a quote should come from.
"""

from __future__ import annotations

import re
import unicodedata
from array import array
from collections.abc import Iterator
from difflib import SequenceMatcher
from functools import lru_cache
from typing import NamedTuple

from gadfly import tables

MIN_WORDS = 4
MIN_CHARACTERS = 15
_IS = tables.patterns(__file__, 0)
_WRAPPING = "\"' "
_SAME = {
    **dict.fromkeys("‘’‚‛′ʼ`´", "'"),
    **dict.fromkeys("“”„‟″«»", '"'),
    **dict.fromkeys("‐‑‒–—―−", "-"),
}
_INVISIBLE = frozenset("\u00ad\u200b\u200c\u200d\u2060\ufeff")
_KEPT = ("<super>", "<sub>", "<fraction>", "<circle>", "<square>")
# Emphasis opens where a word could: not inside one, and not after ^ or } as in the formula x^*.
_OPENS = r"(?<![^\s(\[{>\"'“‘*_/:—–-])"
_INSIDE = r"(?=\S)((?:[^{0}\n]|\n(?!\s*\n))+?)(?<=\S)"
_MARKS = tuple(
    re.compile(_OPENS + re.escape(mark) + _INSIDE.format(mark[0]) + re.escape(mark) + r"(?![\w*_])")
    # No __bold__: it cannot be told from the name __init__; and _one_ underscore a side only.
    for mark in ("***", "**", "*", "_")
)


class Match(NamedTuple):
    """Where a quote stands: ``document_text[start:end]``, as written there."""

    start: int
    end: int
    text: str


class Check(NamedTuple):
    """A match, or the reason why there is none."""

    match: Match | None
    reason: str


class Suggestion(NamedTuple):
    """The most similar span of the document; ``similarity`` in [0, 1] is no proof of anything."""

    start: int
    end: int
    text: str
    similarity: float


def verify(quote: str, document_text: str) -> Match | None:
    """The place of a quote in a document, or None. See the module for what counts as the same."""
    return check(quote, document_text).match


def check(quote: str, document_text: str) -> Check:
    """As :func:`verify`, with the reason where it is refused."""
    wanted = plain(quote).text.strip(_WRAPPING)
    if len(wanted) < MIN_CHARACTERS or len(wanted.split()) < MIN_WORDS:
        least = f"{MIN_WORDS} words and {MIN_CHARACTERS} characters"
        return Check(None, f"too short to mean anything: at least {least}")
    within = plain(document_text)
    refused = ""
    for candidate in _spellings(quote, wanted):
        for at in _occurrences(candidate, within.text):
            refused = _cut_badly(within.text, at, at + len(candidate))
            if not refused:
                start, end = within.span(at, at + len(candidate))
                return Check(Match(start, end, document_text[start:end]), "verbatim")
        if refused:
            return Check(None, refused)
    if "..." in wanted:
        return Check(
            None, "an ellipsis is not matched: quote the parts on either side of it one by one"
        )
    return Check(None, "not in the document")


def nearest(quote: str, document_text: str) -> Suggestion | None:
    """The span most like a quote that was refused, to show to whoever wrote it. Never a verification."""
    within = plain(document_text)
    wanted = plain(quote).text.strip(_WRAPPING).lower()
    target = wanted.split()
    if not target:
        return None
    words = [(match.start(), match.end()) for match in re.finditer(r"\S+", within.text)]
    spelled = [within.text[start:end].lower() for start, end in words]
    best, best_at = 0, -1
    known = set(target)
    inside = 0
    size = min(len(target), len(words))
    for index, word in enumerate(spelled):  # a window of as many words, slid along
        inside += word in known
        if index >= size:
            inside -= spelled[index - size] in known
        if inside > best:
            best, best_at = inside, index - size + 1
    if best_at < 0:
        return None
    best_at = max(best_at, 0)
    begin, finish = words[best_at][0], words[min(best_at + size, len(words)) - 1][1]
    similarity = SequenceMatcher(
        None, wanted, within.text[begin:finish].lower(), autojunk=False
    ).ratio()
    start, end = within.span(begin, finish)
    return Suggestion(start, end, document_text[start:end], round(similarity, 3))


def _spellings(quote: str, wanted: str) -> list[str]:
    """The forms a quote may honestly take: without marks, with them (code), without a last full stop."""
    marked = plain(quote, marks=False).text.strip(_WRAPPING)
    ends = ".,;: "  # a stop that the writer put at the end of a quote says nothing; one inside does
    return list(dict.fromkeys((wanted, marked, wanted.rstrip(ends), marked.rstrip(ends))))


def _occurrences(needle: str, haystack: str) -> Iterator[int]:
    at = haystack.find(needle)
    while at >= 0:
        yield at
        at = haystack.find(needle, at + 1)


def _cut_badly(text: str, start: int, end: int) -> str:
    """Why a span misrepresents its surroundings: it cuts a word, a number, or off a negation."""
    before, after = text[max(0, start - 40) : start], text[end : end + 3]
    first, last = text[start], text[end - 1]
    if first.isalnum() and before and (before[-1].isalnum() or before[-1] == "_"):
        return "begins inside a word"
    if last.isalnum() and after and (after[0].isalnum() or after[0] == "_"):
        return "ends inside a word"
    if first.isdigit() and re.search(r"(?:\d[.,]|[-+±~<>≤≥=$€£^.])$", before):
        return "begins inside a number, or without its sign"
    if last.isdigit() and re.match(r"[.,]\d|[%‰°^/⁰¹²³⁴-⁹]| ?%| ?\^", after):
        return "ends inside a number, or without its unit"
    if _IS["negation"].search(before.rstrip()):
        return "leaves out the negation just before it"
    return ""


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
    for fence in _IS["fence"].finditer(text):
        _mark_prose(text, at, fence.start(), dropped)
        at = fence.end()
    _mark_prose(text, at, len(text), dropped)
    return dropped


def _mark_prose(text: str, begin: int, finish: int, dropped: bytearray) -> None:
    for match in _IS["ticks"].finditer(text, begin, finish):
        _drop_around(match, 2, dropped)
    # Inside ticks a star is a star: blank the code out (same length) before looking for emphasis.
    prose = _IS["ticks"].sub(
        lambda match: "`" + "x" * (len(match.group()) - 2) + "`", text[begin:finish]
    )
    for pattern in (*_MARKS, _IS["link"]):
        for match in pattern.finditer(prose):
            _drop_around(match, 1, dropped, begin)


def _drop_around(match: re.Match[str], group: int, dropped: bytearray, offset: int = 0) -> None:
    for start, end in ((match.start(), match.start(group)), (match.end(group), match.end())):
        for index in range(start + offset, end + offset):
            dropped[index] = 1
