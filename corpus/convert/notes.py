"""Footnotes: a mark ``[^1]`` where it stood, and ``[^1]: …`` below the passage it belongs to.

A note set into its sentence would break every quote of that sentence, and a note at the end of the page
would be cut off from it. Covers Distill, LaTeXML, LessWrong, Markdown processors, Google Docs.
"""

from __future__ import annotations

import re
from urllib.parse import unquote

from bs4 import BeautifulSoup, Tag

from gadfly.corpus.convert.soup import attribute, block_of, classes, drop, first, new, pick, words

_MARK = re.compile(r"^\[?\s*(\d{1,3}|[a-z]|[*†‡]+)\s*\]?$")
_BACK = re.compile(r"^#(user-content-)?(fnref|ftnt_ref|_ftnref|cite_ref)")
_HELD = ("li", "p", "div", "dd", "aside", "section")


def inline(soup: BeautifulSoup, root: Tag) -> None:
    """Notes that stand inside their sentence: Distill's elements and LaTeXML's spans."""
    # What a template renders later, and would show every note twice.
    drop(pick(root, "d-footnote-list, dt-fn-list"))
    found = pick(
        root, "d-footnote, dt-fn, span.ltx_note.ltx_role_footnote, .ltx_note.ltx_role_endnote"
    )
    for number, note in enumerate(found, 1):
        body = first(note, ".ltx_note_content") or note
        drop(pick(body, ".ltx_note_mark, .ltx_tag_note, .ltx_note_type"))
        made = new(soup, "p", f"[^{number}]: ")
        for child in list(body.contents):
            made.append(child.extract())
        if words(made) == f"[^{number}]:":
            note.decompose()
            continue
        _below(note, made)
        note.replace_with(f"[^{number}]")


def linked(soup: BeautifulSoup, root: Tag) -> None:
    """Notes at the end of a page, with a link to each from its mark."""
    made: dict[str, Tag] = {}
    for link in pick(root, "a[href]"):
        if link.decomposed or link.parent is None or not attribute(link, "href").startswith("#"):
            continue
        if not _MARK.match(words(link)):
            continue
        target = unquote(attribute(link, "href")[1:])
        if _BACK.match(f"#{target}"):
            continue
        body = _body(root, target, link)
        if body is None and target not in made:
            continue
        label = words(link).strip("[] ")
        mark = (
            link.parent if link.parent.name == "sup" and words(link.parent) == words(link) else link
        )
        if body is not None and target not in made:
            made[target] = body
            _as_note(soup, body, label)
        mark.replace_with(f"[^{label}]")


def _body(root: Tag, target: str, link: Tag) -> Tag | None:
    """The element that a mark leads to, if it reads like a note: it links back, or it is called one."""
    found = root.find(id=target) or root.find("a", attrs={"name": target})
    if not isinstance(found, Tag) or found in link.parents:
        return None
    held = found if found.name in _HELD else found.find_parent(_HELD)
    if held is None or held in link.parents:
        return None
    called = re.match(r"(?i)(user-content-)?(fn|ftnt|footnote|note|_ftn|endnote)", target)
    return held if called or _backs(held) else None


def _backs(body: Tag) -> list[Tag]:
    """The links from a note back to its mark."""
    links = pick(body, "a")
    return [
        each
        for each in links
        if _BACK.match(attribute(each, "href")) or "footnote-backref" in classes(each)
    ]


def _as_note(soup: BeautifulSoup, body: Tag, label: str) -> None:
    drop(_backs(body))
    for tag in body.find_all(["sup", "a"]):
        if not tag.decomposed and words(tag) in ("", "^", "↩", "↩︎", label, f"[{label}]"):
            tag.decompose()
    for block in body.find_all(["p", "div"]):
        block.append(" ")
        block.unwrap()
    made = new(soup, "p", f"[^{label}]: ")
    for child in list(body.contents):
        made.append(child.extract())
    made.smooth()
    holder = body.parent
    body.replace_with(made)
    if holder is not None and holder.name in ("ol", "ul"):
        holder.insert_before(made.extract())
        if not words(holder):
            holder.decompose()


def _below(note: Tag, made: Tag) -> None:
    block = block_of(note)
    while block.name in ("td", "th", "h1", "h2", "h3", "h4", "h5", "h6", "figcaption", "caption"):
        outer = block.find_parent(["table", "figure"]) if block.name[0] in "tfc" else None
        block = outer if isinstance(outer, Tag) else block
        break
    if block.name in (
        "li",
        "dd",
        "dt",
        "blockquote",
        "div",
        "section",
        "body",
        "d-article",
        "article",
    ):
        block.append(made)
    else:
        last = block
        while isinstance(last.next_sibling, Tag) and words(last.next_sibling).startswith("[^"):
            last = last.next_sibling
        last.insert_after(made)
