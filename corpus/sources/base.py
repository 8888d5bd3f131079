"""The one protocol behind which every origin of documents stands, and the document that a Markdown text makes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

from gadfly.corpus.documents import Document, normalise, year_of
from gadfly.corpus.markup import blocks

_KNOWN = {"title", "kind", "year", "authors", "author", "url", "licence", "license", "version"}


class Source(Protocol):
    """An origin of documents.

    ``fingerprint`` must be cheap (no parsing, no network): while it stays the same, the index skips
    the source without reading it. ``documents`` may be slow and is only called when it changed.
    """

    @property
    def name(self) -> str:
        """Unique among sources, and stable: the index removes what a source of that name no longer yields."""
        ...

    def fingerprint(self) -> str: ...

    def documents(self) -> Iterator[Document]: ...


def from_markdown(
    identifier: str,
    fields: dict[str, Any],
    body: str,
    *,
    source: str,
    kind: str,
    fallback_title: str,
    meta: dict[str, Any] | None = None,
) -> Document:
    """A document from front-matter fields and a Markdown body; fields it does not know go to ``meta``."""
    text = normalise(body)
    title = str(fields.get("title") or "").strip() or _first_heading(text) or fallback_title
    authors = fields.get("authors") or fields.get("author") or ()
    if isinstance(authors, str):
        authors = [authors]
    extra = {key: value for key, value in fields.items() if key not in _KNOWN}
    return Document(
        id=identifier,
        title=" ".join(title.split()),
        text=text,
        kind=str(fields.get("kind") or kind),
        source=source,
        year=year_of(fields.get("year")),
        authors=tuple(str(author) for author in authors),
        url=str(fields["url"]) if fields.get("url") else None,
        licence=str(fields.get("licence") or fields.get("license") or "") or None,
        version=str(fields["version"]) if fields.get("version") else None,
        meta=_plain({**extra, **(meta or {})}),
    )


def _first_heading(text: str) -> str:
    return next((block.title for block in blocks(text[:20_000]) if block.kind == "heading"), "")


def _plain(value: Any) -> Any:
    """Only what JSON can hold: YAML turns ``2023-05-01`` into a date."""
    if isinstance(value, dict):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)
