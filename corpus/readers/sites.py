"""The pages of a documentation site in one file (``llms-full.txt``), in the conventions of its generators.

A page begins with a heading that its address follows (Mintlify, Fumadocs), with a front matter (VitePress,
Vercel), in a tag with its title (llms_txt), or, in a file that says what it is, with a large heading
alone (Starlight, GitBook). Leaves out what programs write that pack folders (``styles``).
"""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Callable, Iterable
from itertools import pairwise

from gadfly import tables
from gadfly.corpus.readers.fences import shown
from gadfly.corpus.readers.page import Part

_IS = tables.patterns(__file__, 0)
_FEWEST = 3  # pages
_NEAR = 3  # lines below a heading in which its address stands
_LONGEST = 40  # lines of a front matter
_PAGE = 400  # characters of a page, on average: an entry of a list of links is shorter
_WORK = 3_000  # the same where each is from a site of its own
_SECTION = 1_200  # the same behind a smaller heading
_TITLES = ("title", "name", "sidebar_label")
_ADDRESSES = ("url", "source_url", "source", "link", "permalink", "href", "slug", "path", "file")

Lines = list[tuple[int, str]]
_Head = tuple[int, str, str]  # the number of its line, its title, its address


def find(text: str, name: str) -> tuple[str, list[Part]] | None:
    """``(style, parts)`` of the convention that finds its pages, if the text is in any."""
    at, lines = 0, []
    for line in text.split("\n"):
        lines.append((at, line[:500].rstrip()))
        at += len(line) + 1
    for style, parts_of in _STYLES.items():
        parts = parts_of(text, lines, name)
        if len(parts) >= _FEWEST and len({each.name for each in parts}) > 1:
            return style, parts
    return None


def _sourced(text: str, lines: Lines, _: str) -> list[Part]:
    """Headings of one rank, each right above the address of its page, or with it."""
    found: dict[int, list[_Head]] = {}
    every: dict[int, list[_Head]] = {}
    for index, (_at, line) in enumerate(lines):
        heading = _IS["heading"].match(line) if line.startswith("#") else None
        if heading is None:
            continue
        rank, title = len(heading.group(1)), heading.group(2)
        address = _address_below(lines, index)
        if placed := _IS["placed"].match(title):
            title, address = placed.groups()
        every.setdefault(rank, []).append((index, title, address))
        if address:
            found.setdefault(rank, []).append((index, title, address))
    large = _parts(text, lines, every.get(1, []))
    for rank in (1, 2):
        parts = _parts(text, lines, found.get(rank, []))
        # Behind smaller headings pages stand only if large ones are rare: the title of the whole.
        if _is_site(parts, len(text), rank) and (rank == 1 or len(large) * 5 < len(parts)):
            return parts
    return []


def _address_below(lines: Lines, index: int) -> str:
    said = [line for _, line in lines[index + 1 : index + 8] if line.strip()][:_NEAR]
    for line in said:
        if found := _IS["address"].match(line):
            return str(found.group(1)) if re.search(r"[/.]", found.group(1)) else ""
        if line.startswith("#"):
            break
    return ""


def _is_site(parts: list[Part], length: int, rank: int) -> bool:
    """Whether headings with addresses are pages: many, long, of one site, and nearly the whole text."""
    if len(parts) < _FEWEST:
        return False
    covered = length - parts[0].head
    hosts = Counter(_host(each) for each in parts)
    one_site = hosts.most_common(1)[0][1] * 10 >= len(parts) * 8
    distinct = len({dict(each.fields)["address"] for each in parts}) * 10 >= len(parts) * 8
    least = _WORK if not one_site else _PAGE if rank == 1 else _SECTION
    return distinct and covered * 10 >= length * 8 and covered >= least * len(parts)


def _host(part: Part) -> str:
    found = _IS["host"].match(dict(part.fields)["address"])
    return found.group(1) if found else ""


