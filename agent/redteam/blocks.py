"""A write-up as paragraphs and table rows with their line numbers; code, comments and addresses are left out."""

from __future__ import annotations

import re
from dataclasses import dataclass

_RUN = re.compile(r"\br[0-9a-f]{8}\b")
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_SILENT = re.compile(r"https?://\S+|`[^`\n]*`|\]\([^)\n]*\)")


@dataclass(frozen=True)
class Line:
    number: int
    text: str


@dataclass(frozen=True)
class Block:
    """A paragraph, list item, heading or table. ``runs`` are the ids it names, inside code ticks too."""

    lines: tuple[Line, ...]
    runs: frozenset[str]

    @property
    def text(self) -> str:
        return " ".join(line.text.strip() for line in self.lines)


def blocks(markdown: str) -> list[Block]:
    """The blocks of a text, in order."""
    text = _COMMENT.sub(lambda m: "\n" * m[0].count("\n"), markdown)
    found: list[Block] = []
    held: list[Line] = []
    raw: list[str] = []
    fenced = False

    def close() -> None:
        if held:
            found.append(Block(tuple(held), frozenset(_RUN.findall("\n".join(raw)))))
        held.clear()
        raw.clear()

    for number, line in enumerate(text.splitlines(), 1):
        fence = line.lstrip().startswith(("```", "~~~"))
        if fence or fenced or not line.strip():
            close()
            fenced = fenced != fence
            continue
        if re.match(r"\s*(?:[-*+]|\d+[.)])\s|#", line):
            close()
        held.append(Line(number, _SILENT.sub(_blank, line)))
        raw.append(line)
    close()
    return found


def named_runs(markdown: str) -> set[str]:
    """Every run id in the text, comments left out."""
    return set(_RUN.findall(_COMMENT.sub("", markdown)))


def _blank(match: re.Match[str]) -> str:
    return " " * len(match[0])
