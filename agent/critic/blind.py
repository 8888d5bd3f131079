"""What the judge does not see: who wrote the code, and what they say of its quality. No line moves.

Titles, descriptions and commit messages never get this far. Leaves instructions in comments where they are:
they are fenced as data, and a judge may find them telling.
"""

from __future__ import annotations

import io
import re
import tokenize

_AUTHOR = re.compile(
    r"\b(?:authors?|maintainers?|credits?|contributors?)\s*[:=]|\bcopyright\b|\(c\)\s*\d{4}|@[A-Za-z][\w-]{2,}"
    r"|\b(?:written|created|implemented|coded|contributed)\s+by\b|[\w.+-]+@[\w-]+\.\w+",
    re.IGNORECASE,
)
_PRAISE = re.compile(
    r"\b(?:lgtm|bug[- ]?free|battle[- ]tested|peer[- ]reviewed|well[- ]tested|known[- ]good)\b"
    r"|\bstate[- ]of[- ]the[- ]art\b"
    r"|\b(?:verified|validated|double[- ]?checked|reviewed|approved|audited|vetted|signed off)\b"
    r"|\bno (?:known )?(?:bugs?|errors?|issues?|mistakes?)\b"
    r"|\b(?:works?|working) (?:fine|well|perfectly|correctly|as (?:expected|intended))\b"
    r"|\b(?:this|it|that|all|everything|which) (?:is|are) (?:correct|right|safe|fine|intended|intentional)\b"
    r"|\b(?:tests? pass|passes (?:all )?(?:the )?tests?|trust me|expert)\b",
    re.IGNORECASE,
)
_QUOTES = r"(?:\"{3}|'{3}|[\"'])"
_QUOTED = re.compile(rf"^(\s*(?:[A-Za-z]{{0,2}}{_QUOTES})?)(.*?)({_QUOTES}?\s*)$", re.DOTALL)
_DUNDER = re.compile(r"^\s*__(?:author|authors|credits|maintainer|email|copyright|version)__\s*=")


def blinded(lines: list[str]) -> list[str]:
    """The lines without authors and praise in comments and docstrings; as many lines as before."""
    seen = ["" if _DUNDER.match(line) else line for line in lines]
    for start, end, is_comment in _texts(lines):
        for number in range(start[0], end[0] + 1):
            line = lines[number - 1]
            first = start[1] if number == start[0] else 0
            last = end[1] if number == end[0] else len(line)
            text = line[first:last]
            if not (_AUTHOR.search(text) or _PRAISE.search(text)):
                continue
            if is_comment:
                seen[number - 1] = line[:first].rstrip()
            else:
                seen[number - 1] = line[:first] + _without(text) + line[last:]
    return seen


def _without(text: str) -> str:
    """A line of a docstring up to the first sentence that tells; its quotes stay."""
    found = _QUOTED.match(text)
    assert found is not None  # every part of it may be empty
    kept: list[str] = []
    for sentence in re.split(r"(?<=[.!?])\s+", found[2]):
        if _AUTHOR.search(sentence) or _PRAISE.search(sentence):
            break  # what follows may be the rest of a name: "by A. B. See."
        kept.append(sentence)
    return found[1] + " ".join(kept) + found[3]


def _texts(lines: list[str]) -> list[tuple[tuple[int, int], tuple[int, int], bool]]:
    """Where comments and docstrings stand. Code that cannot be cut into tokens is taken as far as it can."""
    found = []
    fresh = True  # a string here is a docstring: nothing else stands in its statement
    try:
        for token in tokenize.generate_tokens(io.StringIO("\n".join(lines) + "\n").readline):
            if token.type == tokenize.COMMENT:
                found.append((token.start, token.end, True))
            elif token.type == tokenize.STRING and fresh:
                found.append((token.start, token.end, False))
            if token.type in (tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT):
                fresh = True
            elif token.type not in (tokenize.NL, tokenize.COMMENT):
                fresh = False
    except (tokenize.TokenError, SyntaxError, ValueError):
        pass
    return found
