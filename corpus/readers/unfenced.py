"""Python that stands in Markdown without a fence, put into one: its comments would be read as headings.

Only what parses as Python, and holds at least two lines that hardly are prose (a comment right above
code is one), is fenced; where code and prose cannot be told apart the text stays as it is.
"""

from __future__ import annotations

from gadfly import tables
from gadfly.corpus.readers.code import parse
from gadfly.corpus.readers.fences import fence, step
from gadfly.corpus.readers.report import Mended

_IS = tables.patterns(__file__, 0)
_FEWEST = 2
_LONGEST = 400  # lines of one fence; longer code is put into several
_LOOK = 50


def mend(text: str) -> Mended:
    """The text with each run of unfenced code in a fence; the count is of runs."""
    lines = text.split("\n")
    out: list[str] = []
    mark, index, count = "", 0, 0
    while index < len(lines):
        if not mark and _may_begin(lines, index):
            end = _end(lines, index)
            if end:
                before = [""] if out and out[-1].strip() else []
                after = [""] if end < len(lines) and lines[end].strip() else []
                out += [*before, fence("\n".join(lines[index:end])), *after]
                count += 1
                index = end
                continue
        mark = step(lines[index], mark)
        out.append(lines[index])
        index += 1
    return Mended("\n".join(out), count) if count else Mended(text)


def _may_begin(lines: list[str], index: int) -> bool:
    """Code begins below a blank line or a heading, with a statement or with comments right above one."""
    if index and lines[index - 1].strip() and not lines[index - 1].lstrip().startswith("#"):
        return False
    return not lines[index][:1].isspace() and bool(
        _IS["strong"].match(_below_comments(lines, index))
    )


def _below_comments(lines: list[str], index: int) -> str:
    """The line itself, or the one right below the comments that it is the first of."""
    for line in lines[index : index + _LOOK]:
        if not _IS["comment"].match(line):
            return line[:400]
    return ""


def _end(lines: list[str], index: int) -> int:
    """The line behind the longest run from here that is code, or 0."""
    blank = depth = 0
    stops: list[tuple[int, int]] = []  # where a statement may end, and the strong lines up to there
    strong = 0
    for number in range(index, min(len(lines), index + _LONGEST)):
        line = lines[number]
        if not line.strip():
            blank += 1
            if blank > 2:
                break
            continue
        kind = _kind(lines, number, depth)
        if not kind and stops and not blank and _IS["comment"].match(line):
            kind = "weak"  # a comment right below code: what it prints
        if not kind or step(line, ""):
            break
        blank, before = 0, depth
        depth = max(0, depth + sum(map(line.count, "([{")) - sum(map(line.count, ")]}")))
        # A bracket that closes lines below where it opened is no prose either.
        strong += kind == "strong" or (before > depth == 0)
        stops.append((number + 1, strong))
    while stops and stops[-1][1] >= _FEWEST:
        fault = _fault("\n".join(lines[index : stops[-1][0]]))
        if not fault:
            return stops[-1][0]
        # What stands before the faulty line may still be code.
        before = min(index + fault - 1, stops[-1][0] - 1)
        while stops and stops[-1][0] > before:
            stops.pop()
    return 0


def _kind(lines: list[str], number: int, depth: int) -> str:
    line = lines[number][:400]
    if depth or _IS["closer"].match(line):
        return "weak"
    if _IS["heading"].match(line):
        return ""
    if line[:1].isspace():
        return "strong" if _IS["strong"].match(line) else "weak"
    if _IS["comment"].match(line):
        # A comment stands right above code; with a blank line below, it is a heading.
        below = _below_comments(lines, number)
        return "strong" if _IS["strong"].match(below) else "weak" if below[:1].isspace() else ""
    if _IS["breaks"].match(line):
        return ""
    return "strong" if _IS["strong"].match(line) else ""


def _fault(source: str) -> int:
    """The line (from one) at which the source stops being Python; 0 if it is."""
    try:
        parse(source)
    except SyntaxError as error:
        return error.lineno or 1
    except (ValueError, RecursionError, MemoryError):
        return 1
    return 0
