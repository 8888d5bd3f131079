"""Code fences: put one around code, take one off, close one that was left open; and cells, as notebooks and scripts
have them, cut out of a text and joined into one page."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from gadfly.corpus.documents import normalise

_OPENS = re.compile(r"^[ \t]*(`{3,}|~{3,})([^\n]*)$")


def fence(code: str, language: str = "python") -> str:
    """Code in a fence that it cannot close from inside; empty code gives an empty text."""
    code = code.strip("\n")
    if not code.strip():
        return ""
    mark = "```"
    if re.search(r"^[ \t]*```", code, re.MULTILINE):
        # Three tildes before four ticks: not every reader of fences knows the longer ones.
        mark = "~~~"
        while re.search(rf"^[ \t]*{mark}", code, re.MULTILINE):
            mark += "~"
    return f"{mark}{language}\n{code}\n{mark}"


def unfence(text: str) -> tuple[str, str] | None:
    """``(language, code)`` of a text that is one fence and nothing else."""
    lines = text.strip("\n").split("\n")
    opened = _OPENS.match(lines[0])
    if opened is None or len(lines) < 2:
        return None
    for index in range(1, len(lines)):
        if _closes(lines[index], opened.group(1)):
            if index != len(lines) - 1:
                return None
            return opened.group(2).strip(), "\n".join(lines[1:-1])
    return None


def close(text: str) -> str:
    """The text with a closing fence added if its last one is open: it would swallow what is joined to it."""
    mark = open_mark(text)
    return f"{text.rstrip(chr(10))}\n{mark}" if mark else text


def open_mark(text: str) -> str:
    """The mark of the fence that is still open at the end of a text, or an empty string."""
    mark = ""
    for line in text.split("\n"):
        mark = step(line, mark)
    return mark


def step(line: str, mark: str) -> str:
    """The open fence's mark after one more line (``mark``: before it)."""
    if mark:
        return "" if _closes(line, mark) else mark
    opened = _OPENS.match(line)
    # Ticks after the opening mark make it inline code: ```x``` opens nothing.
    return opened.group(1) if opened and "`" not in opened.group(2) else ""


def shown(lines: list[str], places: Iterable[int]) -> set[int]:
    """Which of these lines stand in a fence that is closed below them: they only show something.

    Each of the others begins a document, where a fence that the document before it left open ends. So a fence is
    told by its own two marks: one of them left out somewhere above would turn all that follows inside out.
    """
    long = list(_long_fences(lines))
    marks = [x for x in range(len(lines)) if _is_mark(lines, x) and not _within(x, long)]
    found: set[int] = set()
    mark, passed = "", 0
    for place in sorted(places):
        while passed < len(marks) and marks[passed] < place:
            mark = step(lines[marks[passed]], mark)
            passed += 1
        if _within(place, long):
            found.add(place)
            continue
        above = _role(lines, marks[passed - 1]) if passed else "closes"
        below = _role(lines, marks[passed]) if passed < len(marks) else "opens"
        if above == "closes" or below == "opens":
            mark = ""
        elif mark or above == "opens":
            found.add(place)
    return found


def _is_mark(lines: list[str], index: int) -> bool:
    """Whether a line is the mark of a fence. A row of tildes below a title of its length underlines it."""
    line = lines[index].strip()
    if line[:3] not in ("```", "~~~"):
        return False
    title = lines[index - 1].strip() if index else ""
    return not (len(line) > 3 and not line.strip("~") and 0 < len(title) <= len(line))


def _role(lines: list[str], index: int) -> str:
    """Whether a mark ``opens`` or ``closes`` a fence, by the blank line on one side of it; empty where it has none."""
    if lines[index].strip().strip("`~"):
        return "opens"
    above = index > 0 and bool(lines[index - 1].strip())
    below = index + 1 < len(lines) and bool(lines[index + 1].strip())
    if above == below:
        return ""
    return "closes" if above else "opens"


def _long_fences(lines: list[str]) -> Iterator[tuple[int, int]]:
    """First and last line of each closed fence of more than three marks: it may hold others."""
    opened, mark = 0, ""
    for index, line in enumerate(lines):
        if line.lstrip()[:4] not in ("````", "~~~~") or not (mark or _is_mark(lines, index)):
            continue
        after = step(line, mark)
        if mark and not after:
            yield opened, index
        opened, mark = (index if after and not mark else opened), after


def _within(index: int, spans: list[tuple[int, int]]) -> bool:
    at = bisect_right(spans, index, key=lambda span: span[0]) - 1
    return at >= 0 and spans[at][0] <= index <= spans[at][1]


def _closes(line: str, mark: str) -> bool:
    stripped = line.strip()
    return stripped.startswith(mark) and not stripped.strip(mark[0])


@dataclass(frozen=True, slots=True)
class Cell:
    """``kind`` is ``markdown`` or ``code``; ``after`` is Markdown below a cell's code: its outputs."""

    kind: str
    text: str
    after: str = ""
    language: str = "python"


def split(text: str, head: re.Pattern[str]) -> Iterator[tuple[re.Match[str] | None, str]]:
    """What stands below each head of a cell, with the head; first what stands above them all, with None."""
    heads = list(head.finditer(text))
    before = text[: heads[0].start()] if heads else text
    if before.strip():
        yield None, before
    for index, found in enumerate(heads):
        end = heads[index + 1].start() if index + 1 < len(heads) else len(text)
        yield found, text[found.end() : end]


def join(cells: Iterable[Cell]) -> str:
    """The page."""
    parts = []
    for cell in cells:
        whole = fence(cell.text, cell.language) if cell.kind == "code" else close(cell.text)
        text = normalise("\n\n".join(filter(None, (normalise(whole), normalise(cell.after)))))
        if text.strip():
            parts.append(text)
    return "\n\n".join(parts)
