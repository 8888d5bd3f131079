"""What every origin of documents has in common: the :class:`Source` that it is, the :class:`Origin` that it declares,
and the document that a Markdown text makes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from gadfly.corpus.documents import Document, normalise, year_of
from gadfly.corpus.markup import blocks, split_front_matter

if TYPE_CHECKING:
    from gadfly.corpus.fetch.client import Fetching

_KNOWN = {"title", "kind", "year", "authors", "author", "url", "licence", "license", "version"}


_NO_TITLE = ("abstract",)  # a heading that says nothing of the document
_MARKS = re.compile(r"\[([^][]{1,300})\]\([^()\s]{1,500}\)|\*\*|`")


class Source(Protocol):
    """An origin of documents.

    ``fingerprint`` must be cheap (no parsing, no network): while it stays the same, the index skips
    the source without reading it. ``documents`` may be slow and is only called when it changed.
    """

    @property
    def name(self) -> str:
        """Unique among sources, and stable: the index removes what a source of that name no longer yields."""
        ...

    @property
    def target(self) -> str:
        """What ``resolve`` makes this source of again; empty for one that only its maker can make again."""
        ...

    def fingerprint(self) -> str: ...

    def documents(self) -> Iterator[Document]: ...


class Origin(NamedTuple):
    """How users name what a source reads. A module of this folder that declares one as ``ORIGIN`` is found by itself.

    ``form`` is shown in messages (``arxiv:ID``); what stands before its colon, or is one of ``aliases``, begins a
    target of this origin, and so does an address that it ``owns``. ``opens`` makes the source of such a target.
    """

    opens: Callable[[str, Fetching], Source]
    form: str = ""
    aliases: tuple[str, ...] = ()
    owns: Callable[[str], bool] = lambda _: False


@dataclass(frozen=True)
class About:
    """What is known of a document before its text is read. ``title`` counts where the text has none of its own."""

    id: str
    source: str
    kind: str
    title: str = ""
    url: str = ""
    meta: dict[str, Any] = field(default_factory=dict)

    def document(self, text: str, *, title: str = "", **facts: Any) -> Document:
        """The document with this text, what is known, and what was found out: other fields of :class:`Document`."""
        return Document(
            id=self.id,
            title=title or self.title,
            text=normalise(text),
            kind=facts.pop("kind", self.kind),
            source=self.source,
            url=facts.pop("url", self.url) or None,
            meta={**facts.pop("meta", {}), **self.meta},
            **facts,
        )


def from_markdown(about: About, text: str, fields: dict[str, Any] | None = None) -> Document:
    """A document from a Markdown text and the fields of its front matter, which is taken off here if not given.

    Fields that are not known go to ``meta``.
    """
    if fields is None:
        fields, text = split_front_matter(text)
    text = normalise(text)
    headings = (each.title for each in blocks(text[:20_000]) if each.kind == "heading")
    named = (_MARKS.sub(r"\1", each) for each in headings if each.lower() not in _NO_TITLE)
    title = str(fields.get("title") or "").strip() or next(named, "") or about.title
    authors = fields.get("authors") or fields.get("author") or ()
    if isinstance(authors, str):
        authors = [authors]
    return about.document(
        text,
        title=" ".join(title.split()),
        kind=str(fields.get("kind") or about.kind),
        year=year_of(fields.get("year")),
        authors=tuple(str(author) for author in authors),
        url=str(fields.get("url") or about.url),
        licence=str(fields.get("licence") or fields.get("license") or "") or None,
        version=str(fields["version"]) if fields.get("version") else None,
        meta=_plain({key: value for key, value in fields.items() if key not in _KNOWN}),
    )


def _plain(value: Any) -> Any:
    """Only what JSON can hold: YAML turns ``2023-05-01`` into a date."""
    if isinstance(value, dict):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)
