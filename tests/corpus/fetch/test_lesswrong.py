"""LessWrong and its sister forums: GraphQL answers, posts, and forums that refuse."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from gadfly.corpus.fetch.client import Client, Fetching
from gadfly.corpus.fetch.errors import FetchError
from gadfly.corpus.sources.lesswrong import LessWrongSource, is_post_url, parse_id
from gadfly.errors import CorpusError

ID = "AcKRB8wDpdaN6v6ru"
HTML = (
    "<h1>Setup</h1><p>The lens reads the residual stream early<span class='footnote-reference' id='fnref1'>"
    "<sup><a href='#fn1'>[1]</a></sup></span>: <span class='math-tex'><span class='mjx-chtml'>"
    "<span class='mjx-math' aria-label='W_U h_l'>x</span></span></span>.</p>"
    "<ol class='footnotes'><li class='footnote-item' id='fn1'><span class='footnote-back-link'><sup><strong>"
    "<a href='#fnref1'>^</a></strong></sup></span><div class='footnote-content'><p>A toy.</p></div></li></ol>"
    "<p><a href='/posts/x/y'>relative</a></p>"
)
POST: dict[str, Any] = {
    "_id": ID,
    "title": "Reading a toy:  the lens",
    "slug": "reading-a-toy-the-lens",
    "pageUrl": f"https://www.lesswrong.com/posts/{ID}/reading-a-toy-the-lens",
    "postedAt": "2020-08-31T02:47:08.426Z",
    "url": None,
    "user": {"displayName": "ada", "username": "ada1"},
    "coauthors": [{"displayName": None, "username": "ben"}],
    "contents": {"html": HTML},
}


def answer(post: dict[str, Any] | None = POST) -> str:
    return json.dumps({"data": {"post": {"result": post}}})


@pytest.fixture
def source(site: Any, client: Client) -> Callable[..., LessWrongSource]:
    return lambda: LessWrongSource(ID, Fetching(client), site.url)


def test_a_post(source: Callable[..., LessWrongSource], site: Any) -> None:
    site.add("/graphql", answer(), kind="application/json")
    (found,) = source().documents()
    assert (found.id, found.title) == (
        "lesswrong/reading-a-toy-the-lens",
        "Reading a toy: the lens",
    )
    assert (found.kind, found.year, found.authors, found.url) == (
        "post",
        2020,
        ("ada", "ben"),
        POST["pageUrl"],
    )
    assert found.meta == {"posted": "2020-08-31", "post": ID}
    assert found.text == (
        "# Reading a toy: the lens\n\n# Setup\n\nThe lens reads the residual stream early[^1]: $W_U h_l$.\n\n"
        "[^1]: A toy.\n\n[relative](https://www.lesswrong.com/posts/x/y)"
    )
    sent = json.loads(site.asked[0].body)
    assert sent["variables"] == {"id": ID}
    assert "post(selector: {_id: $id})" in sent["query"]
    assert "comments" not in sent["query"]
    assert ID not in sent["query"]


@pytest.mark.parametrize("status", [200, 400])
def test_the_older_form_is_tried_where_the_newer_is_refused(
    status: int, source: Callable[..., LessWrongSource], site: Any
) -> None:
    refusal = {"errors": [{"message": 'Unknown argument "selector" on field "Query.post".'}]}
    site.add("/graphql", json.dumps(refusal), kind="application/json", status=status)
    site.add("/graphql", answer(), kind="application/json")
    (found,) = source().documents()
    assert found.year == 2020
    assert "post(input: {selector: {_id: $id}})" in json.loads(site.asked[1].body)["query"]


def test_a_link_post(source: Callable[..., LessWrongSource], site: Any) -> None:
    site.add("/graphql", answer({**POST, "url": "https://arxiv.org/abs/2401.01234"}))
    (found,) = source().documents()
    assert "[Link post](https://arxiv.org/abs/2401.01234)" in found.text


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (answer(None), "there is no post"),
        (
            json.dumps(
                {"data": {"post": None}, "errors": [{"message": "app.operation_not_allowed"}]}
            ),
            "not public",
        ),
        (
            json.dumps({"errors": [{"message": "Cannot query field"}]}),
            "refuses the query .Cannot query field",
        ),
        (answer({**POST, "contents": {"html": ""}}), "has no text"),
        (answer({**POST, "contents": None}), "has no text"),
        ("<html>maintenance</html>", "not JSON"),
        ("[]", "there is no post"),
        ("null", "there is no post"),
        (answer()[:200], "not JSON"),
    ],
)
def test_refusals(body: str, words: str, source: Callable[..., LessWrongSource], site: Any) -> None:
    site.add("/graphql", body, kind="application/json")
    with pytest.raises(FetchError, match=words):
        list(source().documents())


def test_odd_fields_do_not_fail(source: Callable[..., LessWrongSource], site: Any) -> None:
    bare = {"contents": {"html": "<p>Three words here.</p>"}, "user": "ada", "coauthors": None}
    site.add("/graphql", answer(bare))
    (found,) = source().documents()
    assert (found.title, found.authors, found.year) == ("Untitled post", (), None)
    assert found.url == f"{site.url}/posts/{ID}"


@pytest.mark.parametrize(
    "target",
    [
        ID,
        f"lesswrong:{ID}",
        f"LW: {ID}",
        f"https://www.lesswrong.com/posts/{ID}/interpreting-gpt",
        f"https://www.alignmentforum.org/posts/{ID}",
        f"https://www.lesswrong.com/s/yivyHaCAmMJ3CqSyj/p/{ID}?x=1#a",
        f"https://www.greaterwrong.com/posts/{ID}/x",
        f"https://forum.effectivealtruism.org/posts/{ID}/x",
    ],
)
def test_ids(target: str) -> None:
    assert parse_id(target) == ID
    assert is_post_url(target) == ("://" in target)
    assert LessWrongSource(target).name == f"lesswrong:{ID}"


@pytest.mark.parametrize(
    "target",
    ["", "lesswrong:", "lesswrong:short", "https://www.lesswrong.com/users/ada", f"posts/{ID}"],
)
def test_what_is_no_post(target: str) -> None:
    with pytest.raises(CorpusError, match=r"names no post.*lesswrong:"):
        LessWrongSource(target)
    assert not is_post_url(target)


def test_which_forum_is_asked() -> None:
    forum = LessWrongSource(f"https://www.alignmentforum.org/posts/{ID}/x")._forum()
    assert forum == "https://www.lesswrong.com"
    effective = LessWrongSource(f"https://forum.effectivealtruism.org/posts/{ID}/x")._forum()
    assert effective == "https://forum.effectivealtruism.org"
    assert (
        LessWrongSource(f"https://greaterwrong.com/posts/{ID}")._forum()
        == "https://www.lesswrong.com"
    )
    assert LessWrongSource(ID)._forum() == "https://www.lesswrong.com"
