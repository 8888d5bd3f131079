"""How a Markdown parser sees a text: CommonMark with the tables and strikethrough of GitHub, HTML let through."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from functools import cache
from typing import TYPE_CHECKING

from gadfly.visible import visible

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

# Rules that make a text do something. Without them it is read as the words that it is.
_ACTIVE = ("link", "image", "autolink", "html_inline", "html_block", "reference")
# What our own pages on GitHub hold of HTML.
_OURS = re.compile(r"</?(?:sub|span|details|summary)>|[\w\s]+")
# Commands of mathematics that do more than show it: links, styles, packages, definitions. Case counts, as in MathJax.
ACTS = (
    r"(?:(?:href|url|html[A-Za-z]*|require|class|style|cssId|data|action|maction|mmlToken|toggle|mathtip|texttip|unicode"
    r"|includegraphics|[gex]?def|let|futurelet|(?:re)?new(?:command|environment)|providecommand|DeclareMathOperator"
    r"|Newextarrow|catcode|csname|input|include)(?![A-Za-z]))"
)
_ACTS = re.compile(r"\\" + ACTS)
_UNSEEN = re.compile("[\\s\u200b]+")  # and what BREAK is once it is read
# Fences that GitHub and notebooks do not show but carry out.
_CARRIED_OUT = re.compile(r"math|mermaid|geojson|topojson|stl|suggestion|.*\W.*", re.IGNORECASE)


def tokens(text: str) -> list[Token]:
    """A text of somebody else as its reader sees it, with everything that acts left as words."""
    return _parser(active=False).parse(text)


def pieces(text: str, *, whole: bool) -> list[Token]:
    """The same with escapes and entities apart from the words around them.

    Args:
        whole: not if the text is no more than part of a line.
    """
    parser = _parser(active=False, joined=False)
    return parser.parse(text) if whole else parser.parseInline(text)


def html(text: str) -> str:
    """The same as HTML, with tags as words."""
    # Made visible twice: entities bring back what was not there.
    return visible(_parser(active=False).render(visible(text)))


def harmless(
    text: str, images: Collection[str] = (), fences: Collection[str] = (), *, public: bool = False
) -> bool:
    """Whether Markdown that we wrote does nothing but what is ours: no HTML, link, image, reference or fence beyond.

    Args:
        images: addresses of images that are ours.
        fences: info strings that are ours, such as ``suggestion``.
        public: for GitHub. There some HTML of ours stands, and no link; in a file of the user's no HTML, and an address
            between ``<`` and ``>``, which leads where it says.
    """
    environment: dict[str, object] = {}
    for each in _flat(_parser(active=True).parse(text, environment)):
        if each.type == "link_open" and (public or not _says_where(each)):
            return False
        if each.type in ("html_inline", "html_block") and not (public and _is_ours(each.content)):
            return False
        if each.type == "text" and _ACTS.search(each.content):
            return False
        if each.type == "image" and each.attrs.get("src") not in images:
            return False
        if each.type == "fence" and each.info not in fences and is_carried_out(each.info):
            return False
    return not environment.get("references")


def is_carried_out(info: str) -> bool:
    """Whether a fence with this info string is more than code with a language."""
    return bool(_CARRIED_OUT.fullmatch(info.strip()))


def seen(found: list[Token]) -> str:
    """The words that a reader sees, blanks and our unseen breaks aside."""
    kinds = ("text", "text_special", "code_inline", "fence", "code_block")
    return _UNSEEN.sub("", "".join(each.content for each in _flat(found) if each.type in kinds))


def words(text: str) -> str:
    """The words of Markdown that we wrote."""
    return seen(_parser(active=True).parse(text))


def _says_where(link: Token) -> bool:
    return link.info == "auto" and str(link.attrs.get("href")).startswith(("http://", "https://"))


def _is_ours(html: str) -> bool:
    return all(_OURS.fullmatch(each) for each in re.findall(r"<[^<>]*>|[^<>]+|[<>]", html))


def _flat(found: list[Token]) -> Iterator[Token]:
    for each in found:
        yield each
        yield from _flat(each.children or []) if each.type == "inline" else ()


@cache
def _parser(active: bool, joined: bool = True) -> MarkdownIt:
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    if not joined:
        parser.disable("text_join")
    return parser if active else parser.disable(list(_ACTIVE))
