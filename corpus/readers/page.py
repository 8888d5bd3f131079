"""What a reader hands back, a :class:`Page`, and where one document stands inside a dump, a :class:`Part`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from gadfly.corpus.documents import year_of
from gadfly.corpus.markup import split_front_matter


@dataclass(frozen=True, slots=True)
class Page:
    """A text with what is known of it.

    ``fields`` are those of a front matter (``title``, ``kind``, ``authors``, ``year``, ``url``); what is not
    known there ends in the document's ``meta``. ``part`` is the page's place inside a file that holds
    several. ``notices`` say what could not be read as it should. ``removed`` is what the reader took out as
    mere markup: an importer that proves that no word was lost has to know it.
    """

    body: str
    fields: dict[str, Any] = field(default_factory=dict)
    part: str = ""
    notices: tuple[str, ...] = ()
    removed: str = ""


@dataclass(frozen=True, slots=True)
class Part:
    """One document inside a dump. ``head`` is where its separator begins, ``start`` to ``end`` its text."""

    name: str
    head: int
    start: int
    end: int
    fields: tuple[tuple[str, str], ...] = ()


def prose(text: str) -> Page:
    """Markdown, reStructuredText or plain text: the text itself, with its front matter taken off."""
    fields, body = split_front_matter(text)
    for named in ("date", "published"):
        if named in fields and year_of(fields[named]):
            fields.setdefault("year", year_of(fields[named]))
    return Page(body, fields, removed=text[: len(text) - len(body)] if fields else "")
