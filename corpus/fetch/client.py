"""The one HTTP client: bounded in size, time, redirects and retries, and never inside the private network.

Leaves out what the bytes mean. Answers are kept on disk (``cache``) and asked for again only when they
are older than the caller allows, with the server's own ETag.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from gadfly.corpus.fetch.addresses import Resolver, check_url, resolve
from gadfly.corpus.fetch.cache import Cache, Facts
from gadfly.corpus.fetch.errors import FetchError, RefusedError, redact
from gadfly.corpus.fetch.network import BUSY, Ask, Limits, Network
from gadfly.corpus.fetch.pace import Pace
from gadfly.corpus.fetch.response import Response
from gadfly.corpus.fetch.transport import CheckedTransport
from gadfly.settings import ALLOW_PRIVATE

DAY = 86_400.0
WEEK = 7 * DAY
_EVER = 100 * 365 * DAY
Keep = Callable[[Response], bool]
_KEPT = ("content-type", "content-disposition", "etag", "last-modified", "link")


class Client:
    """Fetches URLs.

    Args:
        allow_private: also ask addresses inside this network; ``GADFLY_ALLOW_PRIVATE=1`` says so too.
        allow_hosts: hosts that the user configured (a package index, say), private or not.
    """

    def __init__(
        self,
        *,
        limits: Limits | None = None,
        allow_private: bool | None = None,
        allow_hosts: Collection[str] = (),
        cache: Cache | None = None,
        pace: Pace | None = None,
        lookup: Resolver = resolve,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        private = ALLOW_PRIVATE.on() if allow_private is None else allow_private
        hosts = {host.lower() for host in allow_hosts}
        self.limits = limits or Limits()
        self._cache = cache or Cache()
        transport = CheckedTransport(lambda host: private or host.lower() in hosts, lookup)
        self._network = Network(transport, self.limits, pace or Pace(), sleep)

    def get(
        self,
        url: str,
        *,
        accept: str = "*/*",
        max_age: float = DAY,
        size: int | None = None,
        keep: Keep = lambda _: True,
    ) -> Response:
        """Fetch a URL, or take a copy that the server confirmed less than ``max_age`` seconds ago.

        Args:
            keep: whether an answer may be kept; a login page sent with status 200 should not be.

        Raises:
            FetchError: it cannot be had; the message names the URL and the reason.
        """
        ask = Ask(url, {"Accept": accept}, size or self.limits.size)
        return self._cached(ask, max_age, keep)

    def post_json(
        self, url: str, payload: Any, *, max_age: float = DAY, keep: Keep = lambda _: True
    ) -> Response:
        """Send JSON and fetch the answer, kept like any other.

        Raises:
            FetchError: as :meth:`get`.
        """
        headers = {"Accept": "application/json", "Content-Type": "application/json"}
        content = json.dumps(payload, sort_keys=True).encode()
        return self._cached(Ask(url, headers, self.limits.size, "POST", content), max_age, keep)

    def close(self) -> None:
        """Close its connections."""
        self._network.close()

    def _cached(self, ask: Ask, max_age: float, keep: Keep) -> Response:
        check_url(ask.url)
        key = f"{ask.method} {ask.url}\n{ask.headers['Accept']}\n{ask.content!r}"
        held = self._cache.get(key)
        if held is None or len(held[1]) > ask.size:
            status, response = self._network.send(ask)
            if status == 304:
                raise FetchError(ask.url, "the server says 'unchanged' of a copy that nobody has")
            return self._store(key, response, keep)
        facts, body = held
        copy = Response(facts.url, body, facts.headers, cached=True)
        if 0 <= time.time() - facts.checked < max_age:
            return copy
        try:
            asked = replace(ask, headers=ask.headers | _conditions(facts.headers))
            status, response = self._network.send(asked)
        except RefusedError:
            raise
        except FetchError as error:
            # Out of reach is no reason to forget what is here; an answer such as 404 is.
            if error.status is None or error.status in BUSY:
                return replace(copy, stale=True)
            raise
        if status == 304:
            self._cache.put(key, replace(facts, checked=time.time()), None)
            return copy
        return self._store(key, response, keep)

    def _store(self, key: str, response: Response, keep: Keep) -> Response:
        if "no-store" not in response.headers.get("cache-control", "") and keep(response):
            kept = {name: response.headers[name] for name in _KEPT if name in response.headers}
            digest = hashlib.sha256(response.body).hexdigest()
            facts = Facts(redact(response.url), kept, digest, time.time())
            self._cache.put(key, facts, response.body)
        return response


@lru_cache(maxsize=1)
def default_client() -> Client:
    """The client of this process: shared, so that every source keeps the same pace."""
    return Client()


@dataclass(frozen=True)
class Fetching:
    """How a source fetches, and how long that stays fresh. ``refresh`` asks the server now, whatever is kept here.

    ``pinned`` says of what is asked for that it never changes: a fixed version.
    """

    client: Client | None = None
    refresh: bool = False
    stamp: int = field(default_factory=time.time_ns, compare=False)

    def use(self) -> Client:
        return self.client if self.client is not None else default_client()

    def get(self, url: str, *, pinned: bool = False, absent: str = "", **how: Any) -> Response:
        """Fetch a URL as :meth:`Client.get` does, or take a copy that is fresh enough; ``absent`` is what 404 means."""
        try:
            return self.use().get(url, max_age=self.max_age(pinned=pinned), **how)
        except FetchError as error:
            if absent and error.status == 404:
                raise FetchError(url, absent, status=404) from error
            raise

    def period(self, *, pinned: bool = False) -> str:
        """The part of a fingerprint that goes out of date: each week, or never for a fixed version."""
        if self.refresh:
            return f"refresh {self.stamp}"
        return "pinned" if pinned else f"week {int(time.time() // WEEK)}"

    def max_age(self, *, pinned: bool = False) -> float:
        """How old a kept copy may be, in seconds."""
        if self.refresh:
            return 0.0
        return _EVER if pinned else DAY


def _conditions(held: Mapping[str, str]) -> dict[str, str]:
    names = {"etag": "If-None-Match", "last-modified": "If-Modified-Since"}
    return {names[name]: held[name] for name in names if name in held}
