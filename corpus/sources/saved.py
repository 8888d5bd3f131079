"""A file of a format with pages of its own, read as one document: what ``html`` and ``pdf`` share."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from gadfly.corpus.documents import Document, slug
from gadfly.errors import CorpusError
from gadfly.home import expanded


@dataclass(frozen=True)
class SavedFile:
    """One file on this machine. A format gives ``label``, ``reader`` and :meth:`read`."""

    label: ClassVar[str]
    reader: ClassVar[str]
    """Raised when the same file comes out differently."""

    path: Path
    kind: str
    root: Path = field(init=False)

    def __post_init__(self) -> None:
        root = expanded(self.path).resolve()
        if not root.is_file():
            raise CorpusError(f"no such file: {self.path}")
        object.__setattr__(self, "root", root)

    @property
    def name(self) -> str:
        return f"{self.label}:{self.root}"

    def fingerprint(self) -> str:
        stat = self.root.stat()
        return f"{self.label} {self.reader} {stat.st_size} {stat.st_mtime_ns}"

    def documents(self) -> Iterator[Document]:
        identifier = f"{slug(self.root.parent.name or 'files')}/{slug(self.root.stem)}"
        about = {
            "source": self.name,
            "kind": self.kind,
            "fallback_title": self.root.stem,
            "meta": {"path": str(self.root), "file": self.root.name},
        }
        try:
            yield self.read(self.root.read_bytes(), identifier, about)
        except CorpusError as error:
            raise CorpusError(f"cannot read {self.path}: {error}") from error

    def read(self, data: bytes, identifier: str, about: dict[str, Any]) -> Document:
        """The document in ``data``. Raises CorpusError if it cannot be read."""
        raise NotImplementedError
