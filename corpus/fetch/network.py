"""Asking: one request with its redirects, tried again where that may help. Leaves out the cache (``client``).

A body is decompressed here, counted while it arrives and stopped at its bound: a library's own decompression would
unfold a small bomb whole before it can be counted.
"""

from __future__ import annotations

import email.utils
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from urllib.parse import urljoin

import httpcore
import httpx

from gadfly import __version__
from gadfly.corpus.fetch.addresses import check_url
from gadfly.corpus.fetch.errors import FetchError, RefusedError, redact
from gadfly.corpus.fetch.pace import Pace
from gadfly.corpus.fetch.response import Response, start_of

USER_AGENT = (
    f"Gadfly/{__version__} (research assistant; reads single documents on a user's request)"
)
BUSY = frozenset({429, 502, 503, 504})
_MOVED = frozenset({301, 302, 303, 307, 308})
_BROKEN = (httpcore.NetworkError, httpcore.ProtocolError, httpcore.ProxyError)
_NO_URL = (httpx.InvalidURL, httpcore.UnsupportedProtocol, UnicodeError, ValueError)


@dataclass(frozen=True)
class Limits:
    """How much one request may cost; sizes in bytes after decompression, times in seconds."""

    size: int = 50_000_000
    connect: float = 10.0
    read: float = 30.0
    total: float = 300.0
    redirects: int = 5
    retries: int = 3
    longest_wait: float = 60.0


@dataclass(frozen=True)
class Ask:
    """One request, as the caller means it."""

    url: str
    headers: dict[str, str]
    size: int
    method: str = "GET"
    content: bytes | None = None


class Network:
    """Sends requests over a transport that checks addresses."""

    def __init__(
        self,
        transport: httpx.BaseTransport,
        limits: Limits,
        pace: Pace,
        sleep: Callable[[float], None],
    ) -> None:
        self._limits = limits
        self._pace = pace
        self._sleep = sleep
        self._http = httpx.Client(
            transport=transport,
            timeout=httpx.Timeout(limits.read, connect=limits.connect),
            headers={"User-Agent": USER_AGENT, "Accept-Encoding": "gzip, deflate"},
        )

    def send(self, ask: Ask) -> tuple[int, Response]:
        """The status (2xx or 304) and the answer.

        Raises:
            FetchError: after retries and redirects there is none.
        """
        self._http.cookies.clear()  # nothing is remembered from one document to the next
        tried = 0
        while True:
            try:
                return self._follow(ask)
            except _Again as again:
                tried += 1
                wait = float(2 ** (tried - 1)) if again.wait is None else again.wait
                reason = again.reason
                if wait > self._limits.longest_wait:
                    reason += f", and the server asks to wait {wait:.0f} seconds"
                elif tried > self._limits.retries:
                    reason += f", {tried} times"
                else:
                    self._sleep(wait)
                    continue
                raise FetchError(ask.url, reason, status=again.status) from again

    def close(self) -> None:
        self._http.close()

    def _follow(self, ask: Ask) -> tuple[int, Response]:
        at = ask
        for _ in range(self._limits.redirects + 1):
            status, got = self._once(at, ask.url)
            if status not in _MOVED:
                return status, got
            target = got.headers.get("location")
            if not target:
                raise FetchError(ask.url, f"a redirect ({status}) to nowhere", status=status)
            try:
                at = replace(at, url=urljoin(at.url, target))
            except ValueError as error:
                raise FetchError(ask.url, "it redirects to something that is no URL") from error
            if status in (301, 302, 303):
                at = replace(at, method="GET", content=None)
        raise FetchError(ask.url, f"more than {self._limits.redirects} redirects")

    def _once(self, ask: Ask, said: str) -> tuple[int, Response]:
        """One hop. ``said`` is the URL that the user knows: errors name it."""
        via = "" if ask.url == said else f" (redirected to {redact(ask.url)})"
        try:
            self._pace.wait(check_url(ask.url).lower())
            return self._exchange(ask, via)
        except RefusedError as error:
            raise RefusedError(said, error.reason + via) from error
        except FetchError as error:
            raise FetchError(said, error.reason + via, status=error.status) from error
        except httpcore.TimeoutException as error:
            raise _Again(None, f"no answer in time{via}") from error
        except _BROKEN as error:
            why = str(error) or type(error).__name__
            raise _Again(None, f"the connection failed{via} ({why})") from error
        except _NO_URL as error:
            raise FetchError(said, f"not a URL that can be asked{via} ({error})") from error

    def _exchange(self, ask: Ask, via: str) -> tuple[int, Response]:
        deadline = time.monotonic() + self._limits.total
        request = self._http.build_request(
            ask.method, ask.url, headers=ask.headers, content=ask.content
        )
        response = self._http.send(request, stream=True)
        try:
            status = response.status_code
            headers = {name.lower(): value for name, value in response.headers.items()}
            if status in BUSY:
                raise _Again(status, f"the server answered {status}{via}", _wait(headers))
            if status in _MOVED or status == 304:
                return status, Response(ask.url, b"", headers)
            if status >= 400:
                words = _because(status, _start(response, 2_000, deadline))
                raise FetchError(ask.url, f"the server answered {status}{words}", status=status)
            return status, Response(ask.url, _body(response, ask.size, deadline), headers)
        finally:
            response.close()


class _Again(Exception):
    """This attempt failed in a way that may pass."""

    def __init__(self, status: int | None, reason: str, wait: float | None = None) -> None:
        super().__init__(reason)
        self.status, self.reason, self.wait = status, reason, wait


def _wait(headers: dict[str, str]) -> float | None:
    """``Retry-After`` in seconds: a number, or a date, by the server's own clock where it tells it."""
    text = headers.get("retry-after", "").strip()
    if text.isdigit():
        return float(text)
    until = _time(text)
    return None if until is None else max(0.0, until - told_time(headers.get("date", "")))


def told_time(date: str) -> float:
    """The time that a server's ``Date`` tells: ours may be wrong, and only differences of one clock count."""
    told = _time(date)
    return time.time() if told is None else told


def _time(date: str) -> float | None:
    try:
        return email.utils.parsedate_to_datetime(date).timestamp()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def _because(status: int, page: bytes) -> str:
    if status == 404:
        return " (not found)"
    if status in (401, 403):
        return " (it is not public, or this client is not welcome)"
    words = start_of(page)
    return f" ({words})" if words and not words.startswith("<") else ""


def _body(response: httpx.Response, size: int, deadline: float) -> bytes:
    """The whole body.

    Raises:
        FetchError: larger than ``size`` bytes, later than ``deadline``, broken, or cut short.
    """
    stated = response.headers.get("content-length", "")
    if stated.isdigit() and int(stated) > size:
        raise _too_large(response, size)
    body = _start(response, size + 1, deadline, whole=True)
    if len(body) > size:
        raise _too_large(response, size)
    return body


def _start(response: httpx.Response, size: int, deadline: float, *, whole: bool = False) -> bytes:
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
