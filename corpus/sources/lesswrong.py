"""Posts on LessWrong, the Alignment Forum and the EA Forum, through their GraphQL interface.

The pages themselves are drawn by scripts. Newer forums take the arguments of a query directly, the EA
Forum wants them inside ``input``: the second form is tried where the first is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from gadfly.corpus.convert.html import fragment
from gadfly.corpus.documents import Document, slug, year_of
from gadfly.corpus.fetch.client import Fetching
from gadfly.corpus.fetch.errors import FetchError
from gadfly.corpus.fetch.response import Response
from gadfly.corpus.sources.base import About, Origin
from gadfly.errors import CorpusError

_READER = "1"  # raise it when the same post comes out differently
_ID = re.compile(r"[A-Za-z0-9]{15,20}")
_PATH = re.compile(
    r"/(?:posts|p|g/[A-Za-z0-9]+/p|s/[A-Za-z0-9]+/p|events)/([A-Za-z0-9]{15,20})(?:[/?#]|$)"
)
_FORUMS = {
    "lesswrong.com": "https://www.lesswrong.com",
    "greaterwrong.com": "https://www.lesswrong.com",
    # One database: every post of the Alignment Forum is on LessWrong, which answers more readily.
    "alignmentforum.org": "https://www.lesswrong.com",
    "forum.effectivealtruism.org": "https://forum.effectivealtruism.org",
}
_FIELDS = (
    "_id title slug pageUrl postedAt url user { displayName username } "
    "coauthors { displayName username } contents { html }"
)
_QUERY = f"query GadflyPost($id: String!) {{ post(%s) {{ result {{ {_FIELDS} }} }} }}"
_FORMS = ("selector: {_id: $id}", "input: {selector: {_id: $id}}")


@dataclass(frozen=True)
class LessWrongSource:
    """One post, by id or by any of its URLs."""

    target: str
    fetching: Fetching = field(default_factory=Fetching)
    base: str | None = None
    """Where the forum is; told by the URL if not given."""

    @property
    def id(self) -> str:
        return parse_id(self.target)

    @property
    def name(self) -> str:
        return f"lesswrong:{self.id}"

    def __post_init__(self) -> None:
        parse_id(self.target)

    def fingerprint(self) -> str:
        return f"lesswrong {_READER} {self.fetching.period()}"

    def documents(self) -> Iterator[Document]:
        post = self._ask()
        url = str(post.get("pageUrl") or f"{self._forum()}/posts/{self.id}")
        yield parse(post, url=url, source=self.name)

    def _forum(self) -> str:
        if self.base is not None:
            return self.base.rstrip("/")
        host = (urlsplit(self.target).hostname or "").removeprefix("www.")
        return _FORUMS.get(host, _FORUMS["lesswrong.com"])

    def _ask(self) -> dict[str, Any]:
        url = f"{self._forum()}/graphql"
        age = self.fetching.max_age()
        reason = ""
        for form in _FORMS:
            payload = {"query": _QUERY % form, "variables": {"id": self.id}}
            try:
                response = self.fetching.use().post_json(url, payload, max_age=age, keep=_has_post)
                answer = response.json()
            except FetchError as error:
                if error.status != 400:  # what forums say of a query that they do not understand
                    raise
                reason = error.reason
                continue
            post = _post(answer)
            if post is not None:
                return post
            reason = _complaint(answer) or f"there is no post {self.id}, or it is a draft"
        raise FetchError(url, reason)


def parse(post: dict[str, Any], *, url: str, source: str) -> Document:
    """A document from a post as the forum describes it.

    Raises:
        FetchError: the post has no text.
    """
    title = " ".join(str(post.get("title") or "").split()) or "Untitled post"
    contents = post.get("contents")
    body = fragment(str(contents.get("html") or "") if isinstance(contents, dict) else "", url)
    linked = str(post.get("url") or "")
    if linked.startswith("http") and linked != url:
        body = f"[Link post]({linked})\n\n{body}"
    if len(body.split()) < 3:
        raise FetchError(url, "the post has no text")
    people = map(_name, [post.get("user"), *(post.get("coauthors") or [])])
    authors = tuple(dict.fromkeys(filter(None, people)))
    posted = str(post.get("postedAt") or "")
    meta = {"posted": posted[:10], "post": str(post.get("_id") or "")}
    identifier = f"lesswrong/{slug(str(post.get('slug') or title))}"
    about = About(identifier, source, "post", title, url, meta)
    return about.document(f"# {title}\n\n{body}", year=year_of(posted), authors=authors)


def parse_id(target: str) -> str:
    """The id of a post in an id or a URL.

    Raises:
        CorpusError: neither.
    """
    text = re.sub(r"(?i)^(lesswrong|lw|af):\s*", "", target.strip())
    if _ID.fullmatch(text):
        return text
    found = _PATH.search(text)
    if found and "://" in text:
        return found.group(1)
    raise CorpusError(
        f"{target!r} names no post; valid: lesswrong:AcKRB8wDpdaN6v6ru, or the post's URL with /posts/"
    )


def is_post_url(url: str) -> bool:
    """Whether a URL names a post on one of the forums."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    host = (parts.hostname or "").removeprefix("www.")
    return host in _FORUMS and bool(_PATH.search(parts.path))


def _name(user: Any) -> str:
    if not isinstance(user, dict):
        return ""
    return str(user.get("displayName") or user.get("username") or "").strip()


def _post(answer: Any) -> dict[str, Any] | None:
    data = answer.get("data") if isinstance(answer, dict) else None
    outer = data.get("post") if isinstance(data, dict) else None
    post = outer.get("result") if isinstance(outer, dict) else None
    return post if isinstance(post, dict) else None


def _has_post(response: Response) -> bool:
    """Refusals come with status 200 too, and may be gone tomorrow."""
    try:
        return _post(response.json()) is not None
    except FetchError:
        return False


def _complaint(answer: Any) -> str:
    errors = answer.get("errors") if isinstance(answer, dict) else None
    if not isinstance(errors, list) or not errors or not isinstance(errors[0], dict):
        return ""
    message = str(errors[0].get("message") or "")
    if "operation_not_allowed" in message or "document_not_found" in message:
        return "there is no such post, or it is not public"
    return f"the forum refuses the query ({message[:150]})" if message else ""


ORIGIN = Origin(LessWrongSource, "lesswrong:ID", ("lw", "af"), is_post_url)
