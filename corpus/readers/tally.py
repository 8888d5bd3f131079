"""Counting words before and after, to prove that an import lost none."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

_WORD = re.compile(r"\w+")


class Mended(NamedTuple):
    """A text with one kind of defect mended: how often, and the markup that is gone from it.

    ``removed`` holds, as text, each word that stood in the text before and does not now.
    """

    text: str
    times: int = 0
    removed: str = ""


def words(*texts: str) -> Counter[str]:
    """How often each word (letters, digits, underscores) occurs."""
    found: Counter[str] = Counter()
    for text in texts:
        found.update(_WORD.findall(text))
    return found


def lost(before: str, after: Iterable[str], removed: Iterable[str]) -> Counter[str]:
    """The words of a text that are neither in what came of it nor among what was removed knowingly."""
    return words(before) - words(*after) - words(*removed)


def difference(before: str, after: str) -> str:
    """The words of ``before`` that ``after`` no longer has, as a text."""
    return " ".join((words(before) - words(after)).elements())
