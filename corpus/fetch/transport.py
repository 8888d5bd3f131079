"""Connections that go to the address that was checked, so that a name cannot change its mind in between.

httpx knows no hook between resolving and connecting; httpcore's network backend is that hook.
"""

from __future__ import annotations

import ssl
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import Any

import certifi
import httpcore
import httpx

from gadfly.corpus.fetch.addresses import Resolver, checked, resolve
from gadfly.corpus.fetch.errors import FetchError, RefusedError


class CheckedBackend(httpcore.SyncBackend):
    """Resolves a host itself, checks every address, and connects to one of those."""

    def __init__(self, free: Callable[[str], bool], lookup: Resolver = resolve) -> None:
        self._free = free
        self._lookup = lookup

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        if self._free(host):
            return super().connect_tcp(host, port, timeout, local_address, socket_options)
        last: Exception | None = None
        for address in checked(f"//{host}", host, port, self._lookup)[:4]:
            try:
                return super().connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                last = error
        assert last is not None
        raise last


class CheckedTransport(httpx.BaseTransport):
    """httpx over a pool with :class:`CheckedBackend`.

    Behind a proxy (``HTTPS_PROXY`` and its kin) the proxy connects, and names that this machine
    cannot resolve are the proxy's to judge; what resolves here is still checked.
    """

    def __init__(self, free: Callable[[str], bool], lookup: Resolver = resolve) -> None:
        self._free = free
        self._lookup = lookup
        self._context = _ssl_context()
        self._direct = httpcore.ConnectionPool(
            ssl_context=self._context,
            network_backend=CheckedBackend(free, lookup),
            max_connections=8,
            keepalive_expiry=15,
        )
        self._proxied: dict[str, httpcore.ConnectionPool] = {}

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        assert isinstance(request.stream, httpx.SyncByteStream)
        response = self._pool(request).handle_request(
            httpcore.Request(
                method=request.method,
                url=httpcore.URL(
                    scheme=request.url.raw_scheme,
                    host=request.url.raw_host,
                    port=request.url.port,
                    target=request.url.raw_path,
                ),
                headers=request.headers.raw,
                content=request.stream,
                extensions=request.extensions,
            )
        )
        return httpx.Response(
            status_code=response.status,
            headers=response.headers,
            stream=_Stream(response.stream),
            extensions=response.extensions,
        )

    def close(self) -> None:
        for pool in (self._direct, *self._proxied.values()):
            pool.close()

    def _pool(self, request: httpx.Request) -> httpcore.ConnectionPool:
        host = request.url.host
        if self._free(host):
            return self._direct
        proxy = urllib.request.getproxies().get(request.url.scheme)
        if not proxy or urllib.request.proxy_bypass(host):
            return self._direct
        if not proxy.startswith(("http://", "https://")):
            raise FetchError(str(request.url), "only http and https proxies are supported")
        try:
            checked(str(request.url), host, request.url.port or 443, self._lookup)
        except RefusedError:
            raise
        except (
            FetchError
        ):  # unknown here: many such networks resolve outside names at the proxy only
            pass
        if proxy not in self._proxied:
            at = httpx.URL(proxy)
            auth = (at.username, at.password) if at.username else None
            self._proxied[proxy] = httpcore.ConnectionPool(
                ssl_context=self._context,
                proxy=httpcore.Proxy(str(at.copy_with(userinfo=b"")), auth=auth),
            )
        return self._proxied[proxy]


class _Stream(httpx.SyncByteStream):
    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def __iter__(self) -> Iterator[bytes]:
        yield from self._stream

    def close(self) -> None:
        self._stream.close()


@lru_cache(maxsize=1)
def _ssl_context() -> ssl.SSLContext:
    """The system's authorities (a university's own among them) and certifi's."""
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return context
