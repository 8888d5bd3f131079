"""The outline at the top of a hand-made dump: a table of contents, or lists under the headings of its parts.

Says which documents the dump should hold, by whom and when. Leaves out where they stand (``heads``), and
tables of contents in the middle of a text: they belong to one of its documents.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from gadfly import tables
from gadfly.corpus.documents import year_of
from gadfly.corpus.readers import bylines

_IS = tables.patterns(__file__, 0)
_LOOK = 60_000  # an outline that begins below is none
_SHORTEST = 8  # letters of a title that may be the beginning of a longer one
_INTRODUCTION = 400  # characters between the heading of a list and the list
_TITLES = 3  # headings that may stand above an outline, and the first of its own
_FEWEST = 4  # items of an outline that no heading names as one


@dataclass(frozen=True, slots=True)
class Entry:
    """One item: a title, who wrote it and when if it says so, and the letters of each text that may be its title."""

    title: str
    author: str = ""
    year: int | None = None
    names: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Contents:
    """``named`` is whether a heading says that it is a table of contents."""

    start: int
    end: int
    entries: tuple[Entry, ...]
    named: bool


Lines = list[tuple[int, str]]


def table(text: str, limit: int) -> Contents | None:
    """The outline in the first characters, up to ``limit``, or None."""
    at, lines = 0, []
    for line in text[: min(limit, _LOOK)].split("\n"):
        lines.append((at, line))
        at += len(line) + 1
    for index, (_, line) in enumerate(lines[:400]):
        if _IS["title"].match(line.strip()):
            found, last = _items(lines, index + 1)
            return _contents(text, lines, index, last, found, True) if len(found) > 1 else None
    return _groups(text, lines)


def _groups(text: str, lines: Lines) -> Contents | None:
    """Lists under headings of one rank, one right after the other; a title of the whole may stand above."""
    heads = [index for index, (_, line) in enumerate(lines[:400]) if _IS["group"].match(line)]
    for number in range(len(heads[:_TITLES])):
        first, last, groups = heads[number], heads[number], 0
        found: list[tuple[int, str]] = []
        for index in heads[number:]:
            between = any(line.strip() for _, line in lines[last + 1 : index])
            if _rank(lines[index][1]) != _rank(lines[first][1]) or (groups and between):
                break
            items, end = _items(lines, _list_below(lines, index))
            if not items:
                break
            groups, last = groups + 1, end
            found += items
        if groups > 1 and len(found) >= _FEWEST:
            return _contents(text, lines, first, last, found, False)
    return None


def _rank(line: str) -> str:
    found = _IS["group"].match(line)
    return "".join(found.group(1).split()) if found else ""


def _list_below(lines: Lines, head: int) -> int:
    """Where the list below a heading begins; a sentence may stand between them."""
    said = 0
    for index in range(head + 1, len(lines)):
        line = lines[index][1]
        if _IS["item"].match(line[:500]):
            return index
        said += len(line)
        if said > _INTRODUCTION or _IS["group"].match(line):
            break
    return len(lines)


def _items(lines: Lines, begin: int) -> tuple[list[tuple[int, str]], int]:
    """``(indent, item)`` of each line of the list that begins here, and the last line that belongs to it."""
    items: list[tuple[int, str]] = []
    last = begin
    for number in range(begin, len(lines)):
        line = lines[number][1]
        if not line.strip():
            continue
        item = _IS["item"].match(line[:500])
        if item is None:
            wrapped = items and line[:1].isspace() and lines[number - 1][1].strip()
            if not wrapped:
                break
        else:
            items.append((len(item.group(1).expandtabs(4)), item.group(2).strip()))
        last = number
    return items, last


def _contents(
    text: str, lines: Lines, first: int, last: int, items: list[tuple[int, str]], named: bool
) -> Contents:
    least = min(indent for indent, _ in items)
    end = min(lines[last][0] + len(lines[last][1]), len(text))
    entries = tuple(_entry(item) for indent, item in items if indent == least)
    return Contents(lines[first][0], end, entries, named)


def _entry(item: str) -> Entry:
    """``Title by Ann Author (2022)``, ``**Title** (Ann Author, 2022): a remark``, ``[Title](url) — Ann Author``…"""
    item = _IS["page"].sub("", item)
    off = _IS["set_off"].match(item)
    inner = next(filter(None, off.groups()), "") if off else ""
    whole = plain(item)
    title = plain(inner) if inner else whole
    rest = item[off.end() :] if off else whole
    year, author = None, ""
    if bracket := _IS["bracket"].search(rest):
        year = year_of(bracket.group(1))
        author = re.sub(r"[,\s]*\b(?:18|19|20)\d\d\b[,\s]*", "", bracket.group(1)).strip()
        if not inner and (year or bylines.is_name(author)):
            title = whole[: bracket.start()]
    for byline in _IS["byline"].finditer(rest):
        if bylines.is_name(byline.group(1).strip()):
            author = byline.group(1).strip()
            title = title if inner else whole[: byline.start()]
            break
    ends = [found.start() for found in _IS["ends"].finditer(whole)]
    names = {letters(each) for each in (title, whole, *(whole[:end] for end in ends[:6]))}
    return Entry(
        title.strip(" *_`"),
        author if bylines.is_name(author) else "",
        year,
        frozenset(each for each in names if len(each) >= _SHORTEST),
    )


def plain(text: str) -> str:
    """A line of Markdown without links, emphasis and the mark of a heading."""
    return _IS["link"].sub(r"\1", text).strip('*_`#“”" \t').replace("**", "")


def match(entries: Iterable[Entry], title: str) -> Entry | None:
    """The entry that names a document of this title, by letters and digits alone; else one that begins with it."""
    wanted = letters(plain(title))
    if not wanted:
        return None
    entries = tuple(entries)
    for each in entries:
        if wanted == letters(each.title) or wanted in each.names:
            return each
    if len(wanted) < _SHORTEST:
        return None
    return next((x for x in entries if any(name.startswith(wanted) for name in x.names)), None)


def letters(text: str) -> str:
    """What of a title is compared: its letters and digits, whatever their case."""
    return re.sub(r"[\W_]+", "", text.casefold())
