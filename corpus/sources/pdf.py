"""A PDF file as a document. Leaves out fetching one (``html.WebSource`` takes whatever a URL holds)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gadfly.corpus.convert import pdf
from gadfly.corpus.documents import Document, normalise, slug
from gadfly.errors import CorpusError

_READER = "1"  # raise it when the same file comes out differently


@dataclass(frozen=True)
class PdfSource:
    """One PDF file on this machine."""

    path: Path
    kind: str = "paper"
    root: Path = field(init=False)

    def __post_init__(self) -> None:
        root = self.path.expanduser().resolve()
        if not root.is_file():
            raise CorpusError(f"no such file: {self.path}")
        object.__setattr__(self, "root", root)

    @property
    def name(self) -> str:
        return f"pdf:{self.root}"

    def fingerprint(self) -> str:
        stat = self.root.stat()
        return f"pdf {_READER} {stat.st_size} {stat.st_mtime_ns}"

    def documents(self) -> Iterator[Document]:
        identifier = f"{slug(self.root.parent.name or 'files')}/{slug(self.root.stem)}"
        try:
            yield document(
                self.root.read_bytes(),
                identifier,
                source=self.name,
                kind=self.kind,
                fallback_title=self.root.stem,
                meta={"path": str(self.root), "file": self.root.name},
            )
        except CorpusError as error:
            raise CorpusError(f"cannot read {self.path}: {error}") from error


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
