"""Formulas in HTML back to the TeX they came from: LaTeXML, Distill, KaTeX, MathJax 2 and 3, LessWrong.

Every formula becomes text: ``$…$`` within a line, ``$$…$$`` on its own. A formula that carries no TeX
keeps the characters it shows.
"""

from __future__ import annotations

import re

from bs4 import BeautifulSoup, Tag
from bs4.element import NavigableString, PageElement

from gadfly.corpus.convert.soup import attribute, classes, drop, first, new, pick, words

_WRAPPED = re.compile(r"^\s*(?:\$\$(.*)\$\$|\\\[(.*)\\\]|\\\((.*)\\\)|\$([^$]*)\$)\s*$", re.DOTALL)
# LaTeXML breaks long attributes TeX's own way: a comment sign at the end of the line.
_BROKEN_LINE = re.compile(r"(?<!\\)%\s*\n\s*")
_STYLE = re.compile(r"^\\(?:displaystyle|textstyle)(?![A-Za-z])\s*")


def rewrite(soup: BeautifulSoup, root: Tag) -> None:
    """Replace every formula below ``root`` by its text."""
    _mathjax2(soup, root)
    drawn = "mjx-container, .mjx-chtml, .mjpage, .math-tex, span.math, .katex-display, .katex"
    for tag in pick(root, drawn):
        if not tag.decomposed:
            _rendered(soup, tag)
    for tag in root.find_all(["d-math", "dt-math"]):
        put(soup, tag, tag.get_text(), display=tag.has_attr("block"))
    for tag in root.find_all("math"):
        if not tag.decomposed:
            put(soup, tag, tex_of(tag), display=attribute(tag, "display") == "block")


def tex_of(math: Tag) -> str:
    """The TeX of a MathML element, or the characters that it shows."""
    said = attribute(math, "alttext")
    if not said:
        note = math.find("annotation", attrs={"encoding": re.compile("tex", re.I)})
        said = note.get_text() if isinstance(note, Tag) else ""
    if said.strip():
        return _STYLE.sub("", " ".join(_BROKEN_LINE.sub("", said).split()))
    drop(math.find_all(["annotation", "annotation-xml"]))
    return words(math)


def put(soup: BeautifulSoup, tag: Tag, tex: str, *, display: bool, number: str = "") -> None:
    """Replace an element by a formula."""
    wrapped = _WRAPPED.match(tex)
    if wrapped:
        display = display or wrapped.group(1) is not None or wrapped.group(2) is not None
        tex = next(each for each in wrapped.groups() if each is not None)
    tex = " ".join(tex.split())
    if not tex:
        tag.decompose()
    elif display:
        tag.replace_with(new(soup, "p", f"$${tex}$$" + (f" {number}" if number else "")))
    else:
        tag.replace_with(f"${tex}$")


def _rendered(soup: BeautifulSoup, tag: Tag) -> None:
    """What a library drew, with the TeX kept in an annotation or a label somewhere inside."""
    display = (
        any("display" in each.lower() for each in classes(tag))
        or attribute(tag, "display") == "true"
        or first(tag, ".MJXc-display, .mjx-full-width") is not None
    )
    for name in ("aria-label", "data-latex"):
        held = tag if tag.has_attr(name) else first(tag, f"[{name}]")
        if isinstance(held, Tag) and attribute(held, name).strip():
            put(soup, tag, attribute(held, name), display=display)
            return
    inner = tag.find("math")
    if isinstance(inner, Tag):
        put(soup, tag, tex_of(inner), display=display or attribute(inner, "display") == "block")
    elif words(tag).startswith(("\\(", "\\[", "$")):
        put(soup, tag, tag.get_text(), display=display)


def _before(script: Tag) -> PageElement | None:
    """What stands right before an element, blanks aside."""
    near = script.previous_sibling
    for _ in range(3):
        if isinstance(near, NavigableString) and not near.strip():
            near = near.previous_sibling
    return near


def _mathjax2(soup: BeautifulSoup, root: Tag) -> None:
    """MathJax 2 leaves the TeX in a script beside what it drew."""
    for script in root.find_all("script", attrs={"type": re.compile(r"^math/tex", re.I)}):
        for _ in range(2):
            near = _before(script)
            if isinstance(near, Tag) and any("mathjax" in each.lower() for each in classes(near)):
                near.decompose()
        put(soup, script, script.get_text(), display="display" in attribute(script, "type"))
    drop(pick(root, ".MathJax_Preview, .MathJax, .MathJax_Display, .MJX_Assistive_MathML"))
