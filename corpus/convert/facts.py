"""What a page says of itself: title, authors, year, licence; and which licence a text is. Leaves out the text."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from bs4 import BeautifulSoup, Tag

from gadfly import tables
from gadfly.corpus.convert import distill, latexml
from gadfly.corpus.convert.soup import attribute, first, pick, words
from gadfly.corpus.documents import year_of

_IS = tables.patterns(__file__, 0)
LICENCE_FILES = _IS["licence_files"]
_DATES = """citation_date citation_publication_date citation_online_date article:published_time dc.date date
datepublished"""
_MARKS: dict[str, str] = tables.table(__file__)["marks"]


@dataclass(frozen=True)
class Facts:
    title: str = ""
    authors: tuple[str, ...] = ()
    year: int | None = None
    licence: str | None = None
    pdf: str = ""
    """The address of the paper of which this page is only the announcement."""


def read(soup: BeautifulSoup, url: str = "") -> Facts:
    """What the page declares; what it does not declare stays empty."""
    front = distill.front_matter(soup)
    paper = latexml.document(soup)
    authors = front.get("authors") or (latexml.authors(paper) if paper else []) or _authors(soup)
    return Facts(
        title=_title(soup, front),
        authors=tuple(dict.fromkeys(name for name in authors if name)),
        year=_year(soup, front, url),
        licence=_licence(soup),
        pdf=next(iter(_meta(soup, "citation_pdf_url")), ""),
    )


def cc_name(text: str) -> str | None:
    """``CC-BY-4.0`` from a Creative Commons address."""
    found = _IS["licence"].search(text)
    if not found:
        return None
    if found.group(1).lower() == "publicdomain":
        return "CC0-1.0" if found.group(2).lower() == "zero" else "public domain"
    return f"CC-{found.group(2).upper()}-{found.group(3)}"


def _title(soup: BeautifulSoup, front: dict[str, Any]) -> str:
    if front.get("title"):
        return " ".join(str(front["title"]).split())
    held = first(soup, "h1.ltx_title_document") or _inside(soup, "d-title, dt-article", "h1")
    if held is not None:
        return words(held)
    for name in ("citation_title", "og:title", "twitter:title"):
        said = _meta(soup, name)
        if said:
            return _IS["site"].sub("", said[0])
    held = _inside(soup, "article, main", "h1") or first(soup, "h1") or soup.title
    return _IS["site"].sub("", words(held)) if held is not None else ""


def _authors(soup: BeautifulSoup) -> list[str]:
    for name in ("citation_author", "author", "article:author", "dc.creator", "parsely-author"):
        found = [part.strip() for said in _meta(soup, name) for part in _parted(said)]
        found = [each for each in found if _IS["name"].match(each)]
        if found:
            return found
    found = [words(each) for each in pick(soup, "[rel=author], [itemprop=author], .p-author")]
    return [each for each in found if _IS["name"].match(each)][:20]


def _parted(names: str) -> list[str]:
    """Several names in one field; ``Nanda, Neel`` is one."""
    if names.count(",") == 1 and " " not in names.partition(",")[0].strip():
        last, _, first = names.partition(",")
        return [f"{first.strip()} {last.strip()}"]
    return re.split(r"[,;]|(?<!\s)\s++and\s+", names)


def _year(soup: BeautifulSoup, front: dict[str, Any], url: str) -> int | None:
    said = [str(front.get("published") or "")]
    for name in _DATES.split():
        said += _meta(soup, name)
    said += [attribute(each, "datetime") for each in pick(soup, "time[datetime]")[:1]]
    said += [words(each) for each in pick(soup, "#watermark-tr, d-byline, .ltx_dates")[:2]]
    said.append(urlsplit(url).path)
    plain = (re.sub("[-/T]", " ", text) for text in said)
    return next((year for year in map(year_of, plain) if year), None)


def _licence(soup: BeautifulSoup) -> str | None:
    for link in pick(soup, "a, link, #license-tr"):
        named = cc_name(attribute(link, "href"))
        if named:
            return named
        text = re.sub(r"(?i)^licen[cs]e:\s*", "", words(link))
        if attribute(link, "id") == "license-tr" and text:
            return re.sub(r"\s+", "-", text) if text.startswith("CC") else text
    return None


def _inside(soup: BeautifulSoup, outer: str, inner: str) -> Tag | None:
    return next((held for each in pick(soup, outer) if (held := first(each, inner))), None)


def _meta(soup: BeautifulSoup, name: str) -> list[str]:
    found = []
    for tag in soup.find_all("meta"):
        if (attribute(tag, "name") or attribute(tag, "property")).lower() == name:
            text = " ".join(attribute(tag, "content").split())
            if text:
                found.append(text)
    return found


def licence_of(text: str) -> str | None:
    """The SPDX name of a licence's text, or None."""
    start = " ".join(re.sub(r"[^\w.,/()-]+", " ", text[:8_000]).lower().split())
    start = start.replace("version 2, ", "version 2 ").replace(
        "license, version", "license version"
    )
    return next((name for name, mark in _MARKS.items() if mark in start), None) or cc_name(
        text[:8_000]
    )
