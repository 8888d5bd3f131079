"""HTML tables inside Markdown, rewritten as Markdown tables: every word stays, the tags go.

Leaves out row and column spans (a cell is written once, at its first place) and tables in fences, which
somebody shows on purpose.
"""

from __future__ import annotations

import re
from html.parser import HTMLParser

from gadfly.corpus.readers.fences import step
from gadfly.corpus.readers.report import Mended

_TAG = re.compile(r"<(/?)table\b[^>]{0,2000}>", re.IGNORECASE)
# Words alone are matched too, so that each letter is looked at once; they are left out below.
_MARKUP = re.compile(r"<[^<>]{0,5000}>|\w++(?:&#?\w+;\w*)?|&#?\w+;\w*")
_NAMES = "br p div li ul ol tr td th table pre hr h1 h2 h3 h4"
_BLOCKS = frozenset(_NAMES.split())


def mend(text: str) -> Mended:
    """The text with each top-level ``<table>…</table>`` outside fences as a Markdown table."""
    if "<table" not in text.lower():
        return Mended(text)
    out: list[str] = []
    removed: list[str] = []
    at = count = 0
    for start, end in _spans(text):
        source = text[start:end]
        table = _markdown(source)
        if not table:
            continue
        out += [text[at:start].rstrip(" \t"), "\n\n", table, "\n\n"]
        removed += [each for each in _MARKUP.findall(source) if each[0] == "<" or "&" in each]
        count += 1
        at = end
    return Mended("".join([*out, text[at:]]), count, " ".join(removed))


def _spans(text: str) -> list[tuple[int, int]]:
    fenced = _fenced(text)
    spans, depth, start, passed = [], 0, 0, 0
    for tag in _TAG.finditer(text):
        while passed < len(fenced) and fenced[passed][1] <= tag.start():
            passed += 1
        if passed < len(fenced) and fenced[passed][0] <= tag.start():
            continue
        if not tag.group(1):
            depth += 1
            start = tag.start() if depth == 1 else start
        elif depth:
            depth -= 1
            if not depth:
                spans.append((start, tag.end()))
    return spans


def _fenced(text: str) -> list[tuple[int, int]]:
    spans, mark, at, start = [], "", 0, 0
    for line in text.split("\n"):
        after = step(line, mark)
        if after and not mark:
            start = at
        elif mark and not after:
            spans.append((start, at))
        mark = after
        at += len(line) + 1
    return spans


def _markdown(source: str) -> str:
    parser = _Reader()
    parser.feed(source)
    parser.close()
    rows = [[_cell(cell) for cell in row] for row in parser.rows]
    rows = [row for row in rows if any(row)]
    outside = _cell(parser.outside)
    if not rows:
        return outside
    width = max(map(len, rows))
    if width == 1:  # a table that only lays things out
        return "\n\n".join(
            [*filter(None, [outside]), *(row[0].replace("\\|", "|") for row in rows)]
        )
    lines = ["| " + " | ".join(row + [""] * (width - len(row))) + " |" for row in rows]
    lines.insert(1, "|" + " --- |" * width)
    return "\n".join([*([outside, ""] if outside else []), *lines])


def _cell(pieces: list[str]) -> str:
    return " ".join("".join(pieces).split()).replace("|", "\\|")


class _Reader(HTMLParser):
    """Collects rows of cells; a table inside a cell becomes part of that cell's text."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.rows: list[list[list[str]]] = []
        self.outside: list[str] = []  # a caption, and whatever stands between cells
        self._depth = 0
        self._cell: list[str] | None = None
        self._links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self._depth += tag == "table"
        if self._depth > 1 or tag not in ("tr", "td", "th"):
            self._inline(tag, given)
        elif tag == "tr":
            self._cell = None
            self.rows.append([])
        else:
            if not self.rows:
                self.rows.append([])
            self._cell = []
            self.rows[-1].append(self._cell)

    def handle_endtag(self, tag: str) -> None:
        self._depth -= tag == "table"
        if tag == "a":
            href = self._links.pop() if self._links else ""
            if href:
                self._say(f"]({href})")
        elif tag in ("td", "th", "tr") and self._depth <= 1:
            self._cell = None
        elif tag == "code":
            self._say("`")
        else:
            self._say(" " if tag in _BLOCKS else "")

    def handle_data(self, data: str) -> None:
        self._say(data)

    def _inline(self, tag: str, given: dict[str, str | None]) -> None:
        if tag == "a":
            href = given.get("href") or ""
            self._links.append(href)
            self._say("[" if href else "")
        elif tag == "img":
            source = given.get("src") or ""
            alt = given.get("alt") or ""
            self._say(f"[image: {alt}]" if source.startswith("data:") else f"![{alt}]({source})")
        elif tag == "code":
            self._say("`")
        else:
            self._say(" " if tag in _BLOCKS else "")

    def _say(self, text: str) -> None:
        (self.outside if self._cell is None else self._cell).append(text)
