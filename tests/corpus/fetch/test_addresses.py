"""Which addresses count as inside, by the registries of special addresses; and how they may be spelled."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from gadfly.corpus.fetch.addresses import checked, public
from gadfly.corpus.fetch.client import Client
from gadfly.corpus.fetch.errors import FetchError, RefusedError

INSIDE = [
    # IPv4: first and last of each block
    "0.0.0.0",
    "0.255.255.255",
    "10.0.0.0",
    "10.255.255.255",
    "100.64.0.0",
    "100.127.255.255",
    "127.0.0.1",
    "127.255.255.255",
    "169.254.0.0",
    "169.254.169.254",
    "172.16.0.0",
    "172.31.255.255",
    "192.0.0.1",
    "192.0.0.170",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.0.0",
    "192.168.255.255",
    "198.18.0.0",
    "198.19.255.255",
    "198.51.100.7",
    "203.0.113.7",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    # IPv6
    "::",
    "::1",
    "64:ff9b:1::1",
    "64:ff9b:1:ffff::8.8.8.8",
    "100::1",
    "100:0:0:1::1",
    "2001::1",
    "2001:0:4136:e378::1",
    "2001:2::1",
    "2001:10::1",
    "2001:20::1",
    "2001:30::1",
    "2001:db8::1",
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fd00::1",
    "fe80::1",
    "febf::1",
    "fec0::1",
    "feff:ffff::1",
    "ff02::1",
    "4000::1",
    "fe80::1%lo",
    "2606:4700::1%eth0",
    # IPv4 inside IPv6
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:0:127.0.0.1",
    "64:ff9b::127.0.0.1",
    "64:ff9b::100.64.0.1",
    "2002:7f00:1::",
    "2002:a00:1::1",
    "2606:4700::5efe:127.0.0.1",
    "2606:4700::200:5efe:10.0.0.1",
    # no address at all
    "",
    "localhost",
    "0x7f.1",
    "1.2.3",
    "127.0.0.1:80",
]
OUTSIDE = [
    "1.1.1.1",
    "9.255.255.255",
    "11.0.0.0",
    "93.184.216.34",
    "100.63.255.255",
    "100.128.0.0",
    "169.253.255.255",
    "172.15.255.255",
    "172.32.0.0",
    "192.0.1.0",
    "192.167.255.255",
    "198.17.255.255",
    "198.20.0.0",
    "223.255.255.255",
    "2606:4700::1",
    "2a00:1450::1",
    "2001:4860:4860::8888",
    "2001:200::1",
    "3ffe::1",
    "::ffff:1.1.1.1",
    "64:ff9b::1.1.1.1",
    "2002:101:101::1",
]


@pytest.mark.parametrize("address", INSIDE)
def test_inside(address: str) -> None:
    assert not public(address)


@pytest.mark.parametrize("address", OUTSIDE)
def test_outside(address: str) -> None:
    assert public(address)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1.",
        "localhost.",
        "127.1",
        "127.0.1",
        "0177.0.0.1",
        "0x7f000001",
        "0x7f.0.0.1",
        "2130706433",
        "017700000001",
        "0",
        "127。0。0。1",
        "127．0．0．1",
        "１２７.0.0.1",
        "⑫7.0.0.1",
        "127%2e0%2e0%2e1",
        "one@127.0.0.1",
        "example.org:80@127.0.0.1",
        "example.org%2f@127.0.0.1",
        "[::ffff:7f00:1]",
        "[fec0::1]",
        "[64:ff9b:1::7f00:1]",
        "[fe80::1%25lo]",
        "[0:0:0:0:0:0:0:1]",
        "LOCALHOST",
    ],
)
def test_however_it_is_spelled(host: str, make_client: Callable[..., Client]) -> None:
    """Refused, or no URL that can be asked; never asked."""
    with pytest.raises(FetchError) as caught:
        make_client(allow_private=False).get(f"http://{host}/")
    assert (
        isinstance(caught.value, RefusedError)
        or "not resolve" in str(caught.value)
        or ("not a URL" in str(caught.value))
    ), str(caught.value)


def test_a_dot_at_the_end_is_no_way_to_a_proxy() -> None:
    """Behind a proxy a name that is unknown here is the proxy's to resolve; an address is not."""
    asked: list[str] = []

    def lookup(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"]

    for host in ("127.0.0.1.", "0x7f.1.."):
        with pytest.raises(RefusedError):
            checked(f"http://{host}/", host, 80, lookup)
    assert asked == ["127.0.0.1", "0x7f.1"]
