"""Google Docs, Drive files and Drive folders that anyone with the link may read.

Docs are exported as HTML; files are downloaded, past the page that warns of files too large to scan; a
folder is every readable file in it. Leaves out sheets, slides and everything behind a login.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import NamedTuple
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit

from gadfly import tables
from gadfly.corpus.convert.soup import attribute, classes, first, parse, pick, words
from gadfly.corpus.documents import Document, slug
from gadfly.corpus.fetch.client import Fetching
from gadfly.corpus.fetch.errors import FetchError
from gadfly.corpus.fetch.response import Response
from gadfly.corpus.sources.base import About, Origin
from gadfly.corpus.sources.html import document
from gadfly.errors import CorpusError

_READER = "1"  # raise it when the same file comes out differently
_ID = r"[A-Za-z0-9_-]{10,100}"
_IS = tables.patterns(__file__, 0)
_PRIVATE = "it is not shared; in Drive: Share → General access → Anyone with the link"
_SIZE = 200_000_000
_MOST_FILES = 500


class Place(NamedTuple):
    """What a link leads to; ``kind`` is ``document``, ``published``, ``file`` or ``folder``."""

    kind: str
    id: str


@dataclass(frozen=True)
class Hosts:
    """Where Google is; tests put a server of their own here."""

    docs: str = "https://docs.google.com"
    drive: str = "https://drive.google.com"


@dataclass(frozen=True)
class DriveSource:
    """What a Google link leads to. ``skipped`` names the files of a folder that were left out, and why."""

    url: str
    fetching: Fetching = field(default_factory=Fetching)
    hosts: Hosts = field(default_factory=Hosts)
    skipped: dict[str, str] = field(default_factory=dict, compare=False)

    def __post_init__(self) -> None:
        parse_link(self.url)

    @property
    def name(self) -> str:
        place = parse_link(self.url)
        return f"drive:{place.id}"

    @property
    def target(self) -> str:
        return self.url

    def fingerprint(self) -> str:
        return f"drive {_READER} {self.fetching.period()}"

    def documents(self) -> Iterator[Document]:
        place = parse_link(self.url)
        if place.kind != "folder":
            yield self._one(place)
            return
        self.skipped.clear()
        found = False
        url = f"{self.hosts.drive}/embeddedfolderview?id={place.id}"
        for name, inner in listing(self._get(url).text())[:_MOST_FILES]:
            if inner.kind == "file" and not _IS["readable"].search(name):
                self.skipped[name] = "not a kind of file that is read"
                continue
            try:
                yield self._one(inner, name)
                found = True
            except CorpusError as error:
                self.skipped[name] = str(error)
        if not found:
            first_of = "".join(f" ({each}: {why})" for each, why in list(self.skipped.items())[:1])
            raise FetchError(url, f"no file in it could be read{first_of}")

    def _one(self, place: Place, name: str = "") -> Document:
        if place.kind == "file":
            response, shown = self._file(place.id), f"{self.hosts.drive}/file/d/{place.id}/view"
        else:
            response, shown = self._document(place), f"{self.hosts.docs}/document/d/{place.id}"
        title = re.sub(r"\.\w{1,8}$", "", name or response.filename or "") or place.id
        identifier = f"drive/{slug(title, 60)}-{slug(place.id)[:6]}"
        about = About(identifier, self.name, "document", title, shown, {"drive": place.id})
        found = document(response, about)
        if "content-disposition" not in response.headers or place.kind == "file":
            return found
        return found.model_copy(update={"title": title})  # an export is named like its document

    def _document(self, place: Place) -> Response:
        url = f"{self.hosts.docs}/document/d/{place.id}/export?format=html"
        if place.kind == "published":
            url = f"{self.hosts.docs}/document/d/e/{place.id}/pub"
        response = self._get(url)
        return replace(response, body=with_title(response.text()).encode())

    def _file(self, identifier: str) -> Response:
        """A file, past the warning that stands before one too large for Google's scanner."""
        url = f"{self.hosts.drive}/uc?{urlencode({'export': 'download', 'id': identifier})}"
        response = self._get(url)
        for _ in range(2):
            if not response.looks_like_html() or response.headers.get("content-disposition"):
                return response
            target = confirmation(response.text(), response.url)
            if target is None:
                return _checked(response, url)
            response = self._get(target)
        raise FetchError(url, "Google asks for a confirmation again and again")

    def _get(self, url: str) -> Response:
        try:
            absent = f"there is no such file, or {_PRIVATE}"
            response = self.fetching.get(url, absent=absent, size=_SIZE, keep=_is_content)
        except FetchError as error:
            if error.status in (401, 403):
                raise FetchError(url, _PRIVATE, status=error.status) from error
            raise
        if _IS["login"].search(response.url):
            raise FetchError(url, _PRIVATE, status=401)
        return response


