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
_OPEN = "li dd dt blockquote div section body d-article article"  # a note goes to the end of these
_HELD = ("li", "p", "div", "dd", "aside", "section")


def inline(soup: BeautifulSoup, root: Tag) -> None:
    """Notes that stand inside their sentence: Distill's elements and LaTeXML's spans."""
    # What a template renders later, and would show every note twice.
    drop(pick(root, "d-footnote-list, dt-fn-list"))
    found = pick(
        root, "d-footnote, dt-fn, span.ltx_note.ltx_role_footnote, .ltx_note.ltx_role_endnote"
    )
    placed: dict[int, Tag] = {}
    for number, note in enumerate(found, 1):
        body = first(note, ".ltx_note_content") or note
        drop(pick(body, ".ltx_note_mark, .ltx_tag_note, .ltx_note_type"))
        made = new(soup, "p", f"[^{number}]: ")
        for child in list(body.contents):
            made.append(child.extract())
        if words(made) == f"[^{number}]:":
            note.decompose()
            continue
        _below(note, made, placed)
        note.replace_with(f"[^{number}]")


def linked(soup: BeautifulSoup, root: Tag) -> None:
    """Notes at the end of a page, with a link to each from its mark."""
    targets = _Targets(root)
    made: set[str] = set()
    holders: dict[int, Tag] = {}
    for link in pick(root, "a[href]"):
        if link.decomposed or link.parent is None or not attribute(link, "href").startswith("#"):
            continue
        if not _MARK.match(words(link)):
            continue
        target = unquote(attribute(link, "href")[1:])
        if _BACK.match(f"#{target}"):
            continue
        body = targets.note(target, link)
        if body is None and target not in made:
            continue
        label = words(link).strip("[] ")
        mark = (
            link.parent if link.parent.name == "sup" and words(link.parent) == words(link) else link
        )
        if body is not None and target not in made:
            made.add(target)
            holder = _as_note(soup, body, label)
            if holder is not None:
                holders[id(holder)] = holder
        mark.replace_with(f"[^{label}]")
    drop(holder for holder in holders.values() if not words(holder))


class _Targets:
    """The elements that links of a page lead to, found once."""

    def __init__(self, root: Tag) -> None:
        self._root = root
        self._ids: dict[str, list[Tag]] = {}
        self._names: dict[str, list[Tag]] = {}
        self._links_back: dict[int, bool] = {}
        for tag in root.descendants:
            if isinstance(tag, Tag) and tag.attrs:
                self._ids.setdefault(attribute(tag, "id"), []).append(tag)
                if tag.name == "a":
                    self._names.setdefault(attribute(tag, "name"), []).append(tag)

    def note(self, target: str, link: Tag) -> Tag | None:
        """The element that a mark leads to, if it reads like a note: it links back, or it is called one."""
        found = self._first(self._ids.get(target)) or self._first(self._names.get(target))
        if found is None:
            return None
        around = {id(each) for each in link.parents}
        held = found if found.name in _HELD else found.find_parent(_HELD)
        if held is None or id(found) in around or id(held) in around:
            return None
        called = re.match(r"(?i)(user-content-)?(fn|ftnt|footnote|note|_ftn|endnote)", target)
        return held if called or self._backs(held) else None

    def _first(self, tags: list[Tag] | None) -> Tag | None:
        """The first that is still in the page."""
        while tags:
            if not tags[0].decomposed and any(each is self._root for each in tags[0].parents):
                return tags[0]
            tags.pop(0)
        return None

    def _backs(self, held: Tag) -> bool:
        if id(held) not in self._links_back:
            self._links_back[id(held)] = bool(_backs(held))
        return self._links_back[id(held)]


def _backs(body: Tag) -> list[Tag]:
    """The links from a note back to its mark."""
    links = pick(body, "a")
    return [
        each
        for each in links
        if _BACK.match(attribute(each, "href")) or "footnote-backref" in classes(each)
    ]


def _as_note(soup: BeautifulSoup, body: Tag, label: str) -> Tag | None:
    """Put a note in the place of its element; returns the list that it was taken out of."""
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
        return holder
    return None


def _below(note: Tag, made: Tag, placed: dict[int, Tag]) -> None:
    """Put a note below the block of its mark; ``placed`` holds the last note below each block."""
    block = block_of(note)
    while block.name in ("td", "th", "h1", "h2", "h3", "h4", "h5", "h6", "figcaption", "caption"):
        outer = block.find_parent(["table", "figure"]) if block.name[0] in "tfc" else None
        block = outer if isinstance(outer, Tag) else block
        break
    if block.name in _OPEN.split():
        block.append(made)
    else:
        last = placed.get(id(block), block)
        while isinstance(last.next_sibling, Tag) and words(last.next_sibling).startswith("[^"):
            last = last.next_sibling
        last.insert_after(made)
        placed[id(block)] = made
