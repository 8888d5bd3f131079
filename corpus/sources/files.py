"""Files and folders: text, notebooks, Python, PDFs, saved pages, papers, and dumps of many documents in one file.

Chooses a reader for each file (``readers/``, ``convert/``) and gives its pages their ids. A file that cannot be
read is an error when it is asked for by name, and an entry of ``failures`` when it lies in a folder.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from gadfly.corpus.convert.pandoc import FORMATS
from gadfly.corpus.documents import Document, slug
from gadfly.corpus.fetch.response import decode
from gadfly.corpus.readers import dump, notebook, packed, papers, python
from gadfly.corpus.readers.bylines import completed
from gadfly.corpus.readers.encoding import bytes_of, text_of, wrapped
from gadfly.corpus.readers.page import Page, prose
from gadfly.corpus.readers.report import Report
from gadfly.corpus.sources.base import About, from_markdown
from gadfly.corpus.sources.html import from_page, from_pdf
from gadfly.errors import CorpusError, MissingExtraError
from gadfly.settings import expanded

PROSE = (".md", ".markdown", ".mdx", ".rst", ".txt", ".text")
SAVED = {".pdf": "pdf", ".html": "html", ".htm": "html", ".xhtml": "html"}
PAPERS = (*(each for each in FORMATS if each not in PROSE), papers.SLIDES)
SUFFIXES = (*PROSE, ".ipynb", ".py", *PAPERS, *SAVED)
PACKED = (".xml", ".json")  # read only when asked for by name, and only as a packer's output
_READER = "6"  # raise it when files come out differently, so that they are read again
_SKIPPED = {"__pycache__", "node_modules", "site-packages"}


@dataclass(frozen=True)
class FilesSource:
    """A file, or every readable file below a folder (hidden folders and virtual environments left out).

    After ``documents()`` has run, ``failures`` says which files could not be read and why, ``notices``
    what else is worth knowing, and ``reports`` what became of each dump.
    """

    path: Path
    kind: str = "document"
    root: Path = field(init=False)
    failures: dict[str, str] = field(init=False, default_factory=dict, compare=False)
    notices: list[str] = field(init=False, default_factory=list, compare=False)
    reports: list[Report] = field(init=False, default_factory=list, compare=False)

    def __post_init__(self) -> None:
        root = expanded(self.path).resolve()
        if not root.exists():
            raise CorpusError(f"no such file or folder: {self.path}")
        if root.is_file() and root.suffix.lower() not in (*SUFFIXES, *PACKED):
            raise CorpusError(
                f"cannot read {self.path}: the readable kinds are {', '.join(SUFFIXES)}"
            )
        object.__setattr__(self, "root", root)

    @property
    def name(self) -> str:
        label = SAVED.get(self.root.suffix.lower(), "files") if self.root.is_file() else "files"
        return f"{label}:{self.root}"

    @property
    def target(self) -> str:
        return str(self.root)

    def fingerprint(self) -> str:
        """Names, sizes and modification times: reading every file would not be cheap."""
        digest = hashlib.sha256(f"files {_READER}".encode())
        for path in self._paths():
            stat = path.stat()
            digest.update(
                f"{path}\0{stat.st_size}\0{stat.st_mtime_ns}\n".encode("utf-8", "surrogateescape")
            )
        return digest.hexdigest()

    def documents(self) -> Iterator[Document]:
        self.failures.clear()
        self.notices.clear()
        self.reports.clear()
        for path in self._paths():
            try:
                documents = self._documents(path)
            except (CorpusError, MissingExtraError, OSError) as error:
                if path == self.root:
                    raise
                self.failures[self._relative(path)] = str(error)
                continue
            yield from (each for each in documents if each.text.strip())

    def _paths(self) -> list[Path]:
        if self.root.is_file():
            return [self.root]
        found = []
        for folder, inner, names in os.walk(self.root):
            here = Path(folder)
            inner[:] = [each for each in inner if self._enters(here / each)]
            found += [here / each for each in names if Path(each).suffix.lower() in SUFFIXES]
        readable = (each for each in found if not each.name.startswith(".") and each.is_file())
        # Of a text and its print, which have one id, the text comes first and is kept.
        return sorted(readable, key=lambda each: (each.suffix.lower() in SAVED, each))

    @staticmethod
    def _enters(folder: Path) -> bool:
        hidden = folder.name.startswith(".") or folder.name in _SKIPPED
        return not hidden and not (folder / "pyvenv.cfg").exists()

    def _documents(self, path: Path) -> list[Document]:
        """What a file says; one document, or one for each of a dump."""
        saved = SAVED.get(path.suffix.lower())
        if not saved:
            return [self._document(path, page) for page in self._pages(path)]
        meta = {"path": str(path), "file": self._relative(path)}
        kind = "paper" if saved == "pdf" else "page"
        about = About(self._identifier(path), self.name, kind, path.stem, meta=meta)
        data = bytes_of(path, self._relative(path))
        try:
            return [from_pdf(data, about) if saved == "pdf" else from_page(decode(data), about)]
        except CorpusError as error:
            raise CorpusError(f"cannot read {self._relative(path)}: {error}") from error

    def _pages(self, path: Path) -> list[Page]:
        relative = self._relative(path)
        kind = path.suffix.lower()
        if kind in PAPERS:
            pages = papers.read(path, relative, whole=path == self.root)
        elif kind == ".ipynb":
            pages = [notebook.read(text_of(path, relative, wrap=False), relative)]
        elif kind == ".py":
            pages = [python.read(text_of(path, relative), relative)]
        else:
            text = text_of(path, relative, wrap=kind not in PACKED)
            if kind in PACKED:
                text = wrapped(packed.plain(text) or text)
            taken_apart = dump.read(text, relative)
            if taken_apart is None and kind in PACKED:
                raise CorpusError(
                    f"cannot read {relative}: no packer's output (repomix and the like), and no library's export"
                )
            if taken_apart is not None:
                self.reports.append(taken_apart.report)
                self.notices.append(taken_apart.report.line())
                pages = taken_apart.pages
            else:
                page = (
                    papers.restructured(text, relative, path.parent, self._top())
                    if kind == ".rst"
                    else prose(text)
                )
                pages = [replace(page, fields=completed(page.fields, page.body))]
        told = [notice for page in pages for notice in page.notices]
        self.notices.extend(each for each in told if each not in self.notices)
        return pages

    def _top(self) -> Path:
        """The folder that was named, or that of the file: what a document draws in lies below it."""
        return self.root.parent if self.root.is_file() else self.root

    def _relative(self, path: Path) -> str:
        return path.name if path == self.root else path.relative_to(self.root).as_posix()

    def _identifier(self, path: Path, part: str = "") -> str:
        # A script may lie beside the notes on it: only prose goes without its suffix in ids.
        relative = self._relative(path)
        bare = path.suffix.lower() in (*PROSE, *PAPERS, *SAVED)
        named = relative.removesuffix(path.suffix) if bare else relative
        folder = self.root.parent if path == self.root else self.root
        place = "/".join(slug(each) for each in named.split("/"))
        return "/".join(filter(None, (slug(folder.name or "files"), place, part)))

    def _document(self, path: Path, page: Page) -> Document:
        meta: dict[str, Any] = {"path": str(path), "file": self._relative(path)}
        if page.notices:
            meta["notices"] = list(page.notices)
        title = page.part.rsplit("/", 1)[-1] or path.stem
        identifier = self._identifier(path, page.part)
        about = About(identifier, self.name, self.kind, title, meta=meta)
        return from_markdown(about, page.body, page.fields)
