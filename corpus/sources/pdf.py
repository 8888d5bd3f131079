"""A PDF file as a document. Leaves out fetching one (``html.WebSource`` takes whatever a URL holds)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

from gadfly.corpus.convert import pdf
from gadfly.corpus.documents import Document, normalise
from gadfly.corpus.sources.saved import SavedFile

_READER = "1"  # raise it when the same file comes out differently


@dataclass(frozen=True)
class PdfSource(SavedFile):
    """One PDF file on this machine."""

    label = "pdf"
    reader = _READER
    kind: str = "paper"

    def read(self, data: bytes, identifier: str, about: dict[str, Any]) -> Document:
        return document(data, identifier, **about)


def document(
    data: bytes,
    identifier: str,
    *,
    source: str,
    kind: str,
    fallback_title: str,
    url: str | None = None,
    meta: dict[str, Any] | None = None,
) -> Document:
    """A document from the bytes of a PDF.

    Raises:
        CorpusError: it is damaged, locked, or a scan.
    """
    held = pdf.read(data)
    unread = {"unread_pages": list(held.unread)} if held.unread else {}
    return Document(
        id=identifier,
        title=held.title or fallback_title,
        text=normalise(held.text),
        kind=kind,
        source=source,
        year=held.year,
        authors=held.authors,
        url=url,
        meta={
            "format": "pdf",
            "pages": held.pages,
            "sha256": hashlib.sha256(data).hexdigest(),
            **unread,
            **(meta or {}),
        },
    )
