"""A text of a model or a document as Markdown that does nothing: no HTML, no image fetched when the file is opened."""

from __future__ import annotations

import re

_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})")
_CODE = re.compile(r"(`+)(?!`).*?(?<!`)\1(?!`)")
_TAG = re.compile(r"<(?=[A-Za-z/!?])")


def defuse(text: str) -> str:
    """``text`` with tags and images as words; code stays as it is."""
    out: list[str] = []
    fence = ""
    for line in text.split("\n"):
        found = _FENCE.match(line)
        if found and not fence:
            fence = found[1]
        elif found and found[1].startswith(fence) and not line.strip().strip(fence[0]):
            fence = ""
        elif not fence:
            line = _outside_code(line)
        out.append(line)
    if fence:
        out.append(fence)  # what follows in the file is not part of this text's code
    return "\n".join(out)


def plain(text: str) -> str:
    """``text`` on one line in which nothing is markup."""
    return re.sub(r"([\\`*_{}\[\]<>#|!~$])", r"\\\1", " ".join(text.split()))


def code(text: str, language: str = "") -> str:
    """A code block that its content cannot close."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text.rstrip()}\n{fence}"


def _outside_code(line: str) -> str:
    pieces, at = [], 0
    for span in _CODE.finditer(line):
        pieces += [_words(line[at : span.start()]), span[0]]
        at = span.end()
    return "".join([*pieces, _words(line[at:])])


def _words(text: str) -> str:
    return _TAG.sub("&lt;", text).replace("![", "!\\[")
