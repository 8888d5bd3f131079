"""The one protocol behind which every origin of documents stands."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from gadfly.corpus.documents import Document


class Source(Protocol):
    """An origin of documents.

    ``fingerprint`` must be cheap (no parsing, no network): while it stays the same, the index skips
    the source without reading it. ``documents`` may be slow and is only called when it changed.
    """

    @property
    def name(self) -> str:
        """Unique among sources, and stable: the index removes what a source of that name no longer yields."""
        ...

    def fingerprint(self) -> str: ...

    def documents(self) -> Iterator[Document]: ...
