"""Documents of a hand-made dump that begin with their title alone, and no separator.

A title counts where the outline names it, where it is linked or signed, or where it is a notebook's file
name; each at its best place only. Leaves out titles that nothing but their size sets apart from the
headings inside a document.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

from gadfly import tables
from gadfly.corpus.readers import bylines
from gadfly.corpus.readers.contents import Contents, Entry, letters, match, plain
from gadfly.corpus.readers.fences import shown
from gadfly.corpus.readers.page import Part

_IS = tables.patterns(__file__, 0)
# A book with chapters looks the same: only a text longer than any one work is taken apart by headings alone.
SMALLEST_UNMARKED = 300_000
_LONGEST = 300  # characters of a title
_OPENING = 200  # characters that may stand above the title of a part
_BARE = 12  # letters of a title that no mark sets off
_FIRST_PAGE = 90  # lines in which a paper's abstract begins
_UNNAMED = 2_000  # characters of a document that only its byline tells: a list of works has shorter entries
_MANY = 3  # works that stand close: a list of them

Lines = list[tuple[int, str]]


@dataclass(frozen=True, slots=True)
class _Head:
    """A line that may begin a document. ``rank``: how sure it is among those that one entry names."""

    index: int
    at: int
    title: str
    rank: int
    url: str = ""
    entry: Entry | None = None


def find(text: str, contents: Contents | None, parts: list[Part]) -> list[Part]:
    """``parts`` and those behind titles, in order of the text."""
    begin = contents.end if contents else 0
    lines, at = [], begin
    for line in text[begin:].split("\n"):
        lines.append((at, line if len(line) <= _LONGEST else line[:_LONGEST] + "."))
        at += len(line) + 1
    entries = contents.entries if contents else ()
    found_heads = _heads(lines, entries, parts)
    heads = [each for each, holder in found_heads if _may_stand(text, lines, each, holder)]
    separators = {each.head for each in parts if each.head != each.start}
    cuts = {index for index, (at, _) in enumerate(lines) if at in separators}
    inside = shown([line for _, line in lines], cuts | {each.index for each in heads})
    heads = _best([each for each in heads if each.index not in inside])
    found = list(parts)
    for head in _long_enough(heads, parts, lines, len(text)):
        told = (("title", head.title),) if not _IS["notebook"].match(head.title) else ()
        address = (("url", head.url),) if head.url else ()
        found.append(Part(head.title, head.at, head.at, len(text), (*told, *address)))
    found.sort(key=lambda each: each.head)
    return [
        replace(each, end=min(each.end, following.head)) for each, following in pairwise(found)
    ] + found[-1:]


def _long_enough(heads: list[_Head], parts: list[Part], lines: Lines, end: int) -> list[_Head]:
    """``heads`` without those that only a byline tells and that have little below them, or too much like them.

    Works on a list have titles and bylines too: of several that stand close the first is kept, of many only
    if it stands well apart.
    """
    kept: list[_Head] = []
    stops = sorted({each.head for each in parts} | {end})
    at = 0
    while at < len(heads):
        close = at + 1
        while (
            close < len(heads)
            and heads[close].at - heads[close - 1].at < _UNNAMED
            and not heads[close].rank
        ):
            close += 1
        first, count = heads[at], close - at
        stop = heads[close].at if close < len(heads) else end
        stop = min(stop, next(each for each in stops if each > first.at))
        above = [line for _, line in lines[max(first.index - 2, 0) : first.index] if line.strip()]
        apart = not above or bool(_IS["rule"].match(above[-1]))
        if first.rank or (stop - first.at >= _UNNAMED and (count < _MANY or apart)):
            kept.append(first)
        at = close
    return kept


def unmarked(text: str, contents: Contents) -> list[Part]:
    """The parts of a text that has no separators at all; none unless nearly all of its outline fits."""
    if len(text) < SMALLEST_UNMARKED:
        return []
    parts = find(text, contents, [])
    enough = len(parts) > 2 and len(parts) >= 0.6 * len(contents.entries)
    return parts if enough else []


def _heads(
    lines: Lines, entries: tuple[Entry, ...], parts: list[Part]
) -> Iterator[tuple[_Head, Part | None]]:
    """Each line that may begin a document, with the part in which it stands."""
    starts = {each.start for each in parts}
    named = _Names(entries, (line for _, line in lines))
    waiting = list(reversed(parts))
    for index, (at, line) in enumerate(lines):
        while waiting and waiting[-1].end <= at:
            waiting.pop()
        holder = waiting[-1] if waiting and waiting[-1].head <= at else None
        if not line.strip() or (
            holder and not line.startswith("#") and not _underlined(lines, index)
        ):
            continue
        above = lines[index - 1][1].strip() if index else ""
        apart = not above or at in starts or bool(_IS["rule"].match(above))
        heading = _IS["heading"].match(line)
        if heading or (apart and _underlined(lines, index)):
            title = heading.group(1) if heading else line.strip()
            linked = _IS["linked"].match(title)
            title = linked.group(1) if linked else title.strip("`")
            entry = named.of(title)
            sure = linked or entry or _IS["notebook"].match(title)
            after = (each for _, each in lines[index + 1 + (not heading) : index + 12])
            if sure or (not holder and bylines.is_signed(after)):
                url = linked.group(2) if linked else ""
                yield _Head(index, at, plain(title), 3, url, entry), holder
        elif not holder and not _IS["no_title"].search(line):
            yield from ((each, None) for each in _bare(lines, index, named, apart))


def _underlined(lines: Lines, index: int) -> bool:
    below = [each.strip() for _, each in lines[index + 1 : index + 3]] + ["", ""]
    return bool(_IS["underline"].match(below[0])) and not below[1]


def _bare(lines: Lines, index: int, named: _Names, apart: bool) -> Iterator[_Head]:
    """A title without any mark, on one line or two, that an entry names as a whole, or that its authors follow."""
    at, line = lines[index]
    for count in (2, 1):
        title = " ".join(each.strip() for _, each in lines[index : index + count]).strip()
        entry = named.exactly(title)
        if entry is not None:
            opens = _opens(lines[index + count : index + count + _FIRST_PAGE])
            if apart or opens:
                same = letters(entry.title) == letters(title)
                yield _Head(index, at, entry.title if same else title, 1 + opens, "", entry)
            return
    if not _is_title(line):
        return
    for count in (1, 2):
        title = " ".join(each.strip() for _, each in lines[index : index + count]).strip()
        if _opens(lines[index + count : index + count + _FIRST_PAGE]):
            if _is_title(title):
                yield _Head(index, at, title, 0)
            return


def _is_title(line: str) -> bool:
    """Some words, most of the longer ones capitalised."""
    words = re.findall(r"[^\W\d_]{2,}", line)
    long = [each for each in words if len(each) > 3]
    large = sum(each[0].isupper() for each in long)
    return 2 < len(words) <= 30 and len(line) <= 160 and large * 10 >= len(long) * 6


class _Names:
    """The entries of an outline by the letters with which their names begin."""

    def __init__(self, entries: tuple[Entry, ...], lines: Iterable[str]) -> None:
        headings = (_IS["heading"].match(line) for line in lines if line.startswith("#"))
        self.often = Counter(letters(plain(each.group(1))) for each in headings if each)
        self.begin: dict[str, list[Entry]] = {}
        for entry in entries:
            for begin in {each[:_KEY] for each in (letters(entry.title), *entry.names)}:
                self.begin.setdefault(begin, []).append(entry)

    def of(self, title: str) -> Entry | None:
        wanted = letters(plain(title))
        near = self.begin.get(wanted[:_KEY], ())
        if len(wanted) >= _KEY:
            return match(near, title)
        # "Setup" heads a section of many documents; a short title counts where nothing else is named so.
        once = bool(wanted) and self.often[wanted] == 1
        return next((each for each in near if once and wanted == letters(each.title)), None)

    def exactly(self, title: str) -> Entry | None:
        wanted = letters(title)
        if len(wanted) < _BARE:
            return None
        near = self.begin.get(wanted[:_KEY], ())
        return next((each for each in near if wanted in each.names), None)


_KEY = 8


def _opens(after: Lines) -> bool:
    """Whether a document's first lines stand below a title: a byline, or a paper's authors and its abstract."""
    said = [line for _, line in after]
    return bylines.is_signed(said) or bylines.opens_paper(said)


def _best(heads: list[_Head]) -> list[_Head]:
    """Of the places that one entry names only the surest, of equals the first; all that name themselves."""
    best: dict[int, _Head] = {}
    for head in heads:
        if head.entry is not None:
            held = best.setdefault(id(head.entry), head)
            if head.rank > held.rank:
                best[id(head.entry)] = head
    kept = {each.index for each in best.values()}
    return [each for each in heads if each.entry is None or each.url or each.index in kept]


def _may_stand(text: str, lines: Lines, head: _Head, holder: Part | None) -> bool:
    """Whether a document may begin here: anywhere outside the parts; inside one only behind a heading that
    the outline or a file name sets apart, and not in its code or as its own title."""
    if holder is None:
        return True
    if head.at < holder.start or len(text[holder.start : head.at].strip()) < _OPENING:
        return False
    below = lines[head.index + 1][1].strip() if head.index + 1 < len(lines) else ""
    marked = not below or bool(_IS["underline"].match(below))
    sure = head.entry is not None or bool(_IS["notebook"].match(head.title))
    return marked and sure and not _in_code(text, holder, head.at)


def _in_code(text: str, part: Part, start: int) -> bool:
    """Whether a place lies in a string of a Python part: outside, a title may follow on its code."""
    if not part.name.lower().endswith((".py", ".ipynb")):
        return False
    before = text[part.start : start]
    return before.count('"""') % 2 == 1 or before.count("'''") % 2 == 1
