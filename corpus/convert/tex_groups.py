"""Braces and brackets in LaTeX: where a group ends, and what stands in it."""

from __future__ import annotations

import re

_LONGEST_OPTION = (
    1_000  # what opens a bracket and never closes it must not be searched to the end each time
)
_BRACE = re.compile(r"\\.|[{}]", re.DOTALL)
_PAIRS = {"{": "}", "[": "]"}


def group_end(text: str, at: int) -> int:
    """The index of the brace or bracket that closes the one at ``at``, or -1."""
    opening = text[at]
    closing = _PAIRS[opening]
    depth = braces = 0
    limit = len(text) if opening == "{" else min(len(text), at + _LONGEST_OPTION)
    while at < limit:
        character = text[at]
        if character == "\\":
            at += 2
            continue
        if character == opening:
            depth += 1
        elif character == closing and (opening == "{" or braces == 0):
            depth -= 1
            if depth == 0:
                return at
        elif opening == "[" and character in "{}":
            braces += 1 if character == "{" else -1
            if braces < 0:
                return -1  # a group that was opened before the bracket ends inside it
        at += 1
    return -1


def balanced(text: str) -> str:
    """The text without braces that have no partner: every group then ends, and soon."""
    waiting: list[int] = []
    lone: list[int] = []
    for found in _BRACE.finditer(text):
        if found.group() == "{":
            waiting.append(found.start())
        elif found.group() == "}":
            if waiting:
                waiting.pop()
            else:
                lone.append(found.start())
    out: list[str] = []
    last = 0
    for at in sorted([*waiting, *lone]):
        out.append(text[last:at])
        last = at + 1
    return "".join([*out, text[last:]])


def skip_blanks(text: str, at: int) -> int:
    """Past blanks and at most one line end: TeX looks for arguments there, not beyond a paragraph."""
    lines = 0
    while at < len(text) and text[at] in " \t\n":
        lines += text[at] == "\n"
        if lines > 1:
            break
        at += 1
    return at


def argument(text: str, at: int) -> tuple[str, int] | None:
    """The argument in braces that follows, or the one token that does without; and where it ends."""
    start = skip_blanks(text, at)
    if start >= len(text):
        return None
    if text[start] == "{":
        end = group_end(text, start)
        return (text[start + 1 : end], end + 1) if end >= 0 else None
    if text[start] in "}]&%\n":
        return None
    if text[start] == "\\":
        end = start + 1
        while end < len(text) and text[end].isalpha():
            end += 1
        end = max(end, start + 2)
        return text[start:end], end
    if text[start] == "\x01":
        end = text.find("\x02", start)
        return (text[start : end + 1], end + 1) if end >= 0 else None
    return text[start], start + 1


def option(text: str, at: int) -> tuple[str, int] | None:
    """The argument in brackets that follows."""
    start = skip_blanks(text, at)
    if start < len(text) and text[start] == "[":
        end = group_end(text, start)
        if end >= 0:
            return text[start + 1 : end], end + 1
    return None
