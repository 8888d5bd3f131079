"""The table of contents at the top of a hand-made dump, and the parts that only it can tell.

A large heading begins a new document only if the table names it, and at its first place only. Leaves
out tables of contents in the middle of a text: they belong to one of its documents.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from gadfly import tables
from gadfly.corpus.documents import year_of
from gadfly.corpus.readers.fences import step
from gadfly.corpus.readers.page import Part

_IS = tables.patterns(__file__, 0)
# A book with chapters looks the same: only a text longer than any one work is taken apart by headings alone.
SMALLEST_UNMARKED = 300_000


@dataclass(frozen=True, slots=True)
class Entry:
    """One outermost line of the table: a title, and who wrote it and when if it says so."""

    title: str
    author: str = ""
    year: int | None = None


@dataclass(frozen=True, slots=True)
class Contents:
    start: int
    end: int
    entries: tuple[Entry, ...]


def table(text: str, limit: int) -> Contents | None:
    """The table of contents in the first ``limit`` characters, or None."""
    at, lines = 0, []
    for line in text[:limit].split("\n"):
        lines.append((at, line))
        at += len(line) + 1
    for index, (start, line) in enumerate(lines[:400]):
        if _IS["title"].match(line.strip()):
            return _read(text, lines, index, start)
    return None


def _read(text: str, lines: list[tuple[int, str]], index: int, start: int) -> Contents | None:
    items: list[tuple[int, str]] = []
    last = index
    for number in range(index + 1, len(lines)):
        line = lines[number][1]
        if not line.strip():
            continue
        item = _IS["item"].match(line[:500])
        if item is None:
            break
        items.append((len(item.group(1).expandtabs(4)), item.group(2).strip()))
        last = number
    if len(items) < 2:
        return None
    least = min(indent for indent, _ in items)
    end = min(lines[last][0] + len(lines[last][1]), len(text))
    return Contents(start, end, tuple(_entry(item) for indent, item in items if indent == least))


def _entry(item: str) -> Entry:
    """``Title by Ann Author (2022)``, ``Title (Ann Author, 2022)`` and ``Title — Ann Author``, or a title alone."""
    title = _IS["page"].sub("", _IS["link"].sub(r"\1", item)).strip("*_` ")
    year, author = None, ""
    bracket = _IS["bracket"].search(title)
    if bracket:
        year = year_of(bracket.group(1))
        author = re.sub(r"[,\s]*\b(?:18|19|20)\d\d\b[,\s]*", "", bracket.group(1)).strip()
        if year or _is_name(author):
            title = title[: bracket.start()]
    byline = _IS["byline"].match(title)
    if byline and _is_name(byline.group(2)):
        title, author = byline.group(1), byline.group(2)
    return Entry(title.strip(), author if _is_name(author) else "", year)


def _is_name(text: str) -> bool:
    """Two to six capitalised words, perhaps several names: ``Ann Bee and C. Dee``."""
    words = [
        word for word in re.split(r"[\s,&]+", text) if word and word not in ("and", "et", "al.")
    ]
    return 1 < len(words) <= 12 and all(word[0].isupper() for word in words)


def match(entry: Entry, title: str) -> bool:
    """Whether an entry names a document of this title: by letters and digits alone."""
    one, other = _letters(entry.title), _letters(title)
    return bool(other) and (one == other or (len(other) >= 8 and one.startswith(other)))


def headed(text: str, contents: Contents, parts: list[Part]) -> list[Part]:
    """``parts`` and those behind headings that the table names, in order of the text.

    Inside a Python part a heading is a comment or stands in a string: there only a heading outside every
    string, with a blank line around it, counts.
    """
    found = list(parts)
    waiting = list(contents.entries)
    heads = {each.head for each in parts}
    for start, title in _headings(text, contents.end, heads):
        entry = next((each for each in waiting if match(each, title)), None)
        if entry is None:
            continue
        holder = next((each for each in parts if each.head <= start < each.end), None)
        if holder is not None and (_opens(text, holder, start) or _in_code(text, holder, start)):
            continue
        waiting.remove(entry)
        found.append(Part(title, start, start, len(text)))
    found.sort(key=lambda each: each.head)
    return [
        Part(each.name, each.head, each.start, min(each.end, found[index + 1].head), each.fields)
        if index + 1 < len(found)
        else each
        for index, each in enumerate(found)
    ]


def unmarked(text: str, contents: Contents) -> list[Part]:
    """The parts of a text that has no separators but its headings; none unless nearly all fits."""
    if len(text) < SMALLEST_UNMARKED:
        return []
    parts = headed(text, contents, [])
    enough = len(parts) > 2 and len(parts) >= 0.6 * len(contents.entries)
    return parts if enough else []


def _headings(text: str, begin: int, heads: set[int]) -> list[tuple[int, str]]:
    """``(start, title)`` of the largest headings with a blank line before and after them, outside fences.

    ``heads`` are the places where a part begins: a fence that one part leaves open ends there.
    """
    found: list[tuple[int, str]] = []
    mark, at = "", begin
    lines = text[begin:].split("\n")
    for index, line in enumerate(lines):
        mark = "" if at in heads else mark
        if (
            not mark
            and line.strip()
            and len(line) < 400
            and not (index and lines[index - 1].strip())
        ):
            after = [each.strip() for each in lines[index + 1 : index + 3]] + ["", ""]
            heading = _IS["heading"].match(line)
            if heading and not after[0]:
                found.append((at, heading.group(1)))
            elif re.fullmatch(r"={3,}", after[0]) and not after[1]:
                found.append((at, line.strip()))
        mark = step(line, mark)
        at += len(line) + 1
    return found


def _opens(text: str, part: Part, start: int) -> bool:
    """Whether a heading is the part's own title: nothing to speak of stands before it."""
    return len(text[part.start : start].strip()) < 200


def _in_code(text: str, part: Part, start: int) -> bool:
    if not part.name.lower().endswith((".py", ".ipynb")):
        return False
    before = text[part.start : start]
    return before.count('"""') % 2 == 1 or before.count("'''") % 2 == 1


def _letters(text: str) -> str:
    return re.sub(r"[\W_]+", "", text.casefold())
