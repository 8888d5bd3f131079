"""arXiv: ids, the Atom API, and the fall from HTML to LaTeX to PDF."""

# ruff: noqa: E501  pages stand here as servers send them
from __future__ import annotations

import gzip
import io
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gadfly.corpus.convert import atom
from gadfly.corpus.fetch.archives import members
from gadfly.corpus.fetch.client import Client, Fetching
from gadfly.corpus.fetch.errors import FetchError
from gadfly.corpus.sources.arxiv import ArxivSource, Places, is_arxiv_url, parse_id
from gadfly.errors import CorpusError

DATA = Path(__file__).parent / "data"
FEED = """<?xml version='1.0' encoding='UTF-8'?>
<feed xmlns:opensearch="http://a9.com/-/spec/opensearch/1.1/" xmlns:arxiv="http://arxiv.org/schemas/atom" xmlns="http://www.w3.org/2005/Atom">
  <id>https://arxiv.org/api/SkuXkYxumgL1drFIL7NufdnpkFc</id>
  <title>arXiv Query: search_query=&amp;id_list=2401.01234&amp;start=0&amp;max_results=1</title>
  <updated>2026-11-11T18:34:08Z</updated>
  <link href="https://arxiv.org/api/query?id_list=2401.01234" type="application/atom+xml"/>
  <opensearch:itemsPerPage>1</opensearch:itemsPerPage>
  <opensearch:totalResults>1</opensearch:totalResults>
  <opensearch:startIndex>0</opensearch:startIndex>
  <entry>
    <id>http://arxiv.org/abs/2401.01234v2</id>
    <title>Probes on Toys: what
  they read</title>
    <updated>2024-05-12T17:58:30Z</updated>
    <link href="https://arxiv.org/abs/2401.01234v2" rel="alternate" type="text/html"/>
    <link href="https://arxiv.org/pdf/2401.01234v2" rel="related" type="application/pdf" title="pdf"/>
    <summary>  We probe a toy &amp; it
answers.
    </summary>
    <category term="cs.LG" scheme="http://arxiv.org/schemas/atom"/>
    <published>2024-01-02T17:58:30Z</published>
    <arxiv:comment>9 pages</arxiv:comment>
    <arxiv:primary_category term="cs.LG"/>
    <author><name>Ada One</name></author>
    <author><name>Ben Tw\u00f6</name><arxiv:affiliation>Toys</arxiv:affiliation></author>
  </entry>
</feed>"""
EMPTY = FEED[: FEED.index("  <entry>")] + "</feed>"
REFUSED = """<feed xmlns="http://www.w3.org/2005/Atom"><entry>
<id>http://arxiv.org/api/errors#incorrect_id_format_for_x</id><title>Error</title>
<summary>incorrect id format for x</summary></entry></feed>"""


@pytest.fixture
def source(site: Any, client: Client) -> Callable[..., ArxivSource]:
    site.add("/api?id_list=2401.01234&max_results=1", FEED, kind="application/atom+xml")

    def make(target: str = "2401.01234", **more: Any) -> ArxivSource:
        places = Places(
            *(f"{site.url}/{each}" for each in ("html/", "ar5iv/", "src/", "pdf/", "api", "abs/"))
        )
        return ArxivSource(target, Fetching(client, **more), places)

    return make


def packed(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return out.getvalue()


def paper() -> dict[str, bytes]:
    root = DATA / "paper"
    return {
        each.relative_to(root).as_posix(): each.read_bytes()
        for each in root.rglob("*")
        if each.is_file()
    }


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        ("2301.05217", ("2301.05217", "")),
        ("arXiv:2301.05217v3", ("2301.05217", "v3")),
        ("arxiv: 0704.0001", ("0704.0001", "")),
        ("hep-th/9901001v1", ("hep-th/9901001", "v1")),
        ("math.GT/0309136", ("math.GT/0309136", "")),
        ("https://arxiv.org/abs/2301.05217v2?context=cs", ("2301.05217", "v2")),
        ("http://www.arxiv.org/pdf/2301.05217v2.pdf#page=3", ("2301.05217", "v2")),
        ("https://export.arxiv.org/abs/hep-th/9901001", ("hep-th/9901001", "")),
        ("arxiv.org/html/2301.05217/", ("2301.05217", "")),
        ("https://ar5iv.labs.arxiv.org/html/2301.05217", ("2301.05217", "")),
        ("https://ar5iv.org/abs/2301.05217", ("2301.05217", "")),
    ],
)
def test_ids(text: str, parsed: tuple[str, str]) -> None:
    assert parse_id(text) == parsed


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2301.052",
        "230105217",
        "hello",
        "https://arxiv.org/list/cs.LG/new",
        "2301.05217v",
        "../x",
    ],
)
def test_what_is_no_id(text: str) -> None:
    with pytest.raises(CorpusError, match=r"no arXiv id.*2301\.05217"):
        parse_id(text)
    assert not is_arxiv_url(text)


