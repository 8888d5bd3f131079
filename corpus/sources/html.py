"""Web pages: :class:`WebSource` for a URL, :func:`from_page` for a page that is here already.

A URL may turn out to hold a PDF or plain text; what it holds is told by its bytes, since servers are
often wrong about it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit

from gadfly.corpus.convert import html
from gadfly.corpus.documents import Document, normalise, slug
from gadfly.corpus.fetch.errors import FetchError
from gadfly.corpus.fetch.freshness import Fetching
from gadfly.corpus.fetch.redact import redact
from gadfly.corpus.fetch.response import Response
from gadfly.corpus.markup import split_front_matter
from gadfly.corpus.sources import pdf
from gadfly.corpus.sources.base import from_markdown
from gadfly.errors import CorpusError

_READER = "1"  # raise it when the same page comes out differently
_ANNOUNCEMENT = 1_500  # words; a page that names a PDF and has fewer is not the paper itself


@dataclass(frozen=True)
class WebSource:
    """The document at a URL: a page, a PDF or a text."""

    url: str
    kind: str = "page"
    fetching: Fetching = field(default_factory=Fetching)

    @property
    def name(self) -> str:
        shown = redact(self.url)
        return f"web:{shown}" if shown == self.url else f"web:{shown} {_short(self.url)}"

    def fingerprint(self) -> str:
        return f"web {_READER} {self.fetching.period()}"

    def documents(self) -> Iterator[Document]:
        response = self.fetching.use().get(
            self.url,
            accept="text/html, application/pdf;q=0.9, text/plain;q=0.9, */*;q=0.5",
            max_age=self.fetching.max_age(),
        )
        found = document(
            response, web_id(self.url), source=self.name, kind=self.kind, url=redact(self.url)
        )
        yield self._whole(found)

    def _whole(self, found: Document) -> Document:
        """The paper itself, where the page is only its announcement; the page knows the facts better."""
        announced = found.meta.get("pdf")
        if not announced or len(found.text.split()) > _ANNOUNCEMENT:
            return found
        try:
            response = self.fetching.use().get(
                urljoin(self.url, announced), max_age=self.fetching.max_age()
            )
            paper = pdf.document(
                response.body, found.id, source=self.name, kind="paper", fallback_title=found.title
            )
        except CorpusError as error:
            return found.model_copy(update={"meta": {**found.meta, "not_read": [str(error)]}})
        return found.model_copy(
            update={"text": paper.text, "kind": "paper", "meta": {**paper.meta, "pdf": announced}}
        )


def document(
    response: Response,
    identifier: str,
    *,
    source: str,
    kind: str,
    url: str,
    fallback_title: str = "",
    meta: dict[str, Any] | None = None,
) -> Document:
    """A document from whatever a URL holds.

    Raises:
        FetchError: nothing that can be read; the message names the URL.
    """
    body = response.body
    title = fallback_title or response.filename or url
    held: dict[str, Any] = {"source": source, "kind": kind, "fallback_title": title, "meta": meta}
    try:
        if body[:1024].lstrip().startswith(b"%PDF-"):
            return pdf.document(body, identifier, url=url, **held)
        if b"\0" in body[:2_000] and body[:2] not in (b"\xff\xfe", b"\xfe\xff"):
            kind_of = response.media_type or "unknown kind"
            raise CorpusError(f"it holds neither a page, a PDF nor a text ({kind_of})")
        if response.looks_like_html():
            return from_page(response.text(), identifier, url=url, **held)
        fields, text = split_front_matter(response.text())
        if not text.strip():
            raise CorpusError("it is empty")
        return from_markdown(identifier, {"url": url, **fields}, text, **held)
    except FetchError:
        raise
    except CorpusError as error:
        raise FetchError(url, str(error)) from error


def from_page(
    text: str,
    identifier: str,
    *,
    source: str,
    kind: str,
    fallback_title: str,
    url: str = "",
    meta: dict[str, Any] | None = None,
) -> Document:
    """A document from the text of an HTML page.

    Raises:
        CorpusError: the page holds no text.
    """
    page = html.read(text, url)
    return Document(
        id=identifier,
        title=page.facts.title or fallback_title,
        text=normalise(page.text),
        kind=kind,
        source=source,
        year=page.facts.year,
        authors=page.facts.authors,
        url=url or None,
        licence=page.facts.licence,
        meta={
            "format": "html",
            **({"pdf": page.facts.pdf} if page.facts.pdf else {}),
            **(meta or {}),
        },
    )


def web_id(url: str) -> str:
    """``web/distill-pub/2020-circuits-zoom-in`` for a URL; a query gets a short hash."""
    parts = urlsplit(url)
    host = slug((parts.hostname or "x").removeprefix("www."))
    path = re.sub(r"\.(html?|xhtml|pdf|md|txt)$", "", unquote(parts.path).strip("/"))
    path = re.sub(r"/index$", "", path)
    stem = slug(path) if path else "index"
    if parts.query or len(path) > 80:
        stem = f"{stem[:72].strip('-')}-{_short(url)}"
    return f"web/{host}/{stem}"


def _short(url: str) -> str:
    return hashlib.sha256(url.encode("utf-8", "replace")).hexdigest()[:6]
