"""Who wrote a text, when, and where it stands, as far as its first lines say so. Leaves out front matter."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from gadfly import tables
from gadfly.corpus.documents import year_of

_IS = tables.patterns(__file__, 0)
_WORDS = {
    "url": "url source link originally posted originally published cross-posted crossposted permalink",
    "year": "published posted date year",
}
_FIRST_PAGE = 40  # lines, in which an abstract begins
_BELOW = 3  # lines below a title in which a byline stands
_SUBTITLE = 100  # characters of a line between them
_MOST = 30  # names of one byline


def byline(text: str, lines: int = 12) -> dict[str, Any]:
    """``authors``, ``year`` and ``url``, as far as the first lines name them."""
    fields: dict[str, Any] = {}
    said = [each.strip() for each in text[:4_000].split("\n") if each.strip()][:lines]
    for index, line in enumerate(said):
        if len(line) > 400:
            continue
        found = _IS["stated"].match(line)
        told = _stated(*found.groups()) if found else _signed(line, said[index - 1 : index])
        for key, value in told.items():
            fields.setdefault(key, value)
    return fields


def completed(fields: dict[str, Any], text: str) -> dict[str, Any]:
    """Fields that are known, with what the first lines say of others."""
    known = {key for key, value in fields.items() if value} | (
        {"authors"} & {f"{key}s" for key in fields}
    )
    return fields | {key: value for key, value in byline(text).items() if key not in known}


def _stated(word: str, colon: str, value: str) -> dict[str, Any]:
    """What a line ``word: value`` says."""
    word, value = word.lower(), value.strip(" *_")
    address = _IS["url"].search(value)
    if word in _WORDS["url"] and address and (colon or word not in ("url", "source", "link")):
        return {"url": address.group().rstrip(".,;")}
    if word in _WORDS["year"] and year_of(value):
        return {"year": year_of(value)}
    if word in ("author", "authors", "written by", "by") and (colon or word.endswith("by")):
        named, year = _dated(value)
        found = names(named)
        return {"authors": found, **({"year": year} if year else {})} if found else {}
    return {}


def _signed(line: str, before: list[str]) -> dict[str, Any]:
    """``Ann Author, 3 May 2022``; or the date alone, perhaps below a line with the names."""
    named, year = _dated(line.strip(" *_>"))
    if not year:
        return {}
    if not named:
        above = names(before[0]) if before else []
        known = bool(above) and all(" " in each for each in above)
        return {"year": year, **({"authors": above} if known else {})}
    found = names(named)
    return {"authors": found, "year": year} if found and all(" " in each for each in found) else {}


def _dated(value: str) -> tuple[str, int | None]:
    """A text without the date that it ends in, and the year of that date."""
    found = _IS["date"].search(value[:300])
    return (
        (value[: found.start()].strip(" *_"), year_of(found.group(1))) if found else (value, None)
    )


def names(value: str) -> list[str]:
    """The names in a byline, or none if any of it is no name: a sentence may begin with "By"."""
    value = _IS["link"].sub(r"\1", value)
    parts = [each.strip(" .*_") for each in re.split(r",| and | & |;", value) if each.strip(" .*_")]
    sound = bool(parts) and all(_IS["name"].fullmatch(each) for each in parts)
    return parts if sound and len(parts) <= _MOST else []


def is_name(text: str) -> bool:
    """Two to twelve capitalised words, perhaps several names: ``Ann Bee and C. Dee``."""
    words = [
        word for word in re.split(r"[\s,&]+", text) if word and word not in ("and", "et", "al.")
    ]
    return 1 < len(words) <= 12 and all(word[0].isupper() for word in words)


def is_signed(lines: Iterable[str]) -> bool:
    """Whether a byline stands right below a title; a short line may stand between them."""
    said = [each.strip() for each in lines if each.strip()][:_BELOW]
    for count, line in enumerate(said, 1):
        if "authors" in byline("\n".join(said[:count])):
            return True
        if len(line) > _SUBTITLE or line.endswith("."):
            return False
    return False


def opens_paper(lines: Iterable[str]) -> bool:
    """Whether the lines below a title are those of a paper's first page: authors, and later an abstract."""
    said = [each.strip() for each in lines if len(each.strip()) > 1][:_FIRST_PAGE]
    return bool(_authors(said)[1]) and any(map(_IS["abstract"].match, said))


def of_paper(text: str, title: str) -> dict[str, Any]:
    """The whole title and the authors of a PDF's raw text, and what arXiv's stamp says. ``title``: its first line."""
    fields: dict[str, Any] = {}
    lines = [line.strip() for line in text[:6_000].split("\n") if len(line.strip()) > 1]
    wanted = re.sub(r"\W+", "", title)
    at, seen = 0, ""
    while at < min(len(lines), 15) and wanted not in seen:
        seen += re.sub(r"\W+", "", lines[at])
        at += 1
    count, found = _authors(lines[at:])
    if found and wanted in seen:
        fields["authors"] = found
        fields["title"] = " ".join([title, *lines[at : at + count]])
    if stamp := _IS["stamp"].search(text[:12_000]):
        fields["year"] = 2000 + int(stamp.group(2))
        fields["url"] = f"https://arxiv.org/abs/{stamp.group(1)}"
    return fields


def _authors(lines: list[str]) -> tuple[int, list[str]]:
    """How many lines of the title come first, and the authors below them.

    The second half of a title looks like one name: it is none if several stand below it.
    """
    first = next((n for n, line in enumerate(lines[:_BELOW]) if people(line)), len(lines))
    if len(people(lines[first]) if first < len(lines) else ()) == 1 and not first:
        more = people(lines[1]) if len(lines) > 1 else []
        first += len(more) > 1
    found: list[str] = []
    for line in lines[first : first + 8]:
        named = people(line)
        if not named:
            break
        found += named
    return first, found


def people(line: str) -> list[str]:
    """The names on a line of authors, or none if it is no such line: one that begins with a mark is a place."""
    if line[:1].isdigit() or len(line) > 400 or _IS["affiliation"].search(line):
        return []
    parts = re.split(r"[ ]{2,}|\band\b|&|;", _IS["marks"].sub("  ", line))
    found = [" ".join(each.split()) for each in parts if each.strip()]
    sound = all(_IS["name"].fullmatch(each) and " " in each for each in found)
    return found if sound else []