def test_atom() -> None:
    entry = atom.read(FEED)
    assert entry == atom.Entry(
        "2401.01234",
        "v2",
        "Probes on Toys: what they read",
        ("Ada One", "Ben Twö"),
        "We probe a toy & it answers.",
        2024,
        "cs.LG",
    )
    assert atom.read(EMPTY) is None
    for text, words in (
        (REFUSED, "incorrect id format"),
        ("Rate exceeded.", "too often"),
        ("<html>", "no Atom feed"),
        ("", "no Atom feed"),
        (FEED[:900], "no Atom feed"),
        ('<!DOCTYPE x [<!ENTITY a "b">]>' + FEED, "entities"),
    ):
        with pytest.raises(CorpusError, match=words):
            atom.read(text)


def test_html_first(source: Callable[..., ArxivSource], site: Any) -> None:
    site.add("/html/2401.01234", (DATA / "arxiv.html").read_bytes())
    (found,) = source().documents()
    assert (found.id, found.kind, found.year) == ("arxiv/2401.01234", "paper", 2024)
    assert found.title == "Probes on Toys: what they read"
    assert found.authors == ("Ada One", "Ben Twö")
    assert found.licence == "CC-BY-4.0"
    assert found.url == f"{site.url}/abs/2401.01234"
    assert found.meta == {
        "format": "html",
        "arxiv": "2401.01234",
        "arxiv_version": "v2",
        "category": "cs.LG",
    }
    assert found.text.startswith(
        "# Probes on Toys: what they read\n\n## Abstract\n\nWe probe a toy of width"
    )
    assert len(site.asked) == 2


STUB = "<html><body>No HTML is available for this paper.</body></html>"
FAILED = "<div class='ltx_page_main'><article class='ltx_document'>Conversion to HTML had a Fatal error and exited abruptly</article>"


def test_then_ar5iv(source: Callable[..., ArxivSource], site: Any) -> None:
    site.add("/html/2401.01234", STUB)
    site.add("/ar5iv/2401.01234", (DATA / "arxiv.html").read_bytes())
    (found,) = source().documents()
    assert found.meta["format"] == "ar5iv"
    assert "We probe a toy of width" in found.text


def test_ar5iv_has_no_versions(source: Callable[..., ArxivSource], site: Any) -> None:
    site.answers.clear()
    site.add("/api", "Rate exceeded.")
    site.add("/ar5iv/2401.01234", (DATA / "arxiv.html").read_bytes())
    with pytest.raises(FetchError, match="ar5iv: it holds no versions"):
        list(source("2401.01234v2").documents())


def test_without_pandoc_the_pdf_is_read(
    source: Callable[..., ArxivSource],
    site: Any,
    make_pdf: Callable[..., bytes],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "pypandoc", None)
    site.add("/src/2401.01234", packed(paper()), kind="application/gzip")
    site.add("/pdf/2401.01234", make_pdf("1 Introduction\nA probe reads what is there."))
    (found,) = source().documents()
    assert found.meta["format"] == "pdf"
    assert "gadfly-interp[formats]" in found.meta["not_read"][-1]


@pytest.mark.parametrize("page", [None, STUB, FAILED])
def test_then_the_source(page: str | None, source: Callable[..., ArxivSource], site: Any) -> None:
    if page:
        site.add("/html/2401.01234", page)
    site.add("/src/2401.01234", packed({**paper(), "plot.pdf": b"%PDF-"}), kind="application/gzip")
    (found,) = source().documents()
    assert found.meta["format"] == "latex"
    assert found.meta["not_read"][0].startswith("html: ")
    assert "## 2 Method" in found.text
    assert "[One & Two (2020)]" in found.text


