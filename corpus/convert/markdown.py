"""Plain HTML to Markdown: headings, lists, links, code, tables. Words are never escaped or changed.

An escaped ``position\\_ids`` would no longer be found or quoted, so special characters stay as they are. The spans of
tables are filled in, their cells are one line each, and tables for mere layout are unfolded.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Iterator
from urllib.parse import parse_qs, urljoin, urlsplit

from bs4 import Tag
from markdownify import ATX, MarkdownConverter

from gadfly.corpus.convert.soup import attribute, classes, first, pick
from gadfly.errors import CorpusError

_LANGUAGE = re.compile(r"^(?:language|lang|highlight(?:-source)?|brush:?|sourceCode)-?([\w+#]+)$")
_NO_LANGUAGE = "highlight default none text plaintext"
_ORDINALS = "st nd rd th TM"
_BLANKS = re.compile(r"\n[ \t]*\n(?:[ \t]*\n)+")
_TEX = re.compile(r"\\\((?=\S)([^`\n]{1,500}?)\\\)|\\\[(?=\S)([^`\n]{1,2000}?)\\\]")
_OPENS = re.compile(r"^(`{3,})[^\n]*\n", re.MULTILINE)
_TICKS_ALONE = re.compile(r"^(`{3,})[ \t]*+$", re.MULTILINE)
_WIDEST = 60  # columns; wider ones are layout, or made by a machine for a machine
_SPAN = 50
_IN_CELLS = "p, pre, ul, ol, h1, h2, h3, h4, blockquote, figure"


def write(root: Tag, url: str = "") -> str:
    """The Markdown of an element; ``url`` completes its links.

    Raises:
        CorpusError: it is nested absurdly deep.
    """
    try:
        text = _Writer(url).process_tag(root, set())
    except RecursionError as error:
        raise CorpusError("this HTML is nested too deeply to be a document") from error
    # Outside fences alone: blank lines in code are part of it.
    parts = (part if is_code else _tidy(part) for part, is_code in _parts(text))
    return "".join(parts).strip() + "\n"


def _parts(text: str) -> Iterator[tuple[str, bool]]:
    """The text in pieces, and which of them are fences with what is in them."""
    bare: dict[int, list[int]] = {}  # by the number of ticks, where lines of nothing else begin
    for line in _TICKS_ALONE.finditer(text):
        bare.setdefault(len(line[1]), []).append(line.start())
    at = 0
    for opening in _OPENS.finditer(text):
        if opening.start() < at:
            continue
        end = _closing(bare, len(opening[1]), opening.end())
        if end < 0:
            continue
        yield text[at : opening.start()], False
        stop = text.find("\n", end)
        at = stop if stop >= 0 else len(text)
        yield text[opening.start() : at], True
    yield text[at:], False


def _closing(bare: dict[int, list[int]], ticks: int, start: int) -> int:
    """Where the line begins that closes a fence: as many ticks, or where none has as many, fewer; -1: nowhere."""
    for count in range(ticks, 2, -1):
        places = bare.get(count, [])
        first = bisect_left(places, start)
        if first < len(places):
            return places[first]
    return -1


def _tidy(prose: str) -> str:
    prose = _TEX.sub(lambda found: f"${found.group(1) or found.group(2)}$", prose)
    return _BLANKS.sub("\n\n", re.sub(r"(?<=\S)[ \t]{2,}(?=\S)", " ", prose))


class _Writer(MarkdownConverter):
    def __init__(self, url: str) -> None:
        super().__init__(
            heading_style=ATX,
            bullets="-",
            escape_asterisks=False,
            escape_underscores=False,
            escape_misc=False,
            wrap=True,  # lines as long as paragraphs: breaks in the source mean nothing
            wrap_width=None,
        )
        self._url = url
        self._items: dict[int, dict[int, int]] = {}

    def convert_a(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        label = text.strip()
        target = _target(attribute(el, "href"), self._url)
        if not label or target is None or "_noformat" in parent_tags or "_inline" in parent_tags:
            return text
        if label in (target, attribute(el, "href")):
            return text
        before, after = text[: len(text) - len(text.lstrip())], text[len(text.rstrip()) :]
        return f"{before}[{' '.join(label.split())}]({target}){after}"

    def convert_img(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        """Pictures are not read; a description of one is."""
        alt = " ".join(attribute(el, "alt").split())
        return f"[image: {alt}]" if len(alt) > 25 and "refer to caption" not in alt.lower() else ""

    def convert_pre(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        code = text.expandtabs(4).strip("\n").rstrip()
        if not code.strip():
            return ""
        longest = max((len(run) for run in re.findall(r"`{3,}", code)), default=2)
        mark = "`" * (longest + 1)
        return f"\n\n{mark}{language(el)}\n{code}\n{mark}\n\n"

    def convert_br(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        return " " if "_inline" in parent_tags else "\n"

    def convert_li(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        """The items of a list are counted once; markdownify counts those before each."""
        parent = el.parent
        if parent is None or parent.name != "ol" or not text.strip():
            return str(super().convert_li(el, text, parent_tags))  # type: ignore[misc]
        if id(parent) not in self._items:
            items = (each for each in parent.children if isinstance(each, Tag))
            numbered = enumerate(each for each in items if each.name == "li")
            self._items[id(parent)] = {id(each): number for number, each in numbered}
        said = attribute(parent, "start")
        first = int(said) if said.isdecimal() else 1
        mark = f"{first + self._items[id(parent)][id(el)]}. "
        lines = [f"{' ' * len(mark)}{line}" if line else "" for line in text.strip().split("\n")]
        return mark + "\n".join(lines)[len(mark) :] + "\n"

    def convert_hr(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        return "\n\n"  # a rule under a line would make a heading of it

    def process_tag(self, node: Tag, parent_tags: set[str] | None = None) -> str:
        """A table is written here: its cells would otherwise be converted twice."""
        if node.name == "table" and not is_layout(node):
            return "\n\n" + table_of(node, self._cell) + "\n\n"
        return str(super().process_tag(node, parent_tags=parent_tags))  # type: ignore[misc]

    def convert_table(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        return f"\n\n{text.strip()}\n\n"

    def convert_td(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        return f"\n\n{text.strip()}\n\n"

    convert_th = convert_td
    convert_caption = convert_td
    convert_figcaption = convert_td

    def convert_tr(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        return text

    def convert_sub(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        return f"_{text}" if _script(text) else text

    def convert_sup(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        """``10<sup>2</sup>`` is not 102; marks of footnotes stand in brackets already."""
        return f"^{text}" if _script(text) else text

    def _cell(self, cell: Tag) -> str:
        return " ".join(self.process_tag(cell, {"_inline"}).split())


def language(pre: Tag) -> str:
    """The language of a code block, as its classes name it."""
    near = [pre, pre.find("code"), pre.parent, pre.parent.parent if pre.parent else None]
    for tag in near:
        if not isinstance(tag, Tag):
            continue
        named = attribute(tag, "data-lang") or attribute(tag, "language")
        if re.fullmatch(r"[\w+#]{1,20}", named):
            return named
        for name in classes(tag):
            found = _LANGUAGE.match(name)
            if found and found.group(1) not in _NO_LANGUAGE.split():
                return found.group(1)
    return ""


def _target(href: str, base: str) -> str | None:
    """The address of a link that is worth keeping: not one inside the page, not a script."""
    href = href.strip()
    if not href or href.startswith("#"):
        return None
    try:
        parts = urlsplit(urljoin(base, href))
        if (
            parts.netloc == "www.google.com" and parts.path == "/url"
        ):  # what Google Docs makes of a link
            parts = urlsplit((parse_qs(parts.query).get("q") or [""])[0])
    except ValueError:
        return None
    if parts.scheme not in ("http", "https"):
        return None
    own = base.partition("#")[0]
    if own and parts.fragment and parts.geturl().partition("#")[0] == own:
        return None
    return re.sub(r"[\s()<>]", lambda found: f"%{ord(found.group()):02X}", parts.geturl())


def _script(text: str) -> bool:
    """Whether raised or lowered text is part of a formula, not a mark or an ordinal (1st)."""
    return bool(re.fullmatch(r"[-+−]?[\w.*∗]{1,12}", text)) and text not in _ORDINALS.split()


def is_layout(table: Tag) -> bool:
    """A table that only arranges a page: nested ones, one cell wide, or with whole passages in its cells."""
    if attribute(table, "role") == "presentation" or first(table, "table") is not None:
        return True
    rows = [_cells_of(row) for row in _rows(table)]
    if max(map(len, rows), default=0) < 2:
        return True
    if first(table, "th") is not None:
        return False
    cells = [cell for row in rows for cell in row]
    heavy = sum(len(pick(cell, _IN_CELLS)) > 1 for cell in cells)
    return heavy * 2 > len(cells)


def table_of(table: Tag, text_of: Callable[[Tag], str]) -> str:
    """The table; its caption stands above it."""
    grid = _grid(table, text_of)
    width = max((len(row) for row in grid), default=0)
    lines = ["| " + " | ".join(row + [""] * (width - len(row))) + " |" for row in grid]
    if lines:
        lines.insert(1, "|" + " --- |" * width)
    caption = table.find("caption")
    above = f"{text_of(caption)}\n\n" if isinstance(caption, Tag) else ""
    return above + "\n".join(lines)


def _grid(table: Tag, text_of: Callable[[Tag], str]) -> list[list[str]]:
    grid: list[list[str]] = []
    below: dict[int, tuple[int, str]] = {}  # column → rows still to fill, and with what
    for row in _rows(table):
        cells = iter(_cells_of(row))
        line: list[str] = []
        while len(line) < _WIDEST:
            held = below.get(len(line))
            if held is not None:
                below[len(line)] = (held[0] - 1, held[1])
                if held[0] <= 1:
                    del below[len(line)]
                line.append(held[1])
                continue
            cell = next(cells, None)
            if cell is None:
                if not any(column > len(line) for column in below):
                    break
                line.append("")
                continue
            text = text_of(cell).replace("|", "\\|")
            down = _span(cell, "rowspan")
            for step in range(_span(cell, "colspan")):
                if down > 1:
                    below[len(line)] = (down - 1, text if step == 0 else "")
                line.append(text if step == 0 else "")
        if any(line):
            grid.append(line)
    return grid


def _rows(table: Tag) -> list[Tag]:
    return [row for row in pick(table, "tr") if row.find_parent("table") is table]


def _cells_of(row: Tag) -> list[Tag]:
    return [cell for cell in row.children if isinstance(cell, Tag) and cell.name in ("td", "th")]


def _span(cell: Tag, name: str) -> int:
    text = attribute(cell, name)
    return max(1, min(_SPAN, int(text))) if text.isdigit() and len(text) < 6 else 1
