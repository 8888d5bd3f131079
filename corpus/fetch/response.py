"""What came back: :class:`Response`, its media type, its text and its file name."""

from __future__ import annotations

import codecs
import json
import re
from dataclasses import dataclass, field
from email.message import Message
from typing import Any
from urllib.parse import unquote, urlsplit

from gadfly.corpus.fetch.errors import FetchError

_META = re.compile(rb"""<meta[^>]{0,200}?charset\s*=\s*["']?\s*([\w.:-]+)""", re.IGNORECASE)
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


@dataclass(frozen=True)
class Response:
    """A body and where it came from. ``stale``: the server was out of reach, an older copy is shown."""

    url: str
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)
    cached: bool = False
    stale: bool = False

    @property
    def media_type(self) -> str:
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def charset(self) -> str | None:
        found = re.search(
            r"charset\s*=\s*[\"']?([\w.:-]+)", self.headers.get("content-type", ""), re.I
        )
        return found.group(1) if found else None

    @property
    def filename(self) -> str | None:
        """The name that the server suggests, or the last part of the path."""
        said = self.headers.get("content-disposition", "")
        extended = re.search(r"filename\*\s*=\s*utf-8'[^']*'([^;\s]+)", said, re.IGNORECASE)
        header = Message()
        header["content-disposition"] = said
        plain = str(header.get_filename() or "")
        name = unquote(extended.group(1)) if extended else plain or unquote(urlsplit(self.url).path)
        return name.replace("\\", "/").rpartition("/")[2] or None

    def text(self) -> str:
        """The body as text; it never fails."""
        return decode(self.body, self.charset)

    def json(self) -> Any:
        """The body as JSON.

        Raises:
            FetchError: it is not JSON.
        """
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError) as error:
            raise FetchError(
                self.url, f"the answer is not JSON ({start_of(self.body)!r})"
            ) from error

    def looks_like_html(self) -> bool:
        return self.media_type in ("text/html", "application/xhtml+xml") or bool(
            re.match(rb"(?i)[\s\xef\xbb\xbf]*<(!doctype html|html|head|body)\b", self.body[:500])
        )


def decode(data: bytes, declared: str | None = None) -> str:
    """Text from bytes: a byte-order mark, then what the server or the page declares, then UTF-8.

    A declaration that does not fit is ignored: pages in UTF-8 that claim Latin-1 are common, and the
    other way round the wrong claim cannot decode.
    """
    for mark, name in _BOMS:
        if data.startswith(mark):
            return data.decode(name, "replace")
    meta = _META.search(data[:4096])
    wanted = [declared, meta.group(1).decode("ascii", "replace") if meta else None]
    if not any(each and _is_latin(each) for each in wanted):
        wanted.append("utf-8")
    else:  # every byte sequence is Latin-1, so UTF-8 is tried first
        wanted.insert(0, "utf-8")
    for claim in wanted:
        try:
            if claim:
                return data.decode(claim)
        except (UnicodeDecodeError, LookupError):
            continue
    return data.decode("cp1252", "replace")


def start_of(body: bytes, length: int = 60) -> str:
    """The first words of a body, for an error message."""
    return " ".join(decode(body[: 4 * length]).split())[:length]


def _is_latin(name: str) -> bool:
    try:
        return codecs.lookup(name).name in ("iso8859-1", "cp1252", "latin-1", "ascii")
    except LookupError:
        return False
