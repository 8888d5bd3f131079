"""Files and folders: Markdown and other text, notebooks, Python, and dumps of many documents in one file.

Chooses a reader for each file (``readers/``) and gives its pages their ids. A file that cannot be read
is an error when it is asked for by name, and an entry of ``failures`` when it lies in a folder. Leaves
out PDF and HTML.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gadfly.corpus.documents import Document, normalise, slug, year_of
from gadfly.corpus.markup import blocks
from gadfly.corpus.readers import dump, notebook, prose, python
from gadfly.corpus.readers.encoding import decode as decode
from gadfly.corpus.readers.encoding import text_of
from gadfly.corpus.readers.page import Page
from gadfly.corpus.readers.report import Report
from gadfly.errors import CorpusError
from gadfly.home import expanded

PROSE = (".md", ".markdown", ".mdx", ".rst", ".txt", ".text")
SUFFIXES = (*PROSE, ".ipynb", ".py")
PACKED = ".xml"  # read only when asked for by name, and only as a packer's output
_READER = "3"  # raise it when files come out differently, so that they are read again
_KNOWN = {"title", "kind", "year", "authors", "author", "url", "licence", "license", "version"}
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
        if root.is_file() and root.suffix.lower() not in (*SUFFIXES, PACKED):
            raise CorpusError(
                f"cannot read {self.path}: the readable kinds are {', '.join(SUFFIXES)}"
            )
        object.__setattr__(self, "root", root)

    @property
    def name(self) -> str:
        return f"files:{self.root}"

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
                pages = self._pages(path)
            except (CorpusError, OSError) as error:
                if path == self.root:
                    raise
                self.failures[self._relative(path)] = str(error)
                continue
            for page in pages:
                document = self._document(path, page)
                if document.text.strip():
                    yield document

    def _paths(self) -> list[Path]:
        if self.root.is_file():
            return [self.root]
        found = []
        for folder, inner, names in os.walk(self.root):
            here = Path(folder)
            inner[:] = [each for each in inner if self._enters(here / each)]
            found += [here / each for each in names if Path(each).suffix.lower() in SUFFIXES]
        return sorted(each for each in found if not each.name.startswith(".") and each.is_file())

    @staticmethod
    def _enters(folder: Path) -> bool:
        hidden = folder.name.startswith(".") or folder.name in _SKIPPED
        return not hidden and not (folder / "pyvenv.cfg").exists()

    def _pages(self, path: Path) -> list[Page]:
        """What a file says; one page, or one for each document of a dump."""
        relative = self._relative(path)
        text = text_of(path, relative)
        kind = path.suffix.lower()
        if kind == ".ipynb":
            pages = [notebook.read(text, relative)]
        elif kind == ".py":
            pages = [python.read(text, relative)]
        else:
            taken_apart = dump.read(text, relative)
            if taken_apart is None and kind == PACKED:
                raise CorpusError(
                    f"cannot read {relative}: XML that holds no <file> or <document> parts"
                )
            if taken_apart is None:
                return [prose.read(text)]
            self.reports.append(taken_apart.report)
            self.notices.append(taken_apart.report.line())
            pages = taken_apart.pages
        self.notices.extend(notice for page in pages for notice in page.notices)
        return pages

    def _relative(self, path: Path) -> str:
        return path.name if path == self.root else path.relative_to(self.root).as_posix()

    def _document(self, path: Path, page: Page) -> Document:
        relative = self._relative(path)
        # A script may lie beside the notes on it: only prose goes without its suffix in ids.
        named = relative.removesuffix(path.suffix) if path.suffix.lower() in PROSE else relative
        folder = self.root.parent if path == self.root else self.root
        place = "/".join(slug(part) for part in named.split("/"))
        meta: dict[str, Any] = {"path": str(path), "file": relative}
        if page.notices:
            meta["notices"] = list(page.notices)
        return from_markdown(
            "/".join(filter(None, (slug(folder.name or "files"), place, page.part))),
            page.fields,
            page.body,
            source=self.name,
            kind=self.kind,
            fallback_title=page.part.rsplit("/", 1)[-1] or path.stem,
            meta=meta,
        )


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
