"""What an import did: how many documents, what was mended, and the proof that no word was lost, by counting them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

_WORD = re.compile(r"\w+")


@dataclass
class Report:
    """``characters`` counts what is not white space. ``removed`` says how much of it went as mere markup,
    by kind; ``lost`` names each word that went otherwise, and is empty unless a reader has a fault."""

    name: str
    style: str
    documents: int = 0
    mended: Counter[str] = field(default_factory=Counter)
    empty: list[str] = field(default_factory=list)
    characters_read: int = 0
    characters_kept: int = 0
    removed: Counter[str] = field(default_factory=Counter)
    lost: Counter[str] = field(default_factory=Counter)

    def line(self) -> str:
        """The report on one line, for a person."""
        said = [f"{self.name}: {self.documents} documents ({self.style})"]
        if self.mended:
            said.append(
                "mended: "
                + ", ".join(f"{count} {kind}" for kind, count in sorted(self.mended.items()))
            )
        if self.empty:
            more = f" and {len(self.empty) - 5} more" if len(self.empty) > 5 else ""
            said.append(f"nothing in: {', '.join(self.empty[:5])}{more}")
        share = 100 * self.characters_kept / max(self.characters_read, 1)
        if self.lost:
            worst = ", ".join(word for word, _ in self.lost.most_common(5))
            said.append(
                f"{self.lost.total()} words lost ({worst}); {share:.1f} % of the characters kept"
            )
        else:
            said.append(f"no word lost, {share:.1f} % of the characters kept (the rest is markup)")
        return "; ".join(said)


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
