"""One line for a page that others can write to and be called by: GitHub. Stricter than what stands in the user's files.

There a name is a mention, a number a reference, a hash a commit, an address a link: each is broken by a sign unseen.
"""

from __future__ import annotations

import re

from gadfly.agent.markup.words import BREAK, begun
from gadfly.visible import visible

_MARK = re.compile(
    r"(?P<comment><!-(?=-))"
    r"|(?P<escape>[`*\[\]<>|~{}]|(?<![^\W_])_|_(?![^\W_]))"
    r"|(?P<math>[\\$]+)"  # mathematics is found in the text that is rendered, so an escape is not enough
    r"|(?P<entity>&(?=[#\w]))"
    r"|(?P<number>\#)"
    r"|(?P<broken>@|GH-(?=\d)|www(?=\.)|:(?=//))"
    r"|(?P<commit>(?<![^\W_])(?!\d+(?![^\W_]))[0-9a-f]{7,40}(?![^\W_]))",  # never shorter than 7
    re.IGNORECASE,
)
_START = re.compile(r"^(?:[-+=:](?![^\W_])|(?P<digits>\d+)(?=[.)](?:\s|$)))")


def posted(text: str) -> str:
    """``text`` on one line in which nothing is markup, a mention, a reference, an address or mathematics."""
    return begun(_MARK.sub(_escaped, " ".join(visible(text).split())), _START)


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
