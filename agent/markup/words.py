"""Short texts in Markdown: a line, a code span, a code block."""

from __future__ import annotations

import re

from gadfly.agent.visible import name, visible

BREAK = "&#8203;"  # unseen; ends what GitHub would turn into a mention, a link or a reference
_MARK = re.compile(
    r"(?P<comment><!-(?=-))"
    r"|(?P<escape>[`*\[\]<>|~{}]|(?<![^\W_])_|_(?![^\W_]))"
    r"|(?P<math>[\\$]+)"  # a notebook finds mathematics in the text that is rendered, so an escape is not enough
    r"|(?P<entity>&(?=[#\w]))"
    r"|(?P<number>\#)"
    r"|(?P<broken>@|GH-(?=\d)|www(?=\.)|:(?=//))"
    r"|(?P<commit>(?<![^\W_])(?!\d+(?![^\W_]))[0-9a-f]{7,40}(?![^\W_]))",  # never shorter than 7
    re.IGNORECASE,
)
_START = re.compile(r"^(?:[-+=:](?![^\W_])|(?P<digits>\d+)(?=[.)](?:\s|$)))")
_TICKS = re.compile(r"`+")
_MARKER = re.compile(r"<!-(?=-\s*gadfly:)", re.IGNORECASE)


def plain(text: str) -> str:
    """``text`` on one line in which nothing is markup."""
    return line(" ".join(visible(text).split()))


def line(text: str, *, starts: bool = True) -> str:
    """Visible text with nothing in it that is markup; ``starts``: as the start of a line, where more would be."""
    text = _MARK.sub(_escaped, text)
    return _begun(text) if starts else text


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


def _begun(text: str) -> str:
    """What would begin a list, a heading or a table at the start of a line."""
    found = _START.match(text)
    if not found:
        return text
    at = found.end() if found["digits"] else 0
    return f"{text[:at]}\\{text[at:]}"


def _escaped(found: re.Match[str]) -> str:
    match found.lastgroup:
        case "comment":
            return f"\\{found[0]}{BREAK}"
        case "escape":
            return f"\\{found[0]}"
        case "math":
            return "<span>" + "".join(f"&#{ord(each)};" for each in found[0]) + "</span>"
        case "entity":
            return "&amp;"
        case "number":
            return f"\\#{BREAK}"
        case "commit":
            return BREAK.join(found[0][at : at + 6] for at in range(0, len(found[0]), 6))
        case _:
            return found[0] + BREAK


def _longest(text: str) -> int:
    return max((len(run) for run in _TICKS.findall(text)), default=0)


def _unmarked(text: str) -> str:
    """Without our own hidden markers: code is the one place whose text stands in the file as it is."""
    return _MARKER.sub(r"<!-\\", text)
