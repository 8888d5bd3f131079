"""The Atom answer of arXiv's API: the facts of one paper.

arXiv answers a malformed request with status 200 and an entry called ``Error``, an unknown paper with no
entry, and a client in a hurry with the plain words ``Rate exceeded.``
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass

from gadfly.corpus.documents import year_of
from gadfly.errors import CorpusError

_ATOM = "{http://www.w3.org/2005/Atom}"
_ARXIV = "{http://arxiv.org/schemas/atom}"


@dataclass(frozen=True)
class Entry:
    """``version`` is that of the paper as arXiv has it now, or the one asked for: ``v2``."""

    id: str
    version: str
    title: str
    authors: tuple[str, ...]
    abstract: str
    year: int | None
    category: str


def read(xml: str) -> Entry | None:
    """The first paper of an answer, or None if arXiv knows none.

    Raises:
        CorpusError: no Atom feed, or arXiv reports an error.
    """
    if "rate exceeded" in xml[:200].lower():
        raise CorpusError("arXiv says that it was asked too often; try again in a minute")
    try:
        if "<!DOCTYPE" in xml or "<!ENTITY" in xml:
            raise CorpusError("arXiv's answer declares entities, which no Atom feed does")
        feed = ElementTree.fromstring(xml)
    except ElementTree.ParseError as error:
        raise CorpusError(f"arXiv's answer is no Atom feed ({error})") from error
    entry = feed.find(f"{_ATOM}entry")
    if entry is None:
        return None
    title = _text(entry, "title")
    place = _text(entry, "id")
    if title == "Error" or "/api/errors" in place:
        raise CorpusError(
            f"arXiv refuses the request: {_text(entry, 'summary') or 'no reason given'}"
        )
    found = re.search(r"/abs/(.+?)(v\d+)?$", place)
    if not found or not title:
        return None
    category = entry.find(f"{_ARXIV}primary_category")
    return Entry(
        id=found.group(1),
        version=found.group(2) or "",
        title=title,
        authors=tuple(
            name for each in entry.findall(f"{_ATOM}author") if (name := _text(each, "name"))
        ),
        abstract=_text(entry, "summary"),
        year=year_of(_text(entry, "published")),
        category=category.get("term", "") if category is not None else "",
    )


def _text(element: ElementTree.Element, name: str) -> str:
    """On one line: arXiv wraps titles and abstracts in the middle of sentences."""
    return " ".join((element.findtext(f"{_ATOM}{name}") or "").split())
