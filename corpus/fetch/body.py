"""Reading a response's body: decompressed here, counted while it arrives, stopped at its bound.

Own decompression, since a library's would unfold a small bomb whole before it can be counted.
"""

from __future__ import annotations

import time
import zlib

import httpx

from gadfly.corpus.fetch.errors import FetchError


def read(response: httpx.Response, size: int, deadline: float) -> bytes:
    """The whole body.

    Raises:
        FetchError: larger than ``size`` bytes, later than ``deadline``, broken, or cut short.
    """
    stated = response.headers.get("content-length", "")
    if stated.isdigit() and int(stated) > size:
        raise _too_large(response, size)
    body = start(response, size + 1, deadline, whole=True)
    if len(body) > size:
        raise _too_large(response, size)
    return body


def start(response: httpx.Response, size: int, deadline: float, *, whole: bool = False) -> bytes:
    """The first ``size`` bytes; ``whole`` insists that a compressed body is complete."""
    url = str(response.url)
    unpacker = _Unpacker(response.headers.get("content-encoding", ""), url)
    parts: list[bytes] = []
    room = size
    for raw in response.iter_raw():
        if time.monotonic() > deadline:
            raise FetchError(url, "it took too long")
        part = unpacker(raw, room)
        parts.append(part)
        room -= len(part)
        if room <= 0:
            return b"".join(parts)
    if whole and not unpacker.complete:
        raise FetchError(url, "the compressed body is cut short")
    return b"".join(parts)


class _Unpacker:
    def __init__(self, encoding: str, url: str) -> None:
        self._encoding = encoding.strip().lower()
        self._url = url
        self._machine = None
        if self._encoding in ("gzip", "x-gzip", "deflate"):
            self._machine = zlib.decompressobj(wbits=47)
        elif self._encoding not in ("", "identity"):
            raise FetchError(url, f"an encoding that was not asked for ({self._encoding})")

    def __call__(self, raw: bytes, room: int) -> bytes:
        if self._machine is None:
            return raw[:room]
        try:
            return self._machine.decompress(raw, room)
        except zlib.error as error:
            raise FetchError(self._url, f"the {self._encoding} body is broken ({error})") from error

    @property
    def complete(self) -> bool:
        return self._machine is None or self._machine.eof


def _too_large(response: httpx.Response, size: int) -> FetchError:
    return FetchError(str(response.url), f"it is larger than {size / 1e6:.3g} MB")
