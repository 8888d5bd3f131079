"""What the judge does not see: who wrote the code, and what they say of its quality. No line moves.

Titles, descriptions and commit messages never get this far. Leaves instructions in comments where they are:
they are fenced as data, and a judge may find them telling.
"""

from __future__ import annotations

import io
import re
import tokenize

from gadfly.tables import patterns

_TELLS = patterns(__file__).values()
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
            if not _tells(text):
                continue
            if is_comment:
                seen[number - 1] = line[:first].rstrip()
            else:
                seen[number - 1] = line[:first] + _without(text) + line[last:]
    return seen


def _tells(text: str) -> bool:
    """Whether an author or praise stands in it."""
    return any(pattern.search(text) for pattern in _TELLS)


def _without(text: str) -> str:
    """A line of a docstring up to the first sentence that tells; its quotes stay."""
    found = _QUOTED.match(text)
    assert found is not None  # every part of it may be empty
    kept: list[str] = []
    for sentence in re.split(r"(?<=[.!?])\s+", found[2]):
        if _tells(sentence):
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
