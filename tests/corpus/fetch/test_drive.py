"""Google Docs and Drive: exports, downloads past the warning, folders, and what is not shared."""

# ruff: noqa: E501  pages stand here as servers send them
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from gadfly.corpus.fetch.client import Client, Fetching
from gadfly.corpus.fetch.errors import FetchError
from gadfly.corpus.sources.drive import (
    DriveSource,
    Hosts,
    Place,
    confirmation,
    is_drive_url,
    listing,
    parse_link,
)
from gadfly.errors import CorpusError

ID = "1AbCdEfGhIjKlMnOpQrStUvWxYz012345"
EXPORT = (
    '<html><head><meta content="text/html; charset=UTF-8" http-equiv="content-type"><style>.c1{color:#000}</style></head>'
    '<body class="doc-content"><p class="c3 title" id="h.x"><span class="c1">My plan</span></p>'
    '<h1 class="c2"><span>Aim</span></h1><p class="c0"><span>We probe a toy model, and ask what it reads, in enough '
    'words to be a document that anybody would keep</span><sup><a href="#ftnt1" id="ftnt_ref1">[1]</a></sup>'
    '<span>. See </span><a href="https://www.google.com/url?q=https://a.org/x&amp;sa=D&amp;source=editors">this</a>.</p>'
    '<table class="c9"><tr><td><p><span>Layer</span></p></td><td><p><span>Effect</span></p></td></tr>'
    "<tr><td><p><span>3</span></p></td><td><p><span>0.5</span></p></td></tr></table>"
    '<hr><div><p><a href="#ftnt_ref1" id="ftnt1">[1]</a><span> A note.</span></p></div></body></html>'
)
NAMED = {
    "Content-Disposition": "attachment; filename=\"My_plan.html\"; filename*=UTF-8''My%20pl%C3%A1n.html"
}
LOGIN = "<html><head><title>Google Drive: Sign-in</title></head><body>Sign in</body></html>"


def warning(action: str) -> str:
    return f"""<!DOCTYPE html><html><head><title>Google Drive - Virus scan warning</title></head><body>
<p class="uc-warning-subcaption"><a href="/open?id={ID}">default.md</a> is too large for Google to scan for viruses.</p>
<form id="download-form" action="{action}" method="get">
<input type="submit" id="uc-download-link" class="goog-inline-block" value="Download anyway"/>
<input type="hidden" name="id" value="{ID}"><input type="hidden" name="export" value="download">
<input type="hidden" name="confirm" value="t"><input type="hidden" name="uuid" value="a1&amp;b2"></form></body></html>"""


@pytest.fixture
def source(site: Any, client: Client) -> Callable[..., DriveSource]:
    return lambda url: DriveSource(url, Fetching(client), Hosts(site.url, site.url))


DOC = f"https://docs.google.com/document/d/{ID}/edit?usp=sharing"
FILE = f"https://drive.google.com/file/d/{ID}/view?usp=sharing"
FOLDER = f"https://drive.google.com/drive/folders/{ID}?usp=sharing"
DOWNLOAD = f"/uc?export=download&id={ID}"


def test_a_document(source: Callable[..., DriveSource], site: Any) -> None:
    site.add(f"/document/d/{ID}/export?format=html", EXPORT, headers=NAMED)
    (found,) = source(DOC).documents()
    assert (found.title, found.kind) == ("My plán", "document")
    assert found.id == "drive/my-plan-1abcde"
    assert found.url == f"{site.url}/document/d/{ID}"
    assert found.text.startswith("# My plan\n\n# Aim\n\nWe probe a toy model")
    assert "would keep[^1]. See [this](https://a.org/x)." in found.text
    assert "| Layer | Effect |\n| --- | --- |\n| 3 | 0.5 |" in found.text
    assert "[^1]: A note." in found.text


def test_a_published_document(source: Callable[..., DriveSource], site: Any) -> None:
    site.add(
        f"/document/d/e/2PACX-{ID}/pub", f"<html><head><title>Shown</title></head>{EXPORT}</html>"
    )
    (found,) = source(f"https://docs.google.com/document/d/e/2PACX-{ID}/pub").documents()
    assert "We probe a toy model" in found.text


