"""From what a user types to a :class:`Source`: a path, an address, or a short form such as ``arxiv:2301.05217``.

Asks neither the network nor the disk for more than whether a path exists. A new origin is one entry here.
"""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import quote

from gadfly.corpus.fetch.addresses import check_url
from gadfly.corpus.fetch.client import Client
from gadfly.corpus.fetch.freshness import Fetching
from gadfly.corpus.sources.arxiv import ArxivSource, is_arxiv_url
from gadfly.corpus.sources.base import Source
from gadfly.corpus.sources.drive import DriveSource, is_drive_url
from gadfly.corpus.sources.files import FilesSource
from gadfly.corpus.sources.github import GithubSource, is_repository_url
from gadfly.corpus.sources.html import WebSource
from gadfly.corpus.sources.installed import InstalledSource, Pages, installed_sources
from gadfly.corpus.sources.lesswrong import LessWrongSource, is_post_url
from gadfly.corpus.sources.pypi import PypiSource
from gadfly.errors import CorpusError
from gadfly.home import expanded

FORMS = (
    "a file or folder",
    "an http(s) address",
    "arxiv:ID",
    "lesswrong:ID",
    "github:OWNER/REPO[@REF]",
    "pypi:NAME[==VERSION]",
    "installed:NAME",
)
_BLOB = re.compile(r"https?://(?:www\.)?github\.com/([^/]+)/([^/]+)/(?:blob|raw)/([^?#]+)")
_BARE = re.compile(r"(?:www\.)?(?:[a-z0-9-]+\.)+[a-z]{2,10}/\S*", re.IGNORECASE)


def resolve(target: str, *, client: Client | None = None, refresh: bool = False) -> Source:
    """The source of a target. ``refresh`` asks its server again, whatever is kept of it.

    Raises:
        CorpusError: no such file, or none of the valid forms; the message lists them.
    """
    text = target.strip()
    fetching = Fetching(client, refresh)
    scheme, colon, rest = text.partition(":")
    if "://" in text and not _exists(Path(text)):
        return _address(text, fetching)
    short = scheme.lower()
    if colon and rest:
        if short == "arxiv":
            return ArxivSource(text, fetching)
        if short in ("lesswrong", "lw", "af"):
            return LessWrongSource(text, fetching=fetching)
        if short == "github":
            return GithubSource(text, fetching, notebook)
        if short == "pypi":
            return PypiSource(text, fetching)
        if short == "installed":
            return _installed(rest.strip())
    return _path(text, fetching)


def notebook(text: str, path: str) -> str:
    """The Markdown of a notebook."""
    from gadfly.corpus.readers import notebook as reader

    return reader.read(text, path).body


def _address(url: str, fetching: Fetching) -> Source:
    check_url(url)
    if is_arxiv_url(url):
        return ArxivSource(url, fetching)
    if is_post_url(url):
        return LessWrongSource(url, fetching=fetching)
    if is_drive_url(url):
        return DriveSource(url, fetching)
    if is_repository_url(url):
        return GithubSource(url, fetching, notebook)
    blob = _BLOB.match(url)
    if blob:
        owner, repo, path = blob.groups()
        raw = f"https://raw.githubusercontent.com/{owner}/{repo}/{quote(path, safe='/%')}"
        return WebSource(raw, "library-doc", fetching)
    return WebSource(url, fetching=fetching)


def _installed(name: str) -> InstalledSource:
    """A package of this environment; those that Gadfly knows well are limited to what matters."""
    known = next((each for each in installed_sources() if each.package == name), None)
    if known is not None:
        return known
    source = InstalledSource(name, (Pages(name), Pages(f"{name}.*")))
    if source.version() is None:
        raise CorpusError(
            f"no package {name} is installed here; to read it without installing: pypi:{name}"
        )
    return source


def _path(text: str, fetching: Fetching) -> Source:
    path = expanded(text)
    if text and _exists(path):
        return FilesSource(path)
    if _BARE.fullmatch(text):  # an address as people say it
        return _address(f"https://{text}", fetching)
    if path.suffix or path.is_absolute() or text.startswith((".", "~")) or text.endswith("/"):
        raise CorpusError(f"no such file or folder: {target_shown(text)}")
    raise CorpusError(f"cannot tell what {target_shown(text)} is; valid: {', '.join(FORMS)}")


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # too long for a file name, or with characters that none may have
        return False


def target_shown(text: str) -> str:
    """A target on one line, short enough for a message."""
    return repr(text if len(text) <= 120 else text[:120] + "…")
