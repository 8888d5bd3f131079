"""Documents at URLs and in saved files: what a URL holds is told by its bytes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gadfly.corpus.fetch.client import Client, Fetching
from gadfly.corpus.fetch.errors import FetchError
from gadfly.corpus.index import Corpus
from gadfly.corpus.index.embed import HashEmbedder
from gadfly.corpus.sources.files import FilesSource
from gadfly.corpus.sources.html import WebSource, web_id
from gadfly.errors import CorpusError

DATA = Path(__file__).parent / "data"
TEXT = (
    "1 Introduction\nA probe reads what is there, and says so at some length.\n2 End\nIt ends here."
)


def test_a_page(site: Any, client: Client) -> None:
    url = site.add("/2020/circuits/toy/index.html", (DATA / "distill.html").read_bytes())
    source = WebSource(url, fetching=Fetching(client))
    (found,) = source.documents()
    assert (found.title, found.kind, found.year, found.url) == ("Toy Banding", "page", 2021, url)
    assert found.id == "web/127-0-0-1/2020-circuits-toy"
    assert source.name == f"web:{url}"
    assert f"[circuits]({site.url}/2020/circuits/)" in found.text


@pytest.mark.parametrize("kind", ["application/pdf", "application/octet-stream", "text/html"])
def test_a_pdf_whatever_the_server_calls_it(
    kind: str, site: Any, client: Client, make_pdf: Callable[..., bytes]
) -> None:
    url = site.add("/paper.pdf", make_pdf(TEXT, title="A Stated Title"), kind=kind)
    (found,) = WebSource(url, kind="paper", fetching=Fetching(client)).documents()
    assert (found.title, found.year, found.meta["pages"]) == ("A Stated Title", 2024, 1)
    assert "## 1 Introduction" in found.text


@pytest.mark.parametrize(
    "kind", ["text/plain", "text/markdown; charset=utf-8", "application/octet-stream"]
)
def test_plain_text(kind: str, site: Any, client: Client) -> None:
    url = site.add("/note.md", "---\ntitle: T\nyear: 2020\n---\n# H\n\nCafé <b>", kind=kind)
    (found,) = WebSource(url, fetching=Fetching(client)).documents()
    assert (found.title, found.year, found.text, found.url) == ("T", 2020, "# H\n\nCafé <b>", url)


@pytest.mark.parametrize(
    ("body", "kind", "words"),
    [
        (b"\x89PNG\0\0", "image/png", r"neither .* \(image/png\)"),
        (b"", "text/plain", "empty"),
        (b"<html><div id=root></div>", "text/html", "no text in this page"),
        (b"%PDF-1.4 broken", "application/pdf", "damaged"),
    ],
)
def test_what_cannot_be_read(body: bytes, kind: str, words: str, site: Any, client: Client) -> None:
    url = site.add("/x", body, kind=kind)
    with pytest.raises(FetchError, match=words) as caught:
        list(WebSource(url, fetching=Fetching(client)).documents())
    assert url in str(caught.value)


def test_an_announcement_leads_to_its_paper(
    site: Any, client: Client, make_pdf: Callable[..., bytes]
) -> None:
    words = "Probes of toys are announced on this page, and their abstract is shown in full. " * 3
    page = (
        '<head><meta name="citation_title" content="Probes"><meta name="citation_author" content="One, Ada">'
        '<meta name="citation_date" content="2022/3"><meta name="citation_pdf_url" content="/p.pdf"></head>'
        f"<body><h2>Probes</h2><p>{words}</p></body>"
    )
    url = site.add("/2022.cl-1.7/", page)
    (found,) = WebSource(
        url, fetching=Fetching(client)
    ).documents()  # the paper itself is not there yet
    assert "announced" in found.text
    assert "404" in found.meta["not_read"][0]
    site.add("/p.pdf", make_pdf(TEXT))
    (found,) = WebSource(url, fetching=Fetching(client, refresh=True)).documents()
    assert (found.title, found.authors, found.year, found.kind) == (
        "Probes",
        ("Ada One",),
        2022,
        "paper",
    )
    assert "## 1 Introduction" in found.text
    assert (found.url, found.meta["pdf"], found.meta["format"]) == (url, "/p.pdf", "pdf")


def test_secrets_stay_out_of_documents(site: Any, client: Client) -> None:
    url = site.add("/a?token=hunter2", (DATA / "blog.html").read_bytes())
    source = WebSource(url, fetching=Fetching(client))
    (found,) = source.documents()
    assert "hunter2" not in found.model_dump_json() + source.name + source.fingerprint()
    assert WebSource(url.replace("hunter2", "other")).name != source.name


@pytest.mark.parametrize(
    ("url", "identifier"),
    [
        ("https://www.distill.pub/2020/circuits/zoom-in/", "web/distill-pub/2020-circuits-zoom-in"),
        (
            "https://transformer-circuits.pub/2023/x/index.html",
            "web/transformer-circuits-pub/2023-x",
        ),
        ("https://a.org", "web/a-org/index"),
        ("https://a.org/p.pdf", "web/a-org/p"),
    ],
)
def test_ids(url: str, identifier: str) -> None:
    assert web_id(url) == identifier
    assert web_id(url + "?a=1") != web_id(url + "?a=2")
    long = web_id("https://a.org/" + "x" * 200)
    assert len(long) < 100
    assert long != web_id("https://a.org/" + "x" * 201)


def test_saved_files(tmp_path: Path, make_pdf: Callable[..., bytes]) -> None:
    page, paper = tmp_path / "A Page.html", tmp_path / "A Paper.pdf"
    page.write_bytes((DATA / "blog.html").read_bytes())
    paper.write_bytes(make_pdf(TEXT))
    (first,) = FilesSource(page).documents()
    (second,) = FilesSource(paper).documents()
    assert (first.id.rpartition("/")[2], first.title) == ("a-page", "A head that copies")
    assert (second.id.rpartition("/")[2], second.meta["format"]) == ("a-paper", "pdf")
    before = FilesSource(page).fingerprint(), FilesSource(paper).fingerprint()
    page.write_bytes(b"<html>")
    paper.write_bytes(b"%PDF")
    assert FilesSource(page).fingerprint() != before[0]
    assert FilesSource(paper).fingerprint() != before[1]
    for source in (FilesSource(page), FilesSource(paper)):
        with pytest.raises(CorpusError, match=r"cannot read .*A Pa"):
            list(source.documents())
    assert [FilesSource(each).name.partition(":")[0] for each in (page, paper)] == ["html", "pdf"]
    with pytest.raises(CorpusError, match="no such file"):
        FilesSource(tmp_path / "nothing.pdf")


def test_into_the_index_and_out_again(site: Any, client: Client, tmp_path: Path) -> None:
    """The whole way: fetched, indexed, found, and not asked for again."""
    url = site.add("/toy", (DATA / "distill.html").read_bytes(), headers={"ETag": '"1"'})
    corpus = Corpus.open(tmp_path / "index", embedder=HashEmbedder())
    try:
        assert corpus.sync([WebSource(url, fetching=Fetching(client))]).added == 1
        (best, *_) = corpus.search("horizontal stripes in the weights").results
        assert "The stripes are horizontal[^1] stripes." in best.text
        assert corpus.sync([WebSource(url, fetching=Fetching(client))]).skipped_sources == 1
        again = corpus.sync([WebSource(url, fetching=Fetching(client, refresh=True))])
        assert (again.unchanged, again.changed, len(site.asked)) == (1, 0, 2)
        failed = corpus.sync([WebSource(site.url + "/gone", fetching=Fetching(client))])
        assert "404" in next(iter(failed.failures.values()))
    finally:
        corpus.close()
