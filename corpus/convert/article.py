"""The main text of any page: the element that holds it, without the furniture around and inside it."""

from __future__ import annotations

from bs4 import BeautifulSoup, Tag
from bs4.element import NavigableString

from gadfly import tables
from gadfly.corpus.convert.soup import attribute, classes, drop, first, pick, words

_TABLE = tables.table(__file__)
_QUIET = frozenset(_TABLE["quiet"].split())
_FURNITURE = tables.patterns(__file__)["furniture"]
_CANDIDATES = 50
_ANCHOR = ("¶", "#", "§", "🔗", "")
_HEADINGS = ["h1", "h2", "h3", "h4", "h5", "h6"]


def find(soup: BeautifulSoup) -> Tag:
    """The element with the main text."""
    body = soup.body or soup
    weight = _weights(soup)
    for selector in _TABLE["main"]:
        best = max(
            pick(soup, selector)[:_CANDIDATES], key=lambda tag: weight.get(id(tag), 0), default=None
        )
        if best is not None and weight.get(id(best), 0) > 0.4 * weight.get(id(body), 0):
            return best
    return body


def clean(root: Tag, *, generic: bool) -> None:
    """Drop what is not text. ``generic``: also what its name calls furniture, for pages of no known kind."""
    drop(pick(root, _TABLE["never"]))
    if generic:
        drop(pick(root, "footer, aside"))
        drop(each for each in pick(root, "header") if first(each, "h1, h2") is None)
        _furniture(root)
    for heading in root.find_all(_HEADINGS):
        drop(link for link in heading.find_all("a") if words(link) in _ANCHOR)
        if not words(heading):
            heading.decompose()
    for code in root.find_all("pre"):
        for line_break in code.find_all("br"):
            line_break.replace_with("\n")


def _furniture(root: Tag) -> None:
    weight = _weights(root, frozenset())
    whole = weight.get(id(root), 0)
    for tag in [each for each in root.descendants if isinstance(each, Tag) and each.attrs]:
        if tag.decomposed or tag.name in ("pre", "code", "p", "li", "table", *_HEADINGS):
            continue
        named = " ".join([*classes(tag), attribute(tag, "id")])
        if named.strip() and _FURNITURE.search(named) and weight.get(id(tag), 0) < 0.3 * whole:
            tag.decompose()


def _weights(root: Tag, quiet: frozenset[str] = _QUIET) -> dict[int, int]:
    """How much text each element holds; links and menus count for nothing."""
    found: dict[int, int] = {}
    for text in root.descendants:
        if (
            not isinstance(text, NavigableString)
            or text.parent is None
            or text.parent.name in quiet
        ):
            continue
        length = len(text.strip())
        if length:
            for parent in text.parents:
                found[id(parent)] = found.get(id(parent), 0) + length
                if parent is root:
                    break
    return found
