"""LaTeXML pages (arxiv.org/html, ar5iv) as plain HTML: titles, equations, listings, theorems, references."""

from __future__ import annotations

import re

from bs4 import BeautifulSoup, Tag

from gadfly import tables
from gadfly.corpus.convert import math
from gadfly.corpus.convert.soup import attribute, classes, drop, first, new, pick, words

_IS = tables.patterns(__file__, 0)
_CHROME: str = tables.table(__file__)["chrome"]


def document(soup: BeautifulSoup) -> Tag | None:
    """The paper's element. The alerts on arXiv's pages bear the same class, so the tag counts too."""
    found = first(soup, "article.ltx_document")
    if found is not None:
        return found
    older = [
        each for each in pick(soup, "div.ltx_document") if "package-alerts" not in classes(each)
    ]
    return next(iter(older), None)


def failed(html: str) -> bool:
    """Whether the conversion broke off: such a page is answered like any other, and never whole."""
    return bool(_IS["failed"].search(html))


def rewrite(soup: BeautifulSoup, root: Tag) -> None:
    """Everything below ``root`` that plain HTML has a better word for."""
    drop(pick(root, _CHROME))
    drop(pick(root, "h1.ltx_title_document, .ltx_authors, .ltx_dates"))  # facts, not text
    for equations in pick(root, "table.ltx_equation, table.ltx_equationgroup, .ltx_equationgroup"):
        if not equations.decomposed:
            _equations(soup, equations)
    for listing in pick(root, ".ltx_listing"):
        _listing(soup, listing)
    for verbatim in pick(root, ".ltx_verbatim"):
        verbatim.name = "pre" if "\n" in verbatim.get_text().strip() else "code"
    _titles(soup, root)
    _lists(soup, root)
    for tabular in pick(root, "span.ltx_tabular"):
        _tabular(tabular)
    for emphasis in pick(root, "span.ltx_font_bold, span.ltx_font_italic, em.ltx_emph"):
        emphasis.name = "b" if "ltx_font_bold" in classes(emphasis) else "em"
    for typewriter in pick(root, "span.ltx_font_typewriter"):
        if typewriter.find_parent(["pre", "code"]) is None and typewriter.find("math") is None:
            typewriter.name = "code"


def authors(root: Tag) -> list[str]:
    """The names of the authors: what stands before the first line break, notes and marks removed."""
    found: dict[str, None] = {}
    for person in pick(root, ".ltx_personname"):
        held = BeautifulSoup(str(person), "lxml")
        drop(pick(held, "sup, math, .ltx_note, .ltx_author_notes, .ltx_contact, .ltx_ERROR"))
        for line_break in held.find_all("br"):
            line_break.replace_with("\n")
        first = held.get_text().strip().partition("\n")[0]
        for name in re.split(r",|;|\s&\s|\band\b|\s{3,}", first):
            name = " ".join(re.sub(r"(?<![∗*†‡§¶\d])[∗*†‡§¶\d]++$", "", name.strip()).split())
            if 3 <= len(name) <= 60 and "@" not in name and name not in found:
                found[name] = None
    return list(found)


def _equations(soup: BeautifulSoup, table: Tag) -> None:
    """One display formula for each numbered equation: cells and rows of one belong together."""
    rows = pick(table, ".ltx_eqn_row, tr") or [table]
    made: list[tuple[str, str]] = []
    for row in rows:
        if row.find_parent(class_="ltx_eqn_row") is not None:
            continue
        tex = " ".join(math.tex_of(each) for each in row.find_all("math"))
        tag = first(row, ".ltx_tag_equation, .ltx_tag_equationgroup")
        number = words(tag) if tag is not None else ""
        number = number if _IS["number"].match(number) else ""
        aside = [words(each) for each in pick(row, ".ltx_intertext")]
        if tex.strip():
            made.append((tex, number))
        made += [(text, "text") for text in aside if text and not tex.strip()]
    for tex, number in made:
        holder = new(soup, "p")
        if number == "text":
            holder.string = tex
        else:
            holder.string = f"$${tex}$$" + (f" {number}" if number else "")
        table.insert_before(holder)
    table.decompose()


def _listing(soup: BeautifulSoup, listing: Tag) -> None:
    lines = pick(listing, ".ltx_listingline")
    if not lines:
        return
    drop(pick(listing, ".ltx_tag_listingline"))
    if any(line.find("math") is not None for line in lines):  # an algorithm: formulas are no code
        for line in lines:
            line.name = "p"
        return
    text = "\n".join(line.get_text().replace("\xa0", " ").strip("\n").rstrip() for line in lines)
    made = new(soup, "pre", text)
    caption = first(listing, "figcaption, .ltx_caption")
    listing.replace_with(made)
    if caption is not None:
        made.insert_before(caption)


def _titles(soup: BeautifulSoup, root: Tag) -> None:
    for title in pick(root, ".ltx_title_abstract"):
        title.name = "h2"
    without: set[int] = set()  # theorems with no paragraph left below the last title
    for title in pick(root, ".ltx_runin, .ltx_title_theorem, .ltx_title_proof"):
        title.string = words(title).replace(" .", ".")
        title.name = "b"  # “Theorem 1.” opens a paragraph; as a heading it would cut every section
        theorem = title.parent
        if theorem is None or id(theorem) in without:
            continue
        paragraph = _paragraph_below(title, theorem)
        if paragraph is None:
            without.add(id(theorem))
            continue
        paragraph.insert(0, " ")
        paragraph.insert(0, title.extract())
    for title in pick(root, ".ltx_title_acknowledgements, .ltx_title_bibliography"):
        title.name = "h2"
    for tag in pick(
        root, ".ltx_tag_section, .ltx_tag_subsection, .ltx_tag_subsubsection, .ltx_tag_appendix"
    ):
        tag.append(" ")


def _paragraph_below(title: Tag, theorem: Tag) -> Tag | None:
    """The first paragraph of a theorem behind its title."""
    end: Tag | None = theorem
    while end is not None and end.next_sibling is None:
        end = end.parent
    stop = end.next_sibling if end is not None else None
    for each in title.next_elements:
        if each is stop:
            return None
        if isinstance(each, Tag) and each.name == "p":
            return each
    return None


def _lists(soup: BeautifulSoup, root: Tag) -> None:
    """LaTeXML writes the bullet into the item; Markdown has its own."""
    for item in pick(root, "li.ltx_item"):
        tag = item.find(class_="ltx_tag_item")
        if isinstance(tag, Tag) and not re.search(r"[A-Za-z]{2}", words(tag)):
            tag.decompose()
    for item in pick(root, "li.ltx_bibitem"):
        item.name = "p"
        tag = item.find(class_="ltx_tag_bibitem")
        if isinstance(tag, Tag):
            label = words(tag)
            tag.replace_with(f"{label if label.startswith('[') else f'[{label}]'} ")
        for block in pick(item, ".ltx_bibblock"):
            block.append(" ")
    for biblist in pick(root, "ul.ltx_biblist"):
        biblist.name = "div"


def _tabular(tabular: Tag) -> None:
    """A table inside a line is made of spans."""
    tabular.name = "table"
    for part in tabular.find_all(["span", "td", "th"]):
        names = classes(part)
        if "ltx_tr" in names:
            part.name = "tr"
        elif "ltx_td" in names or "ltx_th" in names:
            part.name = "td"
            for name in ("colspan", "rowspan"):
                found = re.search(rf"ltx_{name}_(\d+)", " ".join(names))
                if found and not attribute(part, name):
                    part[name] = found.group(1)
