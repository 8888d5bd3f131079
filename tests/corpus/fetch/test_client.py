"""The HTTP client: what it refuses, what it survives, what it remembers."""

from __future__ import annotations

import email.utils
import gzip
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpcore
import pytest

from gadfly.corpus.fetch.cache import Cache
from gadfly.corpus.fetch.client import Client
from gadfly.corpus.fetch.errors import FetchError, RefusedError, redact
from gadfly.corpus.fetch.network import Limits
from gadfly.corpus.fetch.pace import Pace
from gadfly.errors import CorpusError


def test_a_page_and_who_asks(client: Client, site: Any) -> None:
    got = client.get(site.add("/a", "<p>hello", kind="text/html; charset=utf-8"))
    assert (got.text(), got.media_type, got.cached) == ("<p>hello", "text/html", False)
    assert "Gadfly/" in site.asked[0].headers["User-Agent"]


# -- addresses -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/",
        "http://localhost:1/",
        "http://10.0.0.1/",
        "http://192.168.1.1/",
        "http://169.254.169.254/latest/meta-data/",
        "http://100.64.0.1/",
        "http://0.0.0.0/",
        "http://224.0.0.1/",
        "http://2130706433/",
        "http://0x7f.1/",
        "http://[::1]/",
        "http://[::]/",
        "http://[fe80::1]/",
        "http://[fd00::1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://[::ffff:a9fe:a9fe]/",
        "http://[64:ff9b::7f00:1]/",
        "http://[2002:7f00:1::]/",
    ],
)
def test_addresses_inside_are_refused(url: str, make_client: Callable[..., Client]) -> None:
    with pytest.raises(RefusedError, match="GADFLY_ALLOW_PRIVATE=1"):
        make_client(allow_private=False).get(url)


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "ftp://example.org/",
        "gopher://x/",
        "example.org",
        "http://",
        "//x",
        "",
    ],
)
def test_other_schemes_are_refused(url: str, client: Client) -> None:
    with pytest.raises(RefusedError):
        client.get(url)


@pytest.mark.parametrize(
    "url", ["http://[::1/", "http://x:99999/", "http://a b/", "http://\ud800/", "http://x\n/"]
)
def test_what_is_no_url(url: str, client: Client) -> None:
    with pytest.raises(FetchError) as caught:
        client.get(url)
    assert "\n" not in str(caught.value)


def test_a_name_that_leads_inside_is_refused(site: Any, make_client: Callable[..., Client]) -> None:
    port = site.url.rpartition(":")[2]
    for addresses in (["127.0.0.1"], ["93.184.216.34", "127.0.0.1"]):
        client = make_client(allow_private=False, lookup=lambda host, port, found=addresses: found)
        with pytest.raises(
            RefusedError, match=r"evil\.example is the private address 127\.0\.0\.1"
        ):
            client.get(f"http://evil.example:{port}/")
    assert site.asked == []