def test_a_source_of_one_file(source: Callable[..., ArxivSource], site: Any) -> None:
    site.add("/src/2401.01234", gzip.compress(paper()["main.tex"]), kind="application/gzip")
    (found,) = source().documents()
    assert "## 1 Method" in found.text


@pytest.mark.parametrize(
    "body",
    [
        b"%PDF-1.5 the source is a PDF",
        gzip.compress(b"%!PS-Adobe-2.0"),
        gzip.compress(b"%auto-ignore\nwithdrawn"),
        packed({"a.txt": b"no paper"}),
        packed({"a.tex": b"x" * 9000})[:-40],
        b"<html>busy</html>",
    ],
    # A gzip holds the second it was made in: an id of its bytes would differ between workers.
    ids=["pdf", "postscript", "withdrawn", "no TeX", "truncated", "no source"],
)
def test_then_the_pdf(
    body: bytes, source: Callable[..., ArxivSource], site: Any, make_pdf: Callable[..., bytes]
) -> None:
    site.add("/src/2401.01234", body)
    site.add(
        "/pdf/2401.01234", make_pdf("1 Introduction\nA probe reads what is there.\n2 End\nIt ends.")
    )
    (found,) = source().documents()
    assert found.meta["format"] == "pdf"
    assert len(found.meta["not_read"]) == 3
    assert "## Abstract\n\nWe probe a toy & it answers." in found.text
    assert "## 1 Introduction" in found.text


def test_nothing_can_be_read(source: Callable[..., ArxivSource], site: Any) -> None:
    site.add("/pdf/2401.01234", b"%PDF-1.4 broken")
    with pytest.raises(
        FetchError, match=r"html: .*404.*ar5iv: .*404.*latex: .*404.*pdf: .*damaged"
    ):
        list(source().documents())


def test_an_unknown_paper(source: Callable[..., ArxivSource], site: Any) -> None:
    site.answers.clear()
    site.add("/api", EMPTY)
    with pytest.raises(FetchError, match=r"arXiv has no paper 2401\.01234"):
        list(source().documents())
    assert len(site.asked) == 1


def test_a_busy_arxiv_is_left_alone(source: Callable[..., ArxivSource], site: Any) -> None:
    site.add("/html/2401.01234", "Rate exceeded.", status=429, headers={"Retry-After": "900"})
    with pytest.raises(FetchError, match="asks to wait 900 seconds"):
        list(source().documents())
    assert site.paths() == ["/api?id_list=2401.01234&max_results=1", "/html/2401.01234"]


def test_without_the_api_the_page_speaks_for_itself(
    source: Callable[..., ArxivSource], site: Any
) -> None:
    site.answers.clear()
    site.add("/api", "Rate exceeded.")
    site.add("/html/2401.01234v2", (DATA / "arxiv.html").read_bytes())
    (found,) = source("2401.01234v2").documents()
    assert (found.title, found.authors) == ("Probes on Toys", ("Ada One", "Ben Two"))
    assert (found.id, found.year, found.meta["arxiv_version"]) == ("arxiv/2401.01234v2", 2024, "v2")


def test_a_fixed_version_never_goes_stale(
    source: Callable[..., ArxivSource], monkeypatch: pytest.MonkeyPatch
) -> None:
    fixed, newest = source("2401.01234v2"), source()
    assert fixed.name != newest.name
    before = fixed.fingerprint(), newest.fingerprint()
    assert before == (fixed.fingerprint(), newest.fingerprint())
    monkeypatch.setattr("time.time", lambda: 4e9)
    assert fixed.fingerprint() == before[0]
    assert newest.fingerprint() != before[1]
    assert source("2401.01234v2", refresh=True).fingerprint() != before[0]


def test_the_year_of_an_id() -> None:
    from gadfly.corpus.sources.arxiv import _year_of_id

    assert [_year_of_id(each) for each in ("hep-th/9901001", "0704.0001", "2401.01234")] == [
        1999,
        2007,
        2024,
    ]


def test_only_text_files_are_unpacked() -> None:
    from gadfly.corpus.sources.arxiv import _IS

    data = packed(
        dict.fromkeys(
            ["a.tex", "fig.png", "x.bbl", "00README.XXX", "paper", "my.sty", "b.pdf"], b""
        )
    )
    assert [
        each.path for each in members(data, lambda path: bool(_IS["text_files"].search(path)))
    ] == ["a.tex", "x.bbl", "00README.XXX", "paper", "my.sty"]
