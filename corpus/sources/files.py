"""Markdown and plain-text files and folders. Leaves out PDF, HTML, notebooks and code."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gadfly.corpus.documents import Document, normalise, slug, year_of
from gadfly.corpus.markup import blocks, split_front_matter
from gadfly.errors import CorpusError

SUFFIXES = (".md", ".markdown", ".mdx", ".rst", ".txt", ".text")
_KNOWN = {"title", "kind", "year", "authors", "author", "url", "licence", "license", "version"}


@dataclass(frozen=True)
class FilesSource:
    """A text file, or every text file below a folder (hidden folders left out)."""

    path: Path
    kind: str = "document"
    root: Path = field(init=False)

    def __post_init__(self) -> None:
        root = self.path.expanduser().resolve()
        if not root.exists():
            raise CorpusError(f"no such file or folder: {self.path}")
        if root.is_file() and root.suffix.lower() not in SUFFIXES:
            raise CorpusError(
                f"cannot read {self.path}: the readable kinds are {', '.join(SUFFIXES)}"
            )
        object.__setattr__(self, "root", root)

    @property
    def name(self) -> str:
        return f"files:{self.root}"

    def fingerprint(self) -> str:
        """Names, sizes and modification times: reading every file would not be cheap."""
        digest = hashlib.sha256(b"files 1")
        for path in self._paths():
            stat = path.stat()
            digest.update(
                f"{path}\0{stat.st_size}\0{stat.st_mtime_ns}\n".encode("utf-8", "surrogateescape")
            )
        return digest.hexdigest()

    def documents(self) -> Iterator[Document]:
        for path in self._paths():
            document = self._read(path)
            if document.text.strip():
                yield document

    def _paths(self) -> list[Path]:
        if self.root.is_file():
            return [self.root]
        return sorted(
            path
            for path in self.root.rglob("*")
            if path.suffix.lower() in SUFFIXES
            and path.is_file()
            and not any(part.startswith(".") for part in path.relative_to(self.root).parts)
        )

    def _read(self, path: Path) -> Document:
        fields, body = split_front_matter(decode(path.read_bytes()))
        relative = path.name if path == self.root else path.relative_to(self.root).as_posix()
        parts = relative.removesuffix(path.suffix).split("/")
        folder = self.root.parent if path == self.root else self.root
        return from_markdown(
            f"{slug(folder.name or 'files')}/" + "/".join(slug(part) for part in parts),
            fields,
            body,
            source=self.name,
            kind=self.kind,
            fallback_title=path.stem,
            meta={"path": str(path), "file": relative},
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


def decode(data: bytes) -> str:
    """Text of unknown encoding: UTF-8 or UTF-16 where it says so, else Windows Latin, which always decodes."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", "replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")


def _first_heading(text: str) -> str:
    return next((block.title for block in blocks(text[:20_000]) if block.kind == "heading"), "")


def _plain(value: Any) -> Any:
    """Only what JSON can hold: YAML turns ``2023-05-01`` into a date."""
    if isinstance(value, dict):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)
