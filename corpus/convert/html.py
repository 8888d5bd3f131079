"""HTML to Markdown: the main text of a page with its headings, tables, code, formulas, notes, and its facts.

The main text is the element that holds it, without the furniture around and inside it.
"""

from __future__ import annotations

from dataclasses import dataclass

from bs4 import BeautifulSoup, Tag
from bs4.element import NavigableString

from gadfly import tables
from gadfly.corpus.convert import distill, facts, latexml, markdown, math, notes
from gadfly.corpus.convert.facts import Facts
from gadfly.corpus.convert.soup import attribute, classes, drop, first, new, parse, pick, words
from gadfly.errors import CorpusError

_LEAST = 20  # words below which a page is a shell for a script, a login or an error
_TABLE = tables.table(__file__)
_QUIET = frozenset(_TABLE["quiet"].split())
_FURNITURE = tables.patterns(__file__)["furniture"]
_CANDIDATES = 50
_ANCHOR = ("¶", "#", "§", "🔗", "")
_HEADINGS = ["h1", "h2", "h3", "h4", "h5", "h6"]


@dataclass(frozen=True)
class WebPage:
    facts: Facts
    text: str


def read(html: str, url: str = "") -> WebPage:
    """The page as Markdown. ``url`` completes its links and may tell its year.

    Raises:
        CorpusError: it holds no text.
    """
    soup = parse(html)
    known = facts.read(soup, url)
    text = _text(soup, url)
    if len(text.split()) < _LEAST:
        raise CorpusError(
            f"no text in this page ({len(text.split())} words); "
            "if it is drawn by a script, save it from the browser and add the file"
        )
    return WebPage(known, text)


def fragment(html: str, url: str = "") -> str:
    """Markdown of a piece of HTML that is all text: the body of a post, an exported document."""
    soup = parse(html)
    root = soup.body or soup
    clean(root, generic=False)
    return _convert(soup, root, url)


def _text(soup: BeautifulSoup, url: str) -> str:
    paper = latexml.document(soup)
    if paper is not None:
        bibliography = first(paper, ".ltx_bibliography")
        if bibliography is not None:  # appendices come after it; they are text like any other
            paper.append(bibliography.extract())
        latexml.rewrite(soup, paper)
        clean(paper, generic=False)
        return _convert(soup, paper, url)
    shelf = first(soup, "d-bibliography, dt-bibliography, script[type=text/bibliography]")
    held = shelf if shelf is None or shelf.name == "script" else first(shelf, "script")
    bibtex = held.get_text() if held is not None else ""
    root = find(soup)
    own = root.name in ("d-article", "dt-article")
    if own:
        distill.rewrite(soup, root)
        _appendix(soup, root)
        works = distill.references(soup, root, bibtex)
        if works is not None:
            root.append(works)
    math.rewrite(soup, root)  # before cleaning: MathJax keeps its formulas in scripts
    clean(root, generic=not own)
    return _convert(soup, root, url)


def _appendix(soup: BeautifulSoup, root: Tag) -> None:
    held = first(soup, "d-appendix, dt-appendix")
    if held is None or root in held.parents:
        return
    distill.rewrite(soup, held)
    drop(pick(held, "d-bibliography, dt-bibliography, d-citation-list, d-footnote-list, script"))
    if words(held):
        if held.find("h2") is None:
            root.append(new(soup, "h2", "Appendix"))
        root.append(held.extract())


def _convert(soup: BeautifulSoup, root: Tag, url: str) -> str:
    math.rewrite(soup, root)
    notes.inline(soup, root)
    notes.linked(soup, root)
    return markdown.write(root, url)


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
