"""The documentation of a GitHub repository: its README, its docs folder, its Markdown, reStructuredText and notebooks.

Fetched as one archive and read in memory. Leaves out code, tests, changelogs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import quote

from gadfly import tables
from gadfly.corpus.convert.facts import LICENCE_FILES, licence_of
from gadfly.corpus.documents import Document, slug, slugs
from gadfly.corpus.fetch.archives import Bounds, commit_of, members
from gadfly.corpus.fetch.client import Fetching
from gadfly.corpus.fetch.response import decode
from gadfly.corpus.readers import notebook
from gadfly.corpus.sources.base import About, Origin, Source, from_markdown
from gadfly.corpus.sources.html import WebSource
from gadfly.errors import CorpusError

_READER = "2"  # raise it when the same repository comes out differently
_SIZE = 300_000_000
_IS = tables.patterns(__file__, 0)
_TEXT = (".md", ".mdx", ".markdown", ".rst", ".ipynb")
_DOCS = (*_TEXT, ".txt")


@dataclass(frozen=True)
class GithubSource:
    """``github:OWNER/REPO``, with ``@REF`` for a branch, a tag or a commit, or its URL."""

    target: str
    fetching: Fetching = field(default_factory=Fetching)
    archive: str = "https://codeload.github.com"
    site: str = "https://github.com"

    def __post_init__(self) -> None:
        parse_target(self.target)

    @property
    def name(self) -> str:
        owner, repo, ref = parse_target(self.target)
        return f"github:{owner}/{repo}" + (f"@{ref}" if ref else "")

    def fingerprint(self) -> str:
        return f"github {_READER} {self.fetching.period(pinned=self._pinned())}"

    def documents(self) -> Iterator[Document]:
        owner, repo, ref = parse_target(self.target)
        data = self._archive(owner, repo, ref)
        commit = commit_of(data)
        at = commit or ref or "HEAD"
        named: str | None = None
        pages: list[tuple[str, bytes]] = []
        for member in members(data, lambda path: _wanted(_inner(path)), Bounds(each=5_000_000)):
            path = _inner(member.path)
            if LICENCE_FILES.match(path):
                named = named or licence_of(decode(member.data))
            else:
                pages.append((path, member.data))
        if not pages:
            raise CorpusError(f"{self.name} holds no documentation (README, docs, *.md, *.rst)")
        for path, content in sorted(pages):
            document = self._document(f"{owner}/{repo}", path, content, at)
            if document is not None and document.text.strip():
                facts = {"licence": document.licence or named, "version": commit and commit[:12]}
                yield document.model_copy(update=facts)

    def _archive(self, owner: str, repo: str, ref: str) -> bytes:
        url = f"{self.archive}/{owner}/{repo}/tar.gz/{quote(ref or 'HEAD', safe='/')}"
        absent = f"there is no public repository {owner}/{repo}" + (f" with {ref}" if ref else "")
        return self.fetching.get(url, pinned=self._pinned(), absent=absent, size=_SIZE).body

    def _document(self, project: str, path: str, data: bytes, at: str) -> Document | None:
        text = decode(data)
        if path.endswith(".ipynb"):
            try:
                text = notebook.read(text, path).body
            except CorpusError:  # one broken notebook is no reason to lose the repository
                return None
        owner, repo = project.split("/")
        short = re.sub(r"\.\w+$", "", path).rpartition("/")[2]
        named = re.sub("[_-]", " ", short) if short.lower() not in ("readme", "index") else path
        identifier = f"github/{owner.lower()}/{slug(repo)}/{slugs(path)}"
        meta = {"file": path, "repository": project}
        document = from_markdown(
            About(identifier, self.name, "library-doc", named, meta=meta), text
        )
        url = f"{self.site}/{project}/blob/{at}/{quote(path)}"
        return document.model_copy(update={"title": f"{repo}: {document.title}", "url": url})

    def _pinned(self) -> bool:
        return bool(re.fullmatch(r"[0-9a-f]{40}", parse_target(self.target)[2]))


def parse_target(target: str) -> tuple[str, str, str]:
    """Owner, repository and ref (empty for the default branch).

    Raises:
        CorpusError: it names no repository.
    """
    found = _IS["target"].fullmatch(target.strip())
    if not found or found.group("repo") in (".", ".."):
        raise CorpusError(
            f"{target!r} names no repository; valid: github:OWNER/REPO, github:OWNER/REPO@REF"
        )
    return (
        found.group("owner"),
        found.group("repo"),
        found.group("ref") or found.group("tree") or "",
    )


def is_repository_url(url: str) -> bool:
    """Whether a URL names a whole repository, not a page or a file in it."""
    return "://" in url and bool(_IS["target"].fullmatch(url))


def _inner(path: str) -> str:
    """A path without the folder that GitHub puts around everything."""
    return path.partition("/")[2]


def _wanted(path: str) -> bool:
    if LICENCE_FILES.match(path):
        return True
    if not path or _IS["skipped"].search(path) or _IS["chores"].search(path):
        return False
    return path.lower().endswith(_DOCS if _IS["doc_folder"].match(path) else _TEXT)


def _opened(target: str, fetching: Fetching) -> Source:
    """A repository, or one file of it by the address of its page."""
    blob = _IS["blob"].match(target)
    if blob is None:
        return GithubSource(target, fetching)
    owner, repo, path = blob.groups()
    raw = f"https://raw.githubusercontent.com/{owner}/{repo}/{quote(path, safe='/%')}"
    return WebSource(raw, "library-doc", fetching)


ORIGIN = Origin(
    _opened,
    "github:OWNER/REPO[@REF]",
    owns=lambda url: is_repository_url(url) or bool(_IS["blob"].match(url)),
)
