"""Verbatim or dropped: whether words that a model quotes stand in a text. One check for receipts, attacks and flaws.

White space and the shapes of Unicode characters may differ, nothing else (``corpus.quotes``). Leaves out code, in which
blanks mean nothing (``critic.views``).
"""

from __future__ import annotations

from gadfly.corpus import quotes

_MARKS = "\"'“”„«»‘’ \n\t"


def bare(words: object) -> str:
    """Quoted words on one line, without the marks around them."""
    return " ".join(str(words or "").split()).strip(_MARKS)


def verbatim(words: str, text: str) -> quotes.Check:
    """Where the words stand in the text; or nothing, and why."""
    return quotes.check(words.strip(_MARKS), text)
