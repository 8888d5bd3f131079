"""Short texts in Markdown: a line, a cell of a table, a code span, a code block; and a document of such parts.

The parser judges each part before it is written: what slipped through becomes code.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from typing import Literal

from gadfly.agent.markup.reader import ACTS, harmless, words
from gadfly.visible import name, visible

BREAK = "&#8203;"  # unseen; ends what a page would make more of than words
_PUNCTUATION = r"!-/:-@\[-`{-~"
_MARK = re.compile(
    rf"(?P<command>\\{{1,2}}(?={ACTS}))"
    r"|(?P<comment>\\?<!-(?=-))"
    rf"|(?P<kept>\\[{_PUNCTUATION}])"
    # A less-than sign stays before a blank, a number or a name in mathematics: no tag begins so.
    r"|(?P<escape>`|<(?![\s=\\]|[\d.]+(?:[\s,;)$%]|$)|[A-Za-z\d\\]+\$)|\[(?=[\^!])|\](?=[(\[:]))"
    r"|(?P<entity>&(?=\#?\w+;))"
    r"|(?P<mark>(?<!\s)\*|\*(?!\s)|~(?=~)|(?<=~)~|(?<![^\W_])_|_(?![^\W_]))"
)
# Where marks of emphasis mean something else.
_MEANT = re.compile(r"\$\$?(?=[^\s$])[^$\n]+?(?<!\s)\$\$?|https?://[^\s<>`\"]+")
_START = re.compile(
    r"^(?:\#{1,6}(?=\s|$)|>|=(?=[=\s]*$)|[-+](?=[\s|:+-]|$)|\*(?=\s|$)|:(?=[\s:-]|$)|\|(?=[\s|:-]|$)"
    r"|\[(?=[ xX]\])|(?P<digits>\d+)(?=[.)](?:\s|$)))"
)
# An entity would be another address than the one shown.
_ADDRESS = re.compile(r"https?://[^\s<>&\\]+", re.ASCII)
_LONE = re.compile(rf"\\(?=[{_PUNCTUATION}]|$)")
_TICKS = re.compile(r"`+")
_MARKER = re.compile(r"<!-(?=-\s*gadfly:)", re.IGNORECASE)
Marks = Literal["none", "meant", "all"]
_MOST = 50_000  # characters that are looked at twice


def plain(text: str) -> str:
    """``text`` on one line in which nothing is markup; addresses and mathematics stay as they were."""
    shown = " ".join(visible(text).split())
    whole = source(shown)
    light = line(whole)
    full = line(whole, marks="none")
    if light == full or (len(shown) <= _MOST and words(light) == words(full)):
        return light
    return full


def cell(text: str) -> str:
    """``text`` as a cell of a table."""
    return plain(text).replace("|", "\\|")


def source(text: str) -> str:
    """Words as Markdown has them: a backslash that a parser would take is two."""
    return _LONE.sub(r"\\\\", text)


def line(text: str, *, starts: bool = True, marks: Marks = "meant") -> str:
    """``source`` of visible text with nothing in it that is markup.

    Args:
        starts: as the start of a line, where more would be.
        marks: which marks of emphasis stay: none, those in addresses and mathematics, all. Whoever lets them stay
            looks at what a parser sees.
    """
    meant = [found.span() for found in _MEANT.finditer(text)] if marks == "meant" else []
    if marks == "all":
        meant = [(0, len(text))]
    at = 0

    def kept(found: re.Match[str]) -> str:
        nonlocal at
        while at < len(meant) and meant[at][1] <= found.start():
            at += 1
        inside = at < len(meant) and meant[at][0] <= found.start()
        return found[0] if inside and found.lastgroup == "mark" else _escaped(found)

    written = _MARK.sub(kept, text)
    return begun(written, _START) if starts else written


def address(text: str) -> str:
    """An address that can be followed and copied; what is none is a line of words."""
    return f"<{text}>" if _ADDRESS.fullmatch(text) and visible(text) == text else plain(text)


def span(text: str) -> str:
    """A short text as code, on one line."""
    shown = _unmarked(name(text))
    if not shown.strip():
        return shown and "` `"
    ticks = "`" * (_longest(shown) + 1)
    room = " " if shown[0] in "` " or shown[-1] in "` " else ""
    return f"{ticks}{room}{shown}{room}{ticks}"


def code(text: str, language: str = "") -> str:
    """A code block that its content cannot close."""
    shown = _unmarked(visible(text))
    fence = "`" * max(3, _longest(shown) + 1)
    return f"{fence}{language}\n{shown.rstrip()}\n{fence}"


def begun(text: str, start: re.Pattern[str]) -> str:
    """What would begin a list, a heading or a table at the start of a line."""
    found = start.match(text)
    if not found:
        return text
    at = found.end() if found["digits"] else 0
    return f"{text[:at]}\\{text[at:]}"


def _escaped(found: re.Match[str]) -> str:
    match found.lastgroup:
        case "command":
            return f"\\\\{BREAK}"  # a notebook finds mathematics in what is rendered too
        case "comment":
            return f"\\<!-{BREAK}"
        case "escape" | "mark":
            return f"\\{found[0]}"
        case "entity":
            return "&amp;"
        case _:
            return found[0]


def _longest(text: str) -> int:
    return max((len(run) for run in _TICKS.findall(text)), default=0)


def _unmarked(text: str) -> str:
    """Without our own hidden markers: code is the one place whose text stands in the file as it is."""
    return _MARKER.sub(r"<!-\\", text)


def document(
    parts: Iterable[str],
    *,
    images: Collection[str] = (),
    fences: Collection[str] = (),
    public: bool = False,
) -> str:
    """Blocks of Markdown, each whole in itself, with blank lines between them.

    Args:
        images: addresses of images that are ours.
        fences: info strings that are ours.
        public: for GitHub, see ``reader.harmless``.
    """
    return "\n\n".join(
        each if harmless(each, images, fences, public=public) else code(each)
        for each in parts
        if each
    )