def test_a_file(
    source: Callable[..., DriveSource], site: Any, make_pdf: Callable[..., bytes]
) -> None:
    site.move(DOWNLOAD, f"/download?id={ID}&export=download", 303)
    header = {"Content-Disposition": 'attachment; filename="default_600k.md"'}
    site.add(
        f"/download?id={ID}&export=download",
        "# Part one\n\nText.",
        kind="application/octet-stream",
        headers=header,
    )
    (found,) = source(FILE).documents()
    assert (found.title, found.text) == ("Part one", "# Part one\n\nText.")
    assert found.url == f"{site.url}/file/d/{ID}/view"
    site.answers[DOWNLOAD] = []
    site.add(
        DOWNLOAD,
        make_pdf("A probe reads what is there, and little besides."),
        kind="application/pdf",
    )
    (found,) = DriveSource(
        FILE, Fetching(source(FILE).fetching.client, refresh=True), Hosts(site.url, site.url)
    ).documents()
    assert found.meta["format"] == "pdf"


def test_past_the_virus_warning(source: Callable[..., DriveSource], site: Any) -> None:
    site.add(DOWNLOAD, warning(f"{site.url}/download"))
    site.add(
        f"/download?id={ID}&export=download&confirm=t&uuid=a1%26b2",
        "# Large\n\nText.",
        kind="text/markdown",
    )
    (found,) = source(FILE).documents()
    assert found.title == "Large"


def test_the_older_warning() -> None:
    page = '<html><a id="uc-download-link" href="/uc?export=download&amp;confirm=AbCd&amp;id=x">Download anyway</a></html>'
    assert (
        confirmation(page, "https://drive.google.com/uc")
        == "https://drive.google.com/uc?export=download&confirm=AbCd&id=x"
    )
    assert confirmation("<html>no</html>", "https://x.org") is None


def test_a_warning_that_never_ends(source: Callable[..., DriveSource], site: Any) -> None:
    site.add(DOWNLOAD, warning(f"{site.url}/download"))
    site.add("/download", warning(f"{site.url}/download"))
    with pytest.raises(FetchError, match="again and again"):
        list(source(FILE).documents())


def test_a_warning_that_leads_inside(site: Any, make_client: Callable[..., Client]) -> None:
    site.add(DOWNLOAD, warning("http://169.254.169.254/latest"))
    client = make_client(allow_private=False, allow_hosts=["127.0.0.1"])
    with pytest.raises(FetchError, match="private address"):
        list(DriveSource(FILE, Fetching(client), Hosts(site.url, site.url)).documents())


@pytest.mark.parametrize("url", [DOC, FILE, FOLDER])
def test_what_is_not_shared(url: str, source: Callable[..., DriveSource], site: Any) -> None:
    paths = (f"/document/d/{ID}/export?format=html", DOWNLOAD, f"/embeddedfolderview?id={ID}")
    for path in paths:
        site.move(path, "/ServiceLogin?service=wise&continue=x")
    site.add("/ServiceLogin", LOGIN)
    with pytest.raises(FetchError, match="Anyone with the link") as caught:
        list(source(url).documents())
    assert caught.value.status == 401
    for status in (401, 403, 404):
        for path in paths:
            site.answers[path] = []
            site.add(path, LOGIN, status=status)
        with pytest.raises(FetchError, match="Anyone with the link") as caught:
            list(source(url).documents())
        assert caught.value.status == status


@pytest.mark.parametrize(
    ("page", "words"),
    [
        (LOGIN, "Anyone with the link"),
        (
            "<html><head><title>Google Drive - Quota exceeded</title></head><body>Sorry</body></html>",
            "too many people",
        ),
        (
            '<html><body><p class="uc-error-caption">Sorry, you can\'t view</p></body></html>',
            "too many people",
        ),
    ],
)
def test_pages_of_google_itself(
    page: str, words: str, source: Callable[..., DriveSource], site: Any
) -> None:
    site.add(DOWNLOAD, page)
    with pytest.raises(FetchError, match=words):
        list(source(FILE).documents())


