"""Which addresses may be asked: http and https, and nothing inside this machine's own network.

A document may link or redirect anywhere, so an address is judged after its name was resolved.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable
from urllib.parse import urlsplit

from gadfly.corpus.fetch.errors import FetchError, RefusedError

Resolver = Callable[[str, int], list[str]]
WAY_OUT = "set GADFLY_ALLOW_PRIVATE=1 to allow it"


def check_url(url: str) -> str:
    """The host of a URL that may be asked.

    Raises:
        RefusedError: another scheme, no host, or not a URL at all.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise RefusedError(url, f"not a URL ({error})") from error
    if parts.scheme.lower() not in ("http", "https"):
        raise RefusedError(
            url, f"only http and https are read, not {parts.scheme or 'a bare name'!r}"
        )
    if not host:
        raise RefusedError(url, "it names no host")
    return host


def resolve(host: str, port: int) -> list[str]:
    """The IP addresses of a name, in the order the system prefers them."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(each[4][0]) for each in found))


def public(address: str) -> bool:
    """Whether an IP address lies on the open internet."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address):
        # Addresses that only carry an IPv4 one would be a way around the check.
        inner = ip.ipv4_mapped or ip.sixtofour or _embedded(ip)
        if inner is not None:
            return public(str(inner))
    return ip.is_global and not ip.is_multicast


def checked(url: str, host: str, port: int, lookup: Resolver) -> list[str]:
    """The addresses of a host, all of them public.

    Raises:
        RefusedError: one of them is not; a name that leads both ways is a trap.
        FetchError: the name is unknown.
    """
    try:
        found = lookup(host, port)
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise FetchError(url, f"the name {host} does not resolve ({reason})") from error
    for address in found:
        if not public(address):
            raise RefusedError(url, f"{host} is the private address {address}; {WAY_OUT}")
    if not found:
        raise FetchError(url, f"the name {host} has no address")
    return found


def _embedded(ip: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address inside a NAT64 or IPv4-compatible one."""
    value = int(ip)
    if value >> 32 in (0x0064_FF9B << 64, 0) and value > 1:
        return ipaddress.IPv4Address(value & 0xFFFF_FFFF)
    return None