def _front_matters(text: str, lines: Lines, _: str) -> list[Part]:
    """Blocks of ``key: value`` between rules, each with a title or an address."""
    heads: list[_Head] = []
    index = 0
    while index < len(lines):
        last = _front_matter(lines, index)
        if last:
            keys = _keys(line for _, line in lines[index + 1 : last])
            title = next((keys[each] for each in _TITLES if keys.get(each)), "")
            address = next((keys[each] for each in _ADDRESSES if keys.get(each)), "")
            if title or address:
                heads.append((index, title or address, address))
            index = last
        index += 1
    parts = _parts(text, lines, heads)
    # A first one alone is the front matter of one document, and short ones are those of slides.
    early = bool(parts) and parts[0].head <= len(text) // 10
    return parts if early and len(text) >= _PAGE * len(parts) else []


def _front_matter(lines: Lines, index: int) -> int:
    """The closing rule of the front matter that opens here, or 0."""
    if not _IS["rule"].match(lines[index][1]):
        return 0
    for number in range(index + 1, min(index + _LONGEST, len(lines))):
        line = lines[number][1]
        if _IS["rule"].match(line):
            return number if number > index + 1 else 0
        below = number > index + 1 and _IS["below_key"].match(line)
        if not (_IS["key"].match(line) or below):
            return 0
    return 0


def _keys(said: Iterable[str]) -> dict[str, str]:
    found = (_IS["key"].match(line) for line in said)
    return {x.group(1).lower(): (x.group(2) or "").strip("\"'") for x in found if x}


def _tagged(text: str, lines: Lines, _: str) -> list[Part]:
    """``<doc title="…">`` inside ``<project>`` or ``<docs>``, wherever on a line they stand."""
    opened = list(_IS["doc"].finditer(text))
    if len(opened) < _FEWEST or not _IS["wrapper"].search(text, 0, opened[0].start() + 1):
        return []
    parts = []
    for index, head in enumerate(opened):
        limit = opened[index + 1].start() if index + 1 < len(opened) else len(text)
        end = text.rfind(f"</{head.group(1)}>", head.end(), limit)
        told = {
            key: html.unescape(one or other)
            for key, one, other in _IS["attribute"].findall(head.group(2))
        }
        title = told.get("title") or told.get("name") or told.get("source") or told.get("path")
        if title and end >= 0:
            address = next((told[each] for each in _ADDRESSES if told.get(each)), "")
            parts.append(Part(title, head.start(), head.end(), end, _fields(title, address)))
    return parts if len(parts) * 10 >= len(opened) * 8 else []


def _large(text: str, lines: Lines, name: str) -> list[Part]:
    """Large headings alone, where the file says that it is many pages: by its first line or its name."""
    if not (_IS["system"].match(text) or _IS["full"].search(name.lower())):
        return []
    heads = [
        (index, found.group(2), "")
        for index, (_at, line) in enumerate(lines)
        if line.startswith("# ") and (found := _IS["heading"].match(line))
    ]
    parts = _parts(text, lines, heads)
    return parts if len(text) >= _PAGE * len(parts) else []


def _parts(text: str, lines: Lines, heads: list[_Head]) -> list[Part]:
    """The parts that begin at these lines, without those that only show something in a fence."""
    inside = shown([line for _, line in lines], {index for index, _, _ in heads})
    real = [each for each in heads if each[0] not in inside]
    starts = [lines[index][0] for index, _, _ in real]
    return [
        Part(title, start, start, end, _fields(title, address))
        for (_, title, address), (start, end) in zip(
            real, pairwise([*starts, len(text)]), strict=True
        )
    ]


def _fields(title: str, address: str) -> tuple[tuple[str, str], ...]:
    url = (("url", address),) if _IS["host"].match(address) else ()
    return (("title", title), ("address", address), *url)


_STYLES: dict[str, Callable[[str, Lines, str], list[Part]]] = {
    "headings with addresses": _sourced,
    "tags with titles": _tagged,
    "front matters": _front_matters,
    "pages of a site": _large,
}
