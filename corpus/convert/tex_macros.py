"""An author's own commands, replaced by what they stand for: ``\\R`` becomes ``\\mathbb{R}``.

Covers ``\\newcommand`` and its kin, ``\\def`` with plain parameters, ``\\DeclareMathOperator``, ``\\newtheorem``.
Leaves out everything that computes (conditionals, counters, ``\\expandafter``).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from gadfly.corpus.convert.tex_groups import argument, group_end, option, skip_blanks

_DEFINES = re.compile(
    r"\\(?P<new>(?:re)?newcommand|providecommand|DeclareRobustCommand|NewDocumentCommand)\*?"
    r"\s*(?:\{\s*\\(?P<n1>[A-Za-z]+|.)\s*\}|\\(?P<n2>[A-Za-z]+|.))"
    r"|\\(?:long\s*\\)?(?:def|gdef|edef|xdef)\s*\\(?P<def>[A-Za-z]+)(?P<params>(?:#\d)*)\s*(?=\{)"
    r"|\\DeclareMathOperator(?P<star>\*?)\s*(?:\{\s*\\(?P<o1>[A-Za-z]+)\s*\}|\\(?P<o2>[A-Za-z]+))"
    r"|\\newtheorem\*?\s*\{(?P<thm>[^{}]+)\}"
)
# Redefined for layout by templates; what they mean to the reader stays the same.
_KEPT = {
    "section",
    "subsection",
    "subsubsection",
    "paragraph",
    "caption",
    "footnote",
    "item",
    "abstract",
}
_KEPT |= {
    "title",
    "author",
    "maketitle",
    "label",
    "ref",
    "url",
    "href",
    "begin",
    "end",
    "textbf",
    "emph",
}
_KEPT |= {"cite", "citep", "citet"}
_LONGEST_BODY = 3_000
_COMMAND = re.compile(r"\\([A-Za-z]+)")
_PASSES = 6


@dataclass(frozen=True)
class _Macro:
    arity: int
    default: str | None
    body: str


@dataclass
class Macros:
    """What the author defined. ``theorems``: environment → the word it prints."""

    commands: dict[str, _Macro] = field(default_factory=dict)
    theorems: dict[str, str] = field(default_factory=dict)


def collect(text: str) -> tuple[Macros, str]:
    """The definitions of a text, and the text without them."""
    macros = Macros()
    out: list[str] = []
    at = 0
    while found := _DEFINES.search(text, at):
        out.append(text[at : found.start()])
        end = _define(text, found, macros)
        at = max(end, found.end())
    out.append(text[at:])
    return macros, "".join(out)


def expand(text: str, macros: Macros) -> str:
    """Every use of a command replaced, as deep as they go and within five times the text's size."""
    most = 5 * len(text) + 100_000
    for _ in range(_PASSES):
        text, changed = _pass(text, macros, most)
        if not changed:
            break
    return text


def _define(text: str, found: re.Match[str], macros: Macros) -> int:
    """Take down one definition; returns where it ends."""
    if found.group("thm"):
        at = found.end()
        skipped = option(text, at)
        held = argument(text, skipped[1] if skipped else at)
        if held is None:
            return at
        macros.theorems[found.group("thm").strip()] = held[0]
        skipped = option(text, held[1])
        return skipped[1] if skipped else held[1]
    operator = found.group("o1") or found.group("o2")
    if operator:
        held = argument(text, found.end())
        if held is None:
            return found.end()
        star = "*" if found.group("star") else ""
        macros.commands[operator] = _Macro(0, None, f"\\operatorname{star}{{{held[0]}}}")
        return held[1]
    name = found.group("n1") or found.group("n2") or found.group("def") or ""
    at = found.end()
    arity, default = len(found.group("params") or "") // 2, None
    if found.group("new") == "NewDocumentCommand":
        spec = argument(text, at)
        if spec is None:
            return at
        arity, at = spec[0].count("m"), spec[1]
        usable = not re.sub(r"[m\s+]", "", spec[0])
    else:
        usable = True
        count = option(text, at) if found.group("new") else None
        if count is not None:
            arity = int(count[0]) if count[0].strip().isdigit() else 0
            at = count[1]
            first = option(text, at)
            if first is not None:
                default, at = first
    start = skip_blanks(text, at)
    if start >= len(text) or text[start] != "{":
        return at
    end = group_end(text, start)
    if end < 0:
        return at
    body = text[start + 1 : end]
    itself = re.search(rf"\\{re.escape(name)}(?![A-Za-z])", body)
    small = len(body) <= _LONGEST_BODY and arity <= 9
    if usable and small and name.isalpha() and name not in _KEPT and not itself:
        macros.commands[name] = _Macro(arity, default, body)
    return end + 1


def _pass(text: str, macros: Macros, most: int) -> tuple[str, bool]:
    out: list[str] = []
    at = size = 0
    changed = False
    for found in _COMMAND.finditer(text):
        if found.start() < at:
            continue
        # \\name after a line break command is text, not a command
        macro = macros.commands.get(found.group(1))
        if macro is None or text[found.start() - 1 : found.start()] == "\\":
            continue
        filled = _filled(text, found.end(), macro)
        if filled is None or size > most:
            continue
        body, end = filled
        out.append(text[at : found.start()])
        out.append(body)
        size += found.start() - at + len(body)
        at = end
        changed = True
    out.append(text[at:])
    return "".join(out), changed


def _filled(text: str, at: int, macro: _Macro) -> tuple[str, int] | None:
    if macro.arity == 0:
        # The letter that follows must not grow onto a command at the body's end.
        gap = " " if re.search(r"\\[A-Za-z]+$", macro.body) and text[at : at + 1].isalpha() else ""
        return macro.body + gap, at
    values: list[str] = []
    if macro.default is not None:
        said = option(text, at)
        values.append(said[0] if said else macro.default)
        at = said[1] if said else at
    while len(values) < macro.arity:
        held = argument(text, at)
        if held is None:
            return None
        values.append(held[0])
        at = held[1]
    body = re.sub(
        r"#(\d)",
        lambda found: (
            values[int(found.group(1)) - 1] if 0 < int(found.group(1)) <= len(values) else ""
        ),
        macro.body,
    )
    return body, at