def test_a_name_cannot_change_its_mind(
    make_client: Callable[..., Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is resolved once for each connection, and the connection goes to what was checked."""
    gone_to: list[str] = []

    def connect(self: Any, host: str, *rest: Any) -> Any:
        gone_to.append(host)
        raise httpcore.ConnectError("no network in tests")

    monkeypatch.setattr(httpcore.SyncBackend, "connect_tcp", connect)
    answers = [["127.0.0.1"], ["93.184.216.34"]]
    client = make_client(
        allow_private=False, limits=Limits(retries=0), lookup=lambda host, port: answers.pop()
    )
    with pytest.raises(FetchError, match="connection failed"):
        client.get("http://rebinding.example/")
    assert gone_to == ["93.184.216.34"]
    with pytest.raises(RefusedError):
        client.get("http://rebinding.example/")
    assert gone_to == ["93.184.216.34"]


def test_an_unknown_name(make_client: Callable[..., Client]) -> None:
    def lookup(host: str, port: int) -> list[str]:
        raise OSError(-2, "Name or service not known")

    with pytest.raises(FetchError, match=r"nowhere\.example does not resolve"):
        make_client(allow_private=False, lookup=lookup).get("http://nowhere.example/")


def test_a_redirect_inside_is_refused(site: Any, make_client: Callable[..., Client]) -> None:
    url = site.move("/out", "http://169.254.169.254/latest")
    client = make_client(allow_private=False, allow_hosts=["127.0.0.1"])
    with pytest.raises(RefusedError, match=r"redirected to http://169.254.169.254"):
        client.get(url)
    with pytest.raises(RefusedError, match="only http and https"):
        client.get(site.move("/file", "file:///etc/passwd"))


def test_the_environment_may_allow(site: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    url = site.add("/a", "x")
    with pytest.raises(RefusedError):
        Client().get(url)
    monkeypatch.setenv("GADFLY_ALLOW_PRIVATE", "1")
    assert Client().get(url).body == b"x"


def test_a_proxy_is_used_but_names_that_lead_inside_are_not(
    site: Any, make_client: Callable[..., Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", site.url)
    monkeypatch.delenv("no_proxy", raising=False)
    site.add("http://far.example/a", "through")  # what a proxy is asked for is a whole URL

    def lookup(host: str, port: int) -> list[str]:
        if host == "far.example":
            raise OSError("unknown here")
        return ["10.0.0.1"]

    client = make_client(allow_private=False, lookup=lookup)
    assert client.get("http://far.example/a").body == b"through"
    with pytest.raises(RefusedError):
        client.get("http://near.example/a")


# -- redirects, retries, bounds ------------------------------------------------------------------


def test_redirects_are_followed_and_counted(client: Client, site: Any) -> None:
    site.move("/1", "/2", 301)
    site.move("/2", site.url + "/3", 307)
    site.add("/3", "end")
    assert client.get(site.url + "/1").url == site.url + "/3"
    with pytest.raises(FetchError, match="more than 5 redirects"):
        client.get(site.move("/loop", "/loop"))
    with pytest.raises(FetchError, match="to nowhere"):
        client.get(site.add("/none", status=302))


@pytest.mark.parametrize(
    ("status", "words"),
    [(404, "not found"), (403, "not public"), (410, "410"), (500, "500 .broken.")],
)
def test_an_error_says_why(status: int, words: str, client: Client, site: Any) -> None:
    with pytest.raises(FetchError, match=words) as caught:
        client.get(site.add("/x", "broken", status=status, kind="text/plain"))
    assert caught.value.status == status
    assert isinstance(caught.value, CorpusError)
    assert len(site.asked) == 1


def test_busy_servers_are_asked_again(client: Client, site: Any, slept: list[float]) -> None:
    site.add("/b", status=429, headers={"Retry-After": "7"})
    soon = email.utils.formatdate(time.time() + 30, usegmt=True)
    site.add("/b", status=503, headers={"Retry-After": soon})
    site.add("/b", status=503)
    site.add("/b", "at last")
    assert client.get(site.url + "/b").body == b"at last"
    assert slept[0] == 7
    assert 20 < slept[1] <= 30
    assert slept[2] == 4


def test_patience_ends(client: Client, site: Any, slept: list[float]) -> None:
    with pytest.raises(FetchError, match="answered 503, 4 times"):
        client.get(site.add("/always", status=503))
    assert slept == [1, 2, 4]
    with pytest.raises(FetchError, match="asks to wait 3600 seconds") as caught:
        client.get(site.add("/later", status=429, headers={"Retry-After": "3600"}))
    assert caught.value.status == 429
    assert len(slept) == 3


def test_a_slow_server(make_client: Callable[..., Client], site: Any) -> None:
    client = make_client(limits=Limits(read=0.1, retries=1))
    with pytest.raises(FetchError, match="no answer in time, 2 times"):
        client.get(site.add("/slow", "late", pause=0.4))
    with pytest.raises(FetchError, match="took too long"):
        make_client(limits=Limits(total=-1)).get(site.add("/drip", "x"))


def test_a_dead_server(make_client: Callable[..., Client]) -> None:
    with pytest.raises(FetchError, match="the connection failed"):
        make_client(limits=Limits(retries=0)).get("http://127.0.0.1:1/")


def test_a_body_cut_short(make_client: Callable[..., Client], site: Any) -> None:
    client = make_client(limits=Limits(retries=0, read=1))
    with pytest.raises(FetchError, match="connection failed"):
        client.get(site.add("/cut", "abc", length=10))
    packed = gzip.compress(b"a whole sentence")[:-9]
    with pytest.raises(FetchError, match="cut short"):
        client.get(site.add("/gz", packed, headers={"Content-Encoding": "gzip"}, length=-1))


def test_too_large(make_client: Callable[..., Client], site: Any) -> None:
    client = make_client(limits=Limits(size=1_000))
    assert len(client.get(site.add("/ok", b"x" * 1_000)).body) == 1_000
    with pytest.raises(FetchError, match=r"larger than 0\.001 MB"):
        client.get(site.add("/claimed", b"x", length=10_000))
    with pytest.raises(FetchError, match="larger than"):
        client.get(site.add("/unclaimed", b"x" * 1_001, length=-1))
    bomb = gzip.compress(b"\0" * 5_000_000)
    with pytest.raises(FetchError, match="larger than"):
        client.get(site.add("/bomb", bomb[:900], headers={"Content-Encoding": "gzip"}, length=-1))


def test_encodings(client: Client, site: Any) -> None:
    text = b"hello " * 100
    for name, packed in (("gzip", gzip.compress(text)), ("deflate", zlib.compress(text))):
        assert (
            client.get(site.add(f"/{name}", packed, headers={"Content-Encoding": name})).body
            == text
        )
    for name, packed, words in (("gzip", b"junk", "broken"), ("br", b"x", "not asked for")):
        with pytest.raises(FetchError, match=words):
            client.get(site.add(f"/{name}2", packed, headers={"Content-Encoding": name}))


@pytest.mark.parametrize(
    ("body", "kind", "shown"),
    [
        ("café".encode(), "text/html", "café"),
        ("café".encode("latin-1"), "text/html", "café"),
        ("café".encode("latin-1"), "text/html; charset=iso-8859-1", "café"),
        ("café".encode(), "text/html; charset=iso-8859-1", "café"),
        ("café".encode("utf-16"), "text/plain", "café"),
        ("\ufeffcafé".encode(), "text/plain", "café"),
        ("日本".encode("shift_jis"), "text/html; charset=Shift_JIS", "日本"),
        (
            b'<meta charset="windows-1251">' + "мир".encode("cp1251"),
            "text/html",
            '<meta charset="windows-1251">мир',
        ),
        (b"\xff\xfa\x81 x", "text/html; charset=nonsense", "ÿú\ufffd x"),
    ],
)
def test_wrong_and_missing_charsets(
    body: bytes, kind: str, shown: str, client: Client, site: Any
) -> None:
    assert client.get(site.add("/c", body, kind=kind)).text() == shown


def test_file_names(client: Client, site: Any) -> None:
    header = {
        "Content-Disposition": "attachment; filename=\"x.pdf\"; filename*=UTF-8''r%C3%A9sum%C3%A9.pdf"
    }
    assert client.get(site.add("/d/1", "x", headers=header)).filename == "résumé.pdf"
    assert client.get(site.add("/d/a%20b.md?x=1", "x")).filename == "a b.md"
    evil = {"Content-Disposition": 'attachment; filename="../../etc/passwd"'}
    assert client.get(site.add("/d/2", "x", headers=evil)).filename == "passwd"


def test_json(client: Client, site: Any) -> None:
    url = site.add("/j", '{"a": [1]}', kind="application/json")
    assert client.post_json(url, {"q": 1}).json() == {"a": [1]}
    assert (site.asked[0].method, site.asked[0].body) == ("POST", b'{"q": 1}')
    with pytest.raises(FetchError, match=r"not JSON .*Oh no"):
        client.get(site.add("/nj", "Oh no")).json()


# -- memory --------------------------------------------------------------------------------------


def test_a_second_look_asks_nobody(
    client: Client, site: Any, make_client: Callable[..., Client]
) -> None:
    url = site.add("/a", "one")
    assert not client.get(url).cached
    again = make_client().get(url)
    assert (again.body, again.cached, again.media_type) == (b"one", True, "text/html")
    assert len(site.asked) == 1
    assert client.get(url, accept="text/plain").body == b"one"
    assert len(site.asked) == 2


def test_an_old_copy_is_confirmed_or_replaced(client: Client, site: Any) -> None:
    tags = {"ETag": '"v1"', "Last-Modified": "Mon, 02 Nov 2026 10:00:00 GMT"}
    url = site.add("/a", "one", headers=tags)
    site.add("/a", status=304)
    site.add("/a", "two", headers={"ETag": '"v2"'})
    assert client.get(url, max_age=0).body == b"one"
    assert client.get(url, max_age=0).body == b"one"
    sent = site.asked[1].headers
    assert (sent["If-None-Match"], sent["If-Modified-Since"]) == ('"v1"', tags["Last-Modified"])
    assert client.get(url, max_age=0).body == b"two"
    assert client.get(url).cached


def test_an_old_copy_outlives_its_server(client: Client, site: Any) -> None:
    url = site.add("/a", "one")
    site.add("/a", status=503)
    client.get(url)
    old = client.get(url, max_age=0)
    assert (old.body, old.stale) == (b"one", True)
    site.answers["/a"] = []
    with pytest.raises(FetchError, match="404"):
        client.get(url, max_age=0)


def test_nothing_is_kept_where_the_server_says_so(client: Client, site: Any) -> None:
    url = site.add("/a", "one", headers={"Cache-Control": "private, no-store"})
    client.get(url)
    assert not client.get(url).cached


def test_a_damaged_or_unwritable_store(
    tmp_path: Path, site: Any, make_client: Callable[..., Client]
) -> None:
    url = site.add("/a", "one")
    folder = tmp_path / "kept"
    client = make_client(cache=Cache(folder))
    client.get(url)
    (body,) = folder.rglob("*.body")
    body.write_bytes(b"on")
    assert client.get(url).body == b"one"
    assert client.get(url).cached
    (facts,) = folder.rglob("*.json")
    facts.write_text("{")
    assert not client.get(url).cached
    (tmp_path / "file").write_text("")
    blocked = make_client(cache=Cache(tmp_path / "file" / "below"))
    assert blocked.get(url).body == b"one"


def test_unchanged_without_a_copy(client: Client, site: Any) -> None:
    with pytest.raises(FetchError, match="nobody has"):
        client.get(site.add("/a", status=304))


# -- manners and secrets -------------------------------------------------------------------------


def test_pace() -> None:
    now, waits = [100.0], []

    def sleep(seconds: float) -> None:
        waits.append(round(seconds, 3))
        now[0] += seconds

    pace = Pace({"arxiv.org": 3.0}, default=0.5, clock=lambda: now[0], sleep=sleep)
    for host in ("arxiv.org", "export.arxiv.org", "notarxiv.org", "notarxiv.org"):
        pace.wait(host)
    now[0] += 60
    pace.wait("arxiv.org")
    assert waits == [3.0, 0.5]


def test_kept_copies_do_not_wait(site: Any, make_client: Callable[..., Client]) -> None:
    waits: list[float] = []
    client = make_client(pace=Pace({"127.0.0.1": 3.0}, clock=lambda: 0.0, sleep=waits.append))
    url = site.add("/a", "x")
    client.get(url)
    client.get(url)
    client.get(site.add("/b", "x"))
    assert waits == [3.0]


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://me:pass@h.org/a?b=1", "https://***@h.org/a?b=1"),
        ("https://h.org/a?token=abc&b=1", "https://h.org/a?token=***&b=1"),
        ("https://h.org/?X-Amz-Signature=abc", "https://h.org/?X-Amz-Signature=***"),
        ("https://h.org/?x=1;access_token=abc", "https://h.org/?x=1;access_token=***"),
        ("https://h.org/#id_token=abc", "https://h.org/#id_token=***"),
        ("https://me:pass@[bad/a", "https://***@[bad/a"),
        ("https://h.org/a\nb", "https://h.org/a?b"),
        ("https://h.org/tokenizer?keyboard=1", "https://h.org/tokenizer?keyboard=1"),
    ],
)
def test_redaction(url: str, shown: str) -> None:
    assert redact(url) == shown
    assert len(redact("https://h.org/" + "a" * 10_000)) < 310


def test_no_error_and_no_entry_shows_a_secret(site: Any, client: Client, tmp_path: Path) -> None:
    host = site.url.removeprefix("http://")
    url = f"http://me:hunter2@{host}/a?token=hunter3"
    site.add("/a?token=hunter3", "kept")
    client.get(url)
    assert site.asked[0].headers["Authorization"].startswith("Basic ")
    kept = b"".join(each.read_bytes() for each in (tmp_path / "home").rglob("*.*"))
    assert b"kept" in kept
    assert b"hunter" not in kept
    site.move("/b", f"http://me:hunter2@{host}/c?token=hunter3")
    for bad in (f"http://me:hunter2@{host}/missing?token=hunter3", site.url + "/b"):
        with pytest.raises(FetchError) as caught:
            client.get(bad)
        assert "hunter" not in str(caught.value)


def test_what_is_true_for_a_moment_is_not_kept(client: Client, site: Any) -> None:
    url = site.add("/a", "please log in")
    site.add("/a", "the document")
    assert (
        client.get(url, keep=lambda response: b"log in" not in response.body).body
        == b"please log in"
    )
    assert client.get(url).body == b"the document"
