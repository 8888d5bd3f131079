"""Which addresses may be asked: http and https, and nothing inside this machine's own network.

A document may link or redirect anywhere, so an address is judged after its name was resolved.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable
from urllib.parse import urlsplit

from gadfly.corpus.fetch.errors import FetchError, RefusedError
from gadfly.settings import ALLOW_PRIVATE

Resolver = Callable[[str, int], list[str]]
WAY_OUT = f"set {ALLOW_PRIVATE.variable}=1 to allow it"

# IANA's registries of special addresses, as far as Python's own knowledge of them hangs on its version.
_SPECIAL = """0.0.0.0/8 100.64.0.0/10 192.0.0.0/24 192.0.2.0/24 192.88.99.0/24 198.18.0.0/15 198.51.100.0/24
203.0.113.0/24 224.0.0.0/4 240.0.0.0/4"""
_INSIDE_4 = [ipaddress.IPv4Network(each) for each in _SPECIAL.split()]
_INTERNET_6 = ipaddress.IPv6Network("2000::/3")
_INSIDE_6 = [
    ipaddress.IPv6Network(each)
    for each in ("2001::/23", "2001:db8::/32", "3fff::/20")  # Teredo and protocols; documentation
]
# Prefixes of 96 bits before an IPv4 address: compatible, mapped, translated, NAT64.
_CARRIERS = frozenset({0, 0xFFFF, 0xFFFF_0000, 0x0064_FF9B << 64})
_ISATAP = 0x0000_5EFE  # with or without the bit that says "unique in the world"


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
    """Whether an IP address lies on the open internet. What is not known to do so does not, a scoped one neither."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv4Address):
        return ip.is_global and not any(ip in network for network in _INSIDE_4)
    if ip.scope_id is not None:
        return False
    # Addresses that only carry an IPv4 one would be a way around the check.
    inner = _embedded(ip)
    if inner is not None:
        return public(str(inner))
    # All unicast addresses of the internet are in one eighth; loopback, site-local, local NAT64 and the rest are not.
    return ip in _INTERNET_6 and ip.is_global and not any(ip in network for network in _INSIDE_6)


def checked(url: str, host: str, port: int, lookup: Resolver) -> list[str]:
    """The addresses of a host, all of them public.

    Raises:
        RefusedError: one of them is not; a name that leads both ways is a trap.
        FetchError: the name is unknown.
    """
    try:
        found = lookup(_numeric(host) or host, port)
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise FetchError(url, f"the name {host} does not resolve ({reason})") from error
    for address in found:
        if not public(address):
            raise RefusedError(url, f"{host} is the private address {address}; {WAY_OUT}")
    if not found:
        raise FetchError(url, f"the name {host} has no address")
    return found


def _numeric(host: str) -> str | None:
    """The host without the dot at its end, if it is an IPv4 address however it is spelled (``0x7f.1.``)."""
    bare = host.rstrip(".")
    try:
        socket.inet_aton(bare)
    except (OSError, UnicodeError):
        return None
    return bare


def _embedded(ip: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address inside a mapped, translated, compatible, NAT64, 6to4 or ISATAP one."""
    value = int(ip)
    last = ipaddress.IPv4Address(value & 0xFFFF_FFFF)
    if value >> 32 in _CARRIERS and value > 1:
        return last
    if (value >> 32) & 0xFDFF_FFFF == _ISATAP:
        return last
    return ip.sixtofour
