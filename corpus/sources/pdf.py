"""A PDF as a document. Leaves out where it comes from."""

from __future__ import annotations

import hashlib
from typing import Any

from gadfly.corpus.convert import pdf
from gadfly.corpus.documents import Document, normalise


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
