"""What can go wrong outside: :class:`FetchError` (a URL) and :class:`ArchiveError` (a tar or zip).

Secrets in URLs are found here, so that no error, log or cache entry shows one.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit, urlunsplit

from gadfly import tables
from gadfly.errors import CorpusError

_IS = tables.patterns(__file__, 0)
_LONGEST = 300


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


def redact(url: str) -> str:
    """The URL without user, password and the values of secret-looking parameters, on one line."""
    url = "".join(character if character.isprintable() else "?" for character in url)
    try:
        parts = urlsplit(url)
        place = parts.netloc.rpartition("@")[2]
        if place != parts.netloc:
            place = f"***@{place}"
        shown = urlunsplit(
            (parts.scheme, place, parts.path, _hide(parts.query), _hide(parts.fragment))
        )
    except ValueError:  # a malformed host: whatever stands before an @ may be a password
        shown = _hide(re.sub(r"//[^/@]*@", "//***@", url))
    return shown if len(shown) <= _LONGEST else shown[:_LONGEST] + "…"


def _hide(text: str) -> str:
    return _IS["secret"].sub(r"\1\2***", text)