def parse_link(url: str) -> Place:
    """What a Google link leads to.

    Raises:
        CorpusError: nothing that can be read.
    """
    found = _IS["doc"].search(url)
    if found:
        return Place("published" if found.group(1) else "document", found.group(2))
    for kind, pattern in (("file", _IS["file"]), ("folder", _IS["folder"])):
        found = pattern.search(url)
        if found:
            return Place(kind, found.group(1))
    identifier = (parse_qs(urlsplit(url).query).get("id") or [""])[0]
    if _IS["open"].search(url) and re.fullmatch(_ID, identifier):
        return Place("file", identifier)
    if _IS["sheet"].search(url):
        raise CorpusError(
            f"{url} is a sheet, a presentation or a form; save it as PDF and add the file"
        )
    raise CorpusError(
        f"{url} is no link to a Google document; valid: docs.google.com/document/d/ID, "
        "drive.google.com/file/d/ID, drive.google.com/drive/folders/ID"
    )


def is_drive_url(url: str) -> bool:
    """Whether a URL belongs to Google Docs or Drive."""
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return False
    return host in ("docs.google.com", "drive.google.com", "drive.usercontent.google.com")


def confirmation(page: str, base: str) -> str | None:
    """Where the button of the virus-scan page leads, or None if the page is another one."""
    soup = parse(page)
    form = first(soup, "form#download-form, form#downloadForm")
    if form is not None:
        hidden = {
            attribute(each, "name"): attribute(each, "value")
            for each in pick(form, "input")
            if attribute(each, "name")
        }
        return urljoin(base, attribute(form, "action")) + "?" + urlencode(hidden)
    link = first(soup, "a#uc-download-link")
    return urljoin(base, attribute(link, "href")) if link is not None else None


def with_title(page: str) -> str:
    """An exported page with its title as a heading: Google writes it as a paragraph."""
    soup = parse(page)
    for title in pick(soup, "p.title"):
        title.name = "h1"
    for meta in pick(soup, "meta[charset], meta[http-equiv]"):
        meta.decompose()  # it will be UTF-8, whatever it was
    return str(soup)


def listing(page: str) -> list[tuple[str, Place]]:
    """Names and places of the files in a folder's page; inner folders are left out."""
    found = []
    for entry in pick(parse(page), "div.flip-entry"):
        link = first(entry, "a[href]")
        title = first(entry, "div.flip-entry-title")
        if link is None or title is None or "flip-entry" not in classes(entry):
            continue
        try:
            place = parse_link(attribute(link, "href"))
        except CorpusError:
            continue
        if place.kind != "folder":
            found.append((words(title), place))
    return found


def _checked(response: Response, url: str) -> Response:
    """An HTML answer that is no warning: a file that is HTML itself, or one of Google's own pages."""
    soup = parse(response.text())
    title = words(soup.title) if soup.title is not None else ""
    if "Quota exceeded" in title or first(soup, ".uc-error-caption") is not None:
        raise FetchError(
            url, "Google refuses: too many people fetched this file lately; try again tomorrow"
        )
    if re.search(r"(?i)sign.?in|google drive - (access denied|can't|error)", title):
        raise FetchError(url, _PRIVATE, status=401)
    return response


def _is_content(response: Response) -> bool:
    """Logins, warnings and refusals come with status 200 and are true for a moment only."""
    if _IS["login"].search(response.url):
        return False
    exported = "/export" in response.url or "/pub" in response.url
    named = "content-disposition" in response.headers
    return exported or named or not response.looks_like_html()


ORIGIN = Origin(DriveSource, owns=is_drive_url)
