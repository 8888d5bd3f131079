"""Cutting Markdown into sentences, and telling which of them claim something.

Headings, code fences, tables' rulers and lead-ins that end with a colon claim nothing. A marker slot that
follows a sentence belongs to it. Used by ``receipts``; knows nothing of what the slots mean.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_SLOTS = "(?:\\s*\ue000\\d+\ue001[.,;]?)"
# A sentence ends at . ! or ? (and closing marks, and the slots behind them), before a capital, a digit,
# a quotation mark or a code tick; not after the abbreviations below.
_END = re.compile(rf"(?<=[.!?])[\"'”’)\]*_`]*{_SLOTS}*(?=\s+[\"'“‘(\[*_`]*[A-Z0-9`])")
_ABBREVIATION = re.compile(
    r"(?:\b(?:e\.g|i\.e|et al|cf|vs|Fig|Sec|Eq|No|approx|resp|Dr|ca)|\b[A-Z])\.$"
)
_LONGEST = 16  # characters: more than any abbreviation and what stands before it
_BULLET = re.compile(r"^\s*(?:[-*+]|\d+[.)])\s+")
_SLOT_ONLY = re.compile(rf"^{_SLOTS}+\s*$")


@dataclass(frozen=True)
class Segment:
    """A sentence (with its slots) or a line that is none."""

    text: str
    is_claim: bool


def segments(text: str) -> list[Segment]:
    """The sentences of a Markdown text in order."""
    found: list[list[str]] = []  # a sentence and the slots that follow it
    for block in prose(text):
        for sentence in split(block):
            if _SLOT_ONLY.match(sentence) and found:
                found[-1].append(sentence)
            else:
                found.append([sentence])
    return [Segment(" ".join(each), _claims(each[0])) for each in found]


def split(paragraph: str) -> list[str]:
    """The sentences of one paragraph."""
    sentences, start = [], 0
    for match in _END.finditer(paragraph):
        if _ABBREVIATION.search(paragraph[max(start, match.start() - _LONGEST) : match.start()]):
            continue
        sentences.append(paragraph[start : match.end()].strip())
        start = match.end()
    sentences.append(paragraph[start:].strip())
    return [sentence for sentence in sentences if sentence]


def prose(text: str) -> Iterator[str]:
    """Paragraphs and list items, each on one line; headings, code and table rows left out."""
    paragraph: list[str] = []
    fenced = False
    for line in [*text.splitlines(), ""]:
        fence = line.lstrip().startswith(("```", "~~~"))
        skipped = not line.strip() or line.startswith(("#", "|"))
        ends = fence or fenced or skipped or _BULLET.match(line)
        if ends and paragraph:
            yield " ".join(paragraph)
            paragraph = []
        if fence:
            fenced = not fenced
        elif not fenced and not skipped:
            paragraph.append(_BULLET.sub("", line).strip().removeprefix("> "))


def _claims(sentence: str) -> bool:
    words = re.sub("\ue000\\d+\ue001", "", sentence)
    if "\ue000" in sentence:
        return True
    return bool(re.search(r"[A-Za-z]{2}", words)) and not words.rstrip(" *_").endswith((":", "?"))
