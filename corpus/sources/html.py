"""Web pages: :class:`WebSource` for a URL, :func:`from_page` and :func:`from_pdf` for what is here already.

A URL may turn out to hold a PDF or plain text; what it holds is told by its bytes, since servers are
often wrong about it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit

from gadfly.corpus.convert import html, pdf
from gadfly.corpus.documents import Document, slug
from gadfly.corpus.fetch.client import Fetching
from gadfly.corpus.fetch.errors import FetchError, redact
from gadfly.corpus.fetch.response import Response
from gadfly.corpus.markup import split_front_matter
from gadfly.corpus.sources.base import About, from_markdown
from gadfly.errors import CorpusError

_READER = "2"  # raise it when the same page comes out differently
_ACCEPT = "text/html, application/pdf;q=0.9, text/plain;q=0.9, */*;q=0.5"
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

    @property
    def target(self) -> str:
        """The address, unless it holds a secret: those are not kept."""
        return "" if "***" in redact(self.url) else self.url

    def fingerprint(self) -> str:
        return f"web {_READER} {self.fetching.period()}"

    def documents(self) -> Iterator[Document]:
        response = self.fetching.get(self.url, accept=_ACCEPT)
        about = About(web_id(self.url), self.name, self.kind, url=redact(self.url))
        yield self._whole(document(response, about))

    def _whole(self, found: Document) -> Document:
        """The paper itself, where the page is only its announcement; the page knows the facts better."""
        announced = found.meta.get("pdf")
        if not announced or len(found.text.split()) > _ANNOUNCEMENT:
            return found
        try:
            response = self.fetching.get(urljoin(self.url, announced))
            paper = from_pdf(response.body, About(found.id, self.name, "paper"))
        except CorpusError as error:
            return found.model_copy(update={"meta": {**found.meta, "not_read": [str(error)]}})
        return found.model_copy(
            update={"text": paper.text, "kind": "paper", "meta": {**paper.meta, "pdf": announced}}
        )


def document(response: Response, about: About) -> Document:
    """A document from whatever a URL (``about.url``) holds.

    Raises:
        FetchError: nothing that can be read; the message names the URL.
    """
    body = response.body
    about = replace(about, title=about.title or response.filename or about.url)
    try:
        if body[:1024].lstrip().startswith(b"%PDF-"):
            return from_pdf(body, about)
        if b"\0" in body[:2_000] and body[:2] not in (b"\xff\xfe", b"\xfe\xff"):
            kind_of = response.media_type or "unknown kind"
            raise CorpusError(f"it holds neither a page, a PDF nor a text ({kind_of})")
        if response.looks_like_html():
            return from_page(response.text(), about)
        fields, text = split_front_matter(response.text())
        if not text.strip():
            raise CorpusError("it is empty")
        return from_markdown(about, text, fields)
    except FetchError:
        raise
    except CorpusError as error:
        raise FetchError(about.url, str(error)) from error


def from_page(text: str, about: About) -> Document:
    """A document from the text of an HTML page.

    Raises:
        CorpusError: the page holds no text.
    """
    page = html.read(text, about.url)
    found = {"format": "html", **({"pdf": page.facts.pdf} if page.facts.pdf else {})}
    facts = {name: getattr(page.facts, name) for name in ("title", "year", "authors", "licence")}
    return about.document(page.text, meta=found, **facts)


def from_pdf(data: bytes, about: About) -> Document:
    """A document from the bytes of a PDF.

    Raises:
        CorpusError: it is damaged, locked, or a scan.
    """
    held = pdf.read(data)
    facts: dict[str, Any] = {
        "format": "pdf",
        "pages": held.pages,
        "sha256": hashlib.sha256(data).hexdigest(),
    }
    if held.unread:
        facts["unread_pages"] = list(held.unread)
    facts |= {name: each for name in ("arxiv", "doi") if (each := getattr(held, name))}
    url = f"https://arxiv.org/abs/{held.arxiv}" if held.arxiv and not about.url else about.url
    return about.document(
        held.text, title=held.title, year=held.year, authors=held.authors, meta=facts, url=url
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
