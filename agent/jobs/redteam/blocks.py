"""A write-up as paragraphs and table rows with their line numbers; code, comments and addresses are left out."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate

from gadfly.agent.answers.sentences import split

_RUN = re.compile(r"\br[0-9a-f]{8}\b")
# Where an address, code or a link's target begins.
_SILENT = re.compile(r"(?P<address>https?://\S+)|`|\]\(")


@dataclass(frozen=True)
class Line:
    """``text`` has blanks for what is no claim; ``raw`` is as long and has the words as they are written."""

    number: int
    text: str
    raw: str = ""


@dataclass(frozen=True)
class Block:
    """A paragraph, list item, heading or table. ``runs`` are the ids it names, inside code ticks too."""

    lines: tuple[Line, ...]
    runs: frozenset[str]

    @cached_property
    def text(self) -> str:
        return " ".join(line.text.strip() for line in self.lines)

    def sentences(self) -> Iterator[tuple[int, str]]:
        """Each sentence of ``text``, and where it begins there."""
        at = 0
        for sentence in split(self.text):
            at = self.text.index(sentence, at)
            yield at, sentence
            at += len(sentence)

    def quote(self, at: int, length: int) -> str:
        """A part of ``text`` as it is written."""
        return self._raw[at : at + length].strip()

    @cached_property
    def _raw(self) -> str:
        said = []
        for line in self.lines:
            begin = len(line.text) - len(line.text.lstrip())
            said.append((line.raw or line.text)[begin : begin + len(line.text.strip())])
        return " ".join(said)

    def line(self, at: int) -> int:
        """The number of the line that a place of ``text`` stands in."""
        return self.lines[bisect_right(self._starts, at) - 1].number

    @cached_property
    def _starts(self) -> list[int]:
        lengths = (len(line.text.strip()) + 1 for line in self.lines[:-1])
        return [0, *accumulate(lengths)]


def blocks(markdown: str) -> list[Block]:
    """The blocks of a text, in order."""
    text = _without_comments(markdown, keep_lines=True)
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
        held.append(Line(number, _blanked(line), line))
        raw.append(line)
    close()
    return found


def named_runs(markdown: str) -> set[str]:
    """Every run id in the text, comments left out."""
    return set(_RUN.findall(_without_comments(markdown)))


def _without_comments(markdown: str, *, keep_lines: bool = False) -> str:
    """The text without its comments; one that is never closed is none."""
    out: list[str] = []
    at = 0
    while (begin := markdown.find("<!--", at)) >= 0 and (end := markdown.find("-->", begin)) >= 0:
        end += 3
        out += [markdown[at:begin], "\n" * markdown.count("\n", begin, end) if keep_lines else ""]
        at = end
    return "".join([*out, markdown[at:]])


def _blanked(line: str) -> str:
    """A line with blanks for addresses, code and the targets of links."""
    out: list[str] = []
    at = done = 0
    last = {"`": line.rfind("`"), ")": line.rfind(")")}  # what closes nowhere is not looked for
    while found := _SILENT.search(line, at):
        at = found.end()
        if found["address"] is None:
            mark = "`" if found[0] == "`" else ")"
            if last[mark] < at:
                continue
            at = line.index(mark, at) + 1
        out += [line[done : found.start()], " " * (at - found.start())]
        done = at
    return "".join([*out, line[done:]])
