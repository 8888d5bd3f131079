"""HTML as a tree that can be rewritten: parsing and the few edits that every rewriting step needs."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from bs4 import BeautifulSoup, Comment, Tag
from bs4.element import Doctype, PageElement, ProcessingInstruction

from gadfly.errors import CorpusError

_BLOCKS = """p li dd dt td th blockquote figcaption caption div section h1 h2 h3 h4 h5 h6 article main body figure ol ul
dl table aside details d-article dt-article d-appendix"""
BLOCKS = frozenset(_BLOCKS.split())
_DEEPEST = 250  # nesting; a paper has 40, and what walks the tree needs a few frames for each level
_NEAR = 4
_DECLARATION = re.compile(r"^\s*<\?xml[^>]{0,200}\?>")  # of XHTML: it would be taken for other XML
_SELECTOR = re.compile(r"^([\w-]*)((?:\.[\w-]+)*)(?:#([\w-]+))?(?:\[([\w-]+)(?:=([^\]]+))?\])?$")


class Element(Tag):
    """An element that knows where its children stand. ``bs4`` goes through all of them for each that is taken out."""

    def index(self, element: PageElement) -> int:
        """The place of a child: near the one asked for before it, or where it was last seen, moved by as much."""
        places: dict[int, int] = self.__dict__.setdefault("places", {})
        contents = self.contents
        known = places.get(id(element))
        guesses = [self.__dict__.get("last", 0)]  # what was put in since stands beside it
        if known is not None:
            guesses.insert(0, known + self.__dict__.get("shift", 0))
        for guess in guesses:
            for at in range(max(0, guess - _NEAR), min(guess + _NEAR + 1, len(contents))):
                if contents[at] is element:
                    return self._found(at, known)
        places.clear()
        places.update((id(child), at) for at, child in enumerate(contents))
        if id(element) not in places:
            raise ValueError("not a child of this element")
        known = places[id(element)]
        return self._found(known, known)

    def _found(self, at: int, known: int | None) -> int:
        self.__dict__["last"] = at
        if known is not None:
            self.__dict__["shift"] = at - known
        return at


def parse(html: str) -> BeautifulSoup:
    """The tree of a page, without comments.

    Raises:
        CorpusError: it is nested absurdly deep, or the parser gives up.
    """
    try:
        soup = BeautifulSoup(
            _DECLARATION.sub("", html.replace("\0", "")),
            "lxml",
            # Indentation in listings stands in elements of its own, and would shrink to one blank.
            preserve_whitespace_tags={"pre", "textarea", "code", "d-code", "dt-code", "span"},
            element_classes={Tag: Element},
        )
    except (RecursionError, ValueError, AssertionError) as error:
        raise CorpusError(f"this HTML cannot be parsed ({type(error).__name__})") from error
    depth = {id(soup): 0}
    unseen: list[PageElement] = []
    for each in soup.descendants:
        if isinstance(each, Tag):
            depth[id(each)] = depth[id(each.parent)] + 1
            if depth[id(each)] > _DEEPEST:
                raise CorpusError("this HTML is nested too deeply to be a document")
        elif isinstance(each, (Comment, Doctype, ProcessingInstruction)):
            unseen.append(each)
    drop(unseen)
    return soup


def drop(elements: Iterable[PageElement]) -> None:
    """Take elements out; one that went with its parent is no matter."""
    for each in list(elements):
        if isinstance(each, Tag):
            if not each.decomposed:
                each.decompose()
        else:
            each.extract()


def pick(root: Tag, selectors: str) -> list[Tag]:
    """The elements below ``root`` that fit one of ``name.class#id[attribute=value]``, in order.

    A tenth of the cost of CSS selectors, which would take most of the time a page needs.
    """
    wanted = _compile(selectors)
    return [tag for tag in root.descendants if isinstance(tag, Tag) and _fits(tag, wanted)]


def first(root: Tag, selectors: str) -> Tag | None:
    """The first of :func:`pick`."""
    wanted = _compile(selectors)
    found = (tag for tag in root.descendants if isinstance(tag, Tag) and _fits(tag, wanted))
    return next(found, None)


def classes(tag: Tag) -> list[str]:
    """The class names of an element."""
    found = tag.get("class")
    return list(found) if isinstance(found, list) else str(found or "").split()


def attribute(tag: Tag, name: str) -> str:
    """An attribute as text, empty if it is not there."""
    found = tag.get(name)
    return " ".join(found) if isinstance(found, list) else str(found or "")


def words(tag: Tag) -> str:
    """The text of an element on one line."""
    return " ".join(tag.get_text(" ").split())


def block_of(tag: Tag) -> Tag:
    """The nearest enclosing element that stands on its own lines."""
    return next((each for each in tag.parents if each.name in BLOCKS), tag)


def new(soup: BeautifulSoup, name: str, text: str = "") -> Tag:
    """A new element with a text in it."""
    made = soup.new_tag(name)
    if text:
        made.string = text
    return made


class _Simple(NamedTuple):
    name: str
    classes: frozenset[str]
    id: str
    attribute: str
    value: str


class _Wanted(NamedTuple):
    names: frozenset[str]
    classes: frozenset[str]
    others: tuple[_Simple, ...]


@lru_cache(maxsize=200)
def _compile(selectors: str) -> _Wanted:
    names: set[str] = set()
    single: set[str] = set()
    others: list[_Simple] = []
    for text in selectors.split(","):
        found = _SELECTOR.match(text.strip())
        assert found is not None, text
        name, dotted, identifier, attr, value = (each or "" for each in found.groups())
        held = frozenset(dotted.split(".")[1:])
        if name and not (held or identifier or attr):
            names.add(name)
        elif len(held) == 1 and not (name or identifier or attr):
            single |= held
        else:
            others.append(_Simple(name, held, identifier, attr, value))
    return _Wanted(frozenset(names), frozenset(single), tuple(others))


def _fits(tag: Tag, wanted: _Wanted) -> bool:
    if tag.name in wanted.names:
        return True
    if not tag.attrs:
        return False
    held = tag.attrs.get("class")
    own = held if isinstance(held, list) else str(held or "").split()
    if own and not wanted.classes.isdisjoint(own):
        return True
    return any(
        (not each.name or each.name == tag.name)
        and each.classes.issubset(own)
        and (not each.id or tag.attrs.get("id") == each.id)
        and (not each.attribute or each.attribute in tag.attrs)
        and (not each.value or attribute(tag, each.attribute).lower() == each.value)
        for each in wanted.others
    )