def test_a_file_that_is_html(source: Callable[..., DriveSource], site: Any) -> None:
    site.add(DOWNLOAD, EXPORT, headers=NAMED)
    (found,) = source(FILE).documents()
    assert "We probe a toy model" in found.text


def entry(identifier: str, href: str, name: str) -> str:
    return (
        f'<div class="flip-entry" id="entry-{identifier}" tabindex="0" role="link"><div class="flip-entry-info">'
        f'<a href="{href}" target="_blank"><div class="flip-entry-visual"></div>'
        f'<div class="flip-entry-title">{name}</div></a></div></div>'
    )


def test_a_folder(source: Callable[..., DriveSource], site: Any) -> None:
    ids = [f"{number}{ID[1:]}" for number in range(5)]
    page = (
        "<html><head><title>Corpus</title></head><body><div class='flip-entries'>"
        + "".join(
            [
                entry(
                    ids[0],
                    f"https://drive.google.com/file/d/{ids[0]}/view?usp=drive_web",
                    "default &amp; more.md",
                ),
                entry(
                    ids[1],
                    f"https://docs.google.com/document/d/{ids[1]}/edit?usp=drive_web",
                    "A plan",
                ),
                entry(ids[2], f"https://drive.google.com/drive/folders/{ids[2]}", "inner"),
                entry(ids[3], f"https://drive.google.com/file/d/{ids[3]}/view", "weights.bin"),
                entry(ids[4], f"https://drive.google.com/file/d/{ids[4]}/view", "private.md"),
                '<div class="flip-entry">broken</div>',
            ]
        )
        + "</div></body></html>"
    )
    assert listing(page)[0] == ("default & more.md", Place("file", ids[0]))
    site.add(f"/embeddedfolderview?id={ID}", page)
    site.add(f"/uc?export=download&id={ids[0]}", "# Default\n\nText.", kind="text/markdown")
    site.add(f"/document/d/{ids[1]}/export?format=html", EXPORT, headers=NAMED)
    folder = source(FOLDER)
    assert [each.title for each in folder.documents()] == ["Default", "A plan"]
    assert set(folder.skipped) == {"weights.bin", "private.md"}
    assert "no such file" in folder.skipped["private.md"]
    site.answers[f"/embeddedfolderview?id={ID}"] = []
    site.add(f"/embeddedfolderview?id={ID}", "<html><body>empty</body></html>")
    fresh = DriveSource(FOLDER, Fetching(folder.fetching.client, refresh=True), folder.hosts)
    with pytest.raises(FetchError, match="no file in it could be read"):
        list(fresh.documents())


@pytest.mark.parametrize(
    ("url", "place"),
    [
        (DOC, Place("document", ID)),
        (f"https://docs.google.com/document/u/0/d/{ID}/mobilebasic", Place("document", ID)),
        (f"https://docs.google.com/a/uni.edu/document/d/{ID}", Place("document", ID)),
        (
            f"https://docs.google.com/document/d/e/2PACX-1{ID}/pub",
            Place("published", f"2PACX-1{ID}"),
        ),
        (FILE, Place("file", ID)),
        (f"https://drive.google.com/file/u/1/d/{ID}/edit", Place("file", ID)),
        (f"https://drive.google.com/open?id={ID}", Place("file", ID)),
        (f"https://drive.google.com/uc?export=download&id={ID}", Place("file", ID)),
        (f"https://drive.usercontent.google.com/download?id={ID}&confirm=t", Place("file", ID)),
        (FOLDER, Place("folder", ID)),
        (f"https://drive.google.com/drive/u/0/folders/{ID}", Place("folder", ID)),
    ],
)
def test_links(url: str, place: Place) -> None:
    assert parse_link(url) == place
    assert is_drive_url(url)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        (f"https://docs.google.com/spreadsheets/d/{ID}/edit", "sheet"),
        ("https://drive.google.com/drive/my-drive", "no link to a Google document"),
        ("https://docs.google.com/document/d/x/edit", "no link"),
        ("https://example.org/file/d/" + ID, "no link"),
    ],
)
def test_other_links(url: str, words: str) -> None:
    with pytest.raises(CorpusError, match=words):
        DriveSource(url)
