"""A file that is many documents in a row, taken apart again: ``default_600k.md`` and packers' output.

Recognises the style (``styles``, ``contents``), reads each part (``parts``) and proves that no word was
lost (``report``). A text in no known style is left whole. Leaves out which file it came from.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

from gadfly.corpus.documents import normalise, slug
from gadfly.corpus.markup import blocks
from gadfly.corpus.readers import contents, heads, parts, sites, styles
from gadfly.corpus.readers.page import Page, Part
from gadfly.corpus.readers.paths import is_file, is_path, stem, suffix
from gadfly.corpus.readers.report import Report, lost

_SHORTEST = 40  # below this a dump could not hold two documents
# What packers write about themselves: it says nothing that a corpus should be searched for.
_PACKER = re.compile(
    r"merged representation of|^Directory structure:$|^<directory_structure>$|^Project Path: |^<source-tree>$",
    re.MULTILINE,
)
_TRAILER, _TRAILER_END = "\nEnd of Codebase\n", re.compile(r"={16,}\s*\Z")
_STAMP = re.compile(r"[=\-#*_~\s]*")
_WRAPPERS = re.compile(r"</?(?:documents|files|document_contents|document|file)>")


@dataclass(frozen=True, slots=True)
class Dump:
    pages: list[Page]
    report: Report


def read(text: str, name: str) -> Dump | None:
    """The documents of a dump, or None if the text is one document."""
    if len(text) < _SHORTEST:
        return None
    text = normalise(text)
    found = _split(text, name)
    if found is None:
        return None
    style, cut, table = found
    report = Report(name, style)
    mending = parts.Mending()
    pages = []
    if table is not None:
        mending.remove("table of contents", text[table.start : table.end])
    for kind, piece in _rest(text, cut, table):
        mending.remove(kind, piece) if kind else pages.append(Page(piece, part="preamble"))
    for part in cut:
        mending.remove("separators", text[part.head : part.start])
        body = text[part.start : part.end]
        if not _says_anything(body, part):
            report.empty.append(part.name)
            mending.remove("empty parts", body)
            continue
        page = parts.read(body, part.name, mending)
        pages.append(_named(page, part, table))
    pages = _unique(pages)
    _account(text, pages, mending, report)
    return Dump(pages, report)


def _split(text: str, name: str) -> tuple[str, list[Part], contents.Contents | None] | None:
    found = styles.find(text) or sites.find(text, name)
    if found is None:
        table = contents.table(text, 60_000)
        cut = heads.unmarked(text, table) if table else []
        return ("headings of its table of contents", cut, table) if cut else None
    style, cut = found
    table = contents.table(text, cut[0].head)
    if style in styles.BY_HAND:
        cut = heads.find(text, table, cut)
    cut[-1] = replace(cut[-1], end=_without_trailer(text, cut[-1]))
    return style, cut, table


def _without_trailer(text: str, last: Part) -> int:
    """Where the last part ends: before what repomix writes below it."""
    at = text.rfind(_TRAILER, last.start)
    if at < 0 or not _TRAILER_END.match(text, at + len(_TRAILER)):
        return last.end
    before = text[last.start : at].rstrip("=")
    if at - last.start - len(before) < 16:
        return last.end
    return last.start + len(before.rstrip("\n"))


def _rest(text: str, cut: list[Part], table: contents.Contents | None) -> list[tuple[str, str]]:
    """The text outside all parts as ``(kind, piece)``; an empty kind means that it is a page of its own."""
    spans, at = [], 0
    for part in cut:
        spans.append((at, part.head))
        at = part.end
    spans.append((at, len(text)))
    found = []
    for start, end in spans:
        piece = text[start:end]
        if table is not None and start <= table.start < end:
            piece = text[start : table.start] + text[table.end : end]
        if _STAMP.fullmatch(_WRAPPERS.sub("", piece)):
            found.append(("separators", piece))
        elif start == 0 and _PACKER.search(piece):
            found.append(("the packer's own words", piece))
        elif len(re.findall(r"\w+", piece)) < 12:  # a title of the whole, no document
            found.append(("titles of the dump", piece))
        else:
            found.append(("", piece.strip()))
    return found


def _says_anything(body: str, part: Part) -> bool:
    if part.head == part.start:  # behind a heading: the heading alone is a title of what follows
        body = body.split("\n", 1)[-1] if "\n" in body else ""
    return not _STAMP.fullmatch(body)


def _named(page: Page, part: Part, table: contents.Contents | None) -> Page:
    """The page with its place in the dump, and what its separator and the table of contents know of it."""
    fields: dict[str, Any] = {
        ("authors" if key == "author" else key): value for key, value in part.fields if value
    }
    if "date" in fields:
        fields.setdefault("year", fields.pop("date"))
    title = _title(page, part)
    if title:
        fields["title"] = title
    names = (stem(part.name) if is_path(part.name) else part.name, fields.get("title", ""))
    entries = table.entries if table else ()
    entry = next(filter(None, (contents.match(entries, each) for each in names)), None)
    told: dict[str, Any] = {}
    if entry is not None and entry.author:
        told["authors"] = [entry.author]
    if entry is not None and entry.year:
        told["year"] = entry.year
    return replace(
        page, fields={**told, **page.fields, **fields, "part": part.name}, part=_place(part.name)
    )


def _title(page: Page, part: Part) -> str:
    """What the separator calls the page, or else the page itself: its first heading that is not its file's name."""
    stated = str(page.fields.get("title") or "")
    named = dict(part.fields).get("title") or ("" if is_path(part.name) else part.name)
    if named:
        return stated if stated.startswith(named) else named
    if stated:
        return stated
    found = blocks(page.body[:20_000])[:2]
    titles = [each.title for each in found if each.kind == "heading"]
    own = [each for each in titles if not is_file(each)]
    return own[0] if own else stem(part.name) if titles else ""


def _place(name: str) -> str:
    """The part's place in ids: its path with slugs; prose without its suffix, as files have it."""
    if not is_path(name):
        return slug(name)
    pieces = [each for each in re.split(r"[/\\]+", name.strip()) if each not in ("", ".", "..")]
    if suffix(name) in ("md", "markdown", "mdx", "rst", "txt", "text"):
        pieces[-1] = stem(pieces[-1])
    return "/".join(slug(each) for each in pieces[-4:]) or slug(name)


def _unique(pages: list[Page]) -> list[Page]:
    seen: Counter[str] = Counter()
    out = []
    for page in pages:
        seen[page.part] += 1
        number = seen[page.part]
        out.append(replace(page, part=f"{page.part}-{number}") if number > 1 else page)
    return out


def _account(text: str, pages: list[Page], mending: parts.Mending, report: Report) -> None:
    report.documents = len(pages)
    report.mended = mending.count
    report.characters_read = _solid(text)
    report.characters_kept = sum(_solid(page.body) for page in pages)
    every = [piece for pieces in mending.removed.values() for piece in pieces]
    for kind, pieces in mending.removed.items():
        report.removed[kind] = sum(map(_solid, pieces))
    report.lost = lost(text, [page.body for page in pages], every)


def _solid(text: str) -> int:
    """How many characters are not white space."""
    return len("".join(text.split()))
