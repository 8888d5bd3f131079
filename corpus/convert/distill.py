"""Distill and transformer-circuits.pub: their own elements as plain HTML, and the works they cite.

Version 1 calls its elements ``dt-…``, version 2 ``d-…``.
"""

from __future__ import annotations

import json
import re
from typing import Any

from bs4 import BeautifulSoup, Tag

from gadfly.corpus.convert.soup import attribute, drop, first, new, pick
from gadfly.corpus.markup import yaml_of

_ENTRY = re.compile(r"@\w+\s*\{\s*([^,\s{}]+)\s*,")
_CITED = re.compile(r"([^\[\],\s]++)([\],]?)")
_FIELD = r"(?im)^[^\S\n]*%s\s*+=\s*[{\"](.*?)[}\"][^\S\n]*+(?:,[^\S\n]*+)?$"


def front_matter(soup: BeautifulSoup) -> dict[str, Any]:
    """The facts that a page states of itself: ``title``, ``authors`` (a list of names), ``published``."""
    held = first(soup, "script#distill-front-matter, script[type=text/front-matter]")
    outer = first(soup, "d-front-matter, dt-front-matter")
    if held is None and outer is not None:
        held = first(outer, "script")
    text = held.get_text() if held is not None else ""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = _yaml(text)
    if not isinstance(found, dict):
        return {}
    names = []
    for each in found.get("authors") or []:
        if isinstance(each, dict):  # version 1 writes {name: address}
            names.append(str(each.get("author") or each.get("name") or next(iter(each), "")))
        elif isinstance(each, str):
            names.append(each)
    published = found.get("publishedDate") or found.get("published") or found.get("date")
    return {"title": found.get("title"), "authors": names, "published": published}


def rewrite(soup: BeautifulSoup, root: Tag) -> None:
    """Citations and code below ``root`` as plain HTML; what only navigates is dropped."""
    drop(pick(root, "d-contents, d-toc, d-byline, dt-byline, #thread-nav, .thread-info, d-title"))
    for code in root.find_all(["d-code", "dt-code"]):
        block = code.has_attr("block") or "\n" in code.get_text().strip("\n")
        code.name = "pre" if block else "code"
    for cite in root.find_all(["d-cite", "dt-cite"]):
        keys = attribute(cite, "bibtex-key") or attribute(cite, "key")
        keys = ", ".join(each.strip() for each in keys.split(",") if each.strip())
        before = cite.previous_sibling
        gap = "" if before is None or str(before)[-1:].isspace() else " "
        cite.replace_with(f"{gap}[{keys}]" if keys else "")


def references(soup: BeautifulSoup, root: Tag, bibtex: str) -> Tag | None:
    """A list of the works that the text cites, from the BibTeX that the page carries."""
    entries = bibliography(bibtex)
    named = {key for key, mark in _CITED.findall(root.get_text()) if mark}
    cited = {key: shown for key, shown in entries.items() if key in named}
    if not cited:
        return None
    section = new(soup, "section")
    section.append(new(soup, "h2", "References"))
    for key, shown in cited.items():
        section.append(new(soup, "p", f"[{key}] {shown}"))
    return section


def bibliography(bibtex: str) -> dict[str, str]:
    """``key → Authors. Title. Year.`` of each entry; a page that was rendered holds JSON instead."""
    try:
        return {str(key): _shown(fields) for key, fields in json.loads(bibtex)}
    except (ValueError, TypeError, AttributeError, RecursionError):
        pass
    found = {}
    starts = list(_ENTRY.finditer(bibtex))
    for index, entry in enumerate(starts):
        end = starts[index + 1].start() if index + 1 < len(starts) else len(bibtex)
        body = bibtex[entry.end() : end].replace("},", "},\n")
        fields = {name: re.search(_FIELD % name, body) for name in ("author", "title", "year")}
        found[entry.group(1)] = _shown(
            {name: held.group(1) for name, held in fields.items() if held}
        )
    return found


def _shown(fields: dict[str, str]) -> str:
    named = [str(fields[name]) for name in ("author", "title", "year") if fields.get(name)]
    return " ".join(" ".join(re.sub(r"[{}\\]", "", each).split()) + "." for each in named)


def _yaml(text: str) -> Any:
    try:
        return yaml_of(text)
    except ValueError:
        return None
