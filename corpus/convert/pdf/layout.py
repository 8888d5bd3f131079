"""The pages of a PDF as words with their places.

``reader`` opens the file in a process of its own: what breaks or stalls there ends with one error here.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from gadfly.errors import CorpusError

_PROGRAM = Path(__file__).with_name("reader.py")
_REASONS = {
    "locked": "this PDF is locked with a password; save an unlocked copy",
    "damaged": "this PDF is damaged: it cannot be opened",
}
_RAISED = 0.12  # of the size of its line: what stands higher than this is a superscript


class Word(NamedTuple):
    """Some letters, where they stand (points from the left and from below), and how large they are."""

    text: str
    left: float
    right: float
    size: float
    base: float
    glued: bool
    """No space before it."""


class Rule(NamedTuple):
    """A horizontal line that is drawn."""

    left: float
    right: float
    height: float


@dataclass(frozen=True)
class Line:
    words: tuple[Word, ...]
    font: str = ""
    """Of its first letter; known on the first page alone."""
    turned: bool = False

    @cached_property
    def text(self) -> str:
        return joined(self.words)

    @cached_property
    def size(self) -> float:
        return max(word.size for word in self.words)

    @cached_property
    def base(self) -> float:
        """Of its largest letters."""
        return next(word.base for word in self.words if word.size == self.size)

    def level(self) -> tuple[Word, ...]:
        """Its words without what is raised above them: the marks of footnotes."""
        return tuple(word for word in self.words if not self.raised(word))

    def raised(self, word: Word) -> bool:
        return word.size < 0.9 * self.size and word.base > self.base + _RAISED * self.size


@dataclass(frozen=True)
class Page:
    lines: tuple[Line, ...]
    rules: tuple[Rule, ...] = ()
    height: float = 0.0
    unread: bool = False


@dataclass(frozen=True)
class Layout:
    """A PDF as it lies open. ``count`` is how many pages it has, of which ``pages`` may hold the first ones only."""

    count: int
    pages: tuple[Page, ...]
    facts: dict[str, str] = field(default_factory=dict)
    outline: tuple[tuple[str, int], ...] = ()


def opened(data: bytes, most: int, seconds: float) -> Layout:
    """At most the first ``most`` pages, within ``seconds``.

    Raises:
        CorpusError: no PDF, a damaged or locked one, one without pages, or one that takes too long.
    """
    if b"%PDF-" not in data[:1024]:
        raise CorpusError("this is not a PDF file")
    command = [sys.executable, "-P", str(_PROGRAM), str(most)]
    try:
        done = subprocess.run(
            command, input=data, capture_output=True, timeout=seconds, check=False
        )
    except subprocess.TimeoutExpired:
        raise CorpusError(f"this PDF takes longer than {seconds:.0f} seconds") from None
    except OSError as error:
        raise CorpusError(f"the PDF reader does not start ({error.strerror or error})") from error
    try:
        found = json.loads(done.stdout)
    except ValueError:
        said = done.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2][:120]
        raise CorpusError(
            f"this PDF is damaged or too large: reading it broke off ({said or done.returncode})"
        ) from None
    if "error" in found:
        raise CorpusError(_REASONS[found["error"]])
    if not found["count"]:
        raise CorpusError("this PDF has no pages")
    pages = tuple(map(_page, found["pages"]))
    outline = tuple((str(title), int(level)) for title, level in found["outline"])
    return Layout(found["count"], pages, found["facts"], outline)


def _page(held: dict[str, Any]) -> Page:
    lines = tuple(
        Line(
            tuple(Word(*word) for word in line["words"]),
            line.get("font", ""),
            line.get("turned", False),
        )
        for line in held["lines"]
    )
    rules = tuple(Rule(*rule) for rule in held["rules"])
    return Page(lines, rules, held["size"][1], held.get("unread", False))


def joined(words: Sequence[Word]) -> str:
    """The words as text."""
    return "".join(("" if word.glued else " ") + word.text for word in words).strip()
