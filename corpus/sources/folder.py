"""A folder with PDFs and saved pages in it besides the texts that ``files`` reads."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from gadfly.corpus.documents import Document, slug
from gadfly.corpus.sources import html, pdf
from gadfly.corpus.sources.files import FilesSource
from gadfly.errors import CorpusError

SUFFIXES = (".pdf", *html.SUFFIXES)


@dataclass(frozen=True)
class FolderSource:
    """Every readable file below a folder. ``failures`` names those that could not be read, and why.

    Has the name of the :class:`FilesSource` that it contains: a folder added before PDFs were read keeps
    its documents.
    """

    files: FilesSource
    failures: dict[str, str] = field(init=False, default_factory=dict, compare=False)

    @property
    def name(self) -> str:
        return self.files.name

    def fingerprint(self) -> str:
        digest = hashlib.sha256(self.files.fingerprint().encode())
        for path in self._paths():
            stat = path.stat()
            digest.update(
                f"{path}\0{stat.st_size}\0{stat.st_mtime_ns}\n".encode("utf-8", "surrogateescape")
            )
        return digest.hexdigest()

    def documents(self) -> Iterator[Document]:
        self.failures.clear()
        yield from self.files.documents()
        self.failures.update(getattr(self.files, "failures", {}))
        base = self.files.root
        for path in self._paths():
            relative = path.relative_to(base)
            source = pdf.PdfSource(path) if path.suffix.lower() == ".pdf" else html.HtmlSource(path)
            try:
                documents = list(source.documents())
            except (CorpusError, OSError) as error:
                self.failures[relative.as_posix()] = str(error)
                continue
            parts = [slug(base.name or "files"), *map(slug, relative.with_suffix("").parts)]
            for document in documents:
                yield document.model_copy(update={"id": "/".join(parts), "source": self.name})

    def _paths(self) -> list[Path]:
        base = self.files.root
        return sorted(
            path
            for path in base.rglob("*")
            if path.suffix.lower() in SUFFIXES
            and not any(
                part.startswith(".") or part in ("node_modules", "site-packages")
                for part in path.relative_to(base).parts
            )
            and path.is_file()
        )
