"""What can go wrong outside: :class:`FetchError` (a URL) and :class:`ArchiveError` (a tar or zip)."""

from __future__ import annotations

from gadfly.corpus.fetch.redact import redact
from gadfly.errors import CorpusError


class FetchError(CorpusError):
    """A URL that could not be fetched. ``status`` is the HTTP status, or None where no answer came."""

    def __init__(self, url: str, reason: str, *, status: int | None = None) -> None:
        self.url = redact(url)
        self.reason = " ".join(reason.split())
        self.status = status
        super().__init__(f"cannot fetch {self.url}: {self.reason}")


class RefusedError(FetchError):
    """A URL that Gadfly will not ask for: another scheme, or an address inside this network."""


class ArchiveError(CorpusError):
    """An archive that is broken, or larger than its bounds."""
