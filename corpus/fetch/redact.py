"""Secrets in URLs: found here, so that no error, log or cache entry shows one."""

from __future__ import annotations

import re
from urllib.parse import urlsplit, urlunsplit

_SECRET = re.compile(
    r"(?i)(^|[&;?])"
    r"((?:[\w.-]*(?:token|secret|passw(?:or)?d|signature|credential|session|auth|api[_-]?key|apikey)[\w.-]*"
    r"|key|sig|pwd|code|resourcekey)=)[^&;#]+"
)
_LONGEST = 300


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
    return _SECRET.sub(r"\1\2***", text)
