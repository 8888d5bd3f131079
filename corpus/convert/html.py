"""HTML to Markdown: the main text of a page with its headings, tables, code, formulas, notes, and its facts."""

from __future__ import annotations

from dataclasses import dataclass

from bs4 import BeautifulSoup, Tag

from gadfly.corpus.convert import article, distill, facts, latexml, markdown, math, notes
from gadfly.corpus.convert.facts import Facts
from gadfly.corpus.convert.soup import drop, first, new, parse, pick, words
from gadfly.errors import CorpusError

_LEAST = 20  # words below which a page is a shell for a script, a login or an error


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
    article.clean(root, generic=False)
    return _convert(soup, root, url)


def _text(soup: BeautifulSoup, url: str) -> str:
    paper = latexml.document(soup)
    if paper is not None:
        bibliography = first(paper, ".ltx_bibliography")
        if bibliography is not None:  # appendices come after it; they are text like any other
            paper.append(bibliography.extract())
        latexml.rewrite(soup, paper)
        article.clean(paper, generic=False)
        return _convert(soup, paper, url)
    shelf = first(soup, "d-bibliography, dt-bibliography, script[type=text/bibliography]")
    held = shelf if shelf is None or shelf.name == "script" else first(shelf, "script")
    bibtex = held.get_text() if held is not None else ""
    root = article.find(soup)
    own = root.name in ("d-article", "dt-article")
    if own:
        distill.rewrite(soup, root)
        _appendix(soup, root)
        works = distill.references(soup, root, bibtex)
        if works is not None:
            root.append(works)
    math.rewrite(soup, root)  # before cleaning: MathJax keeps its formulas in scripts
    article.clean(root, generic=not own)
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
