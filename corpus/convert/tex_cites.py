"""Citations in LaTeX: the entries of a bibliography, and what a ``\\cite`` prints in the text."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from gadfly.corpus.convert.tex_groups import group_end, option

_ITEM = re.compile(r"\\bibitem(?![A-Za-z])")
_NATBIB = re.compile(r"^\{?(.*?)\}?\(([^()]*)\)(.*)$", re.DOTALL)
CITES = {
    "cite",
    "citep",
    "citet",
    "citealp",
    "citealt",
    "citeauthor",
    "citeyear",
    "parencite",
    "textcite",
}
CITES |= {
    "autocite",
    "footcite",
    "Citet",
    "Citep",
    "citeyearpar",
    "citeA",
    "shortcite",
    "newcite",
    "citenum",
}
_IN_TEXT = ("citet", "Citet", "textcite", "citealt", "citealp", "newcite", "citeA")


@dataclass(frozen=True)
class Entry:
    """``name`` and ``year`` as the text prints them; empty where the bibliography has no such label."""

    name: str
    year: str
    text: str


def entries(bibliography: str) -> dict[str, str]:
    """``key → (label and text, still LaTeX)`` of each ``\\bibitem``, label and text parted by ``\\x00``."""
    found: dict[str, str] = {}
    starts = list(_ITEM.finditer(bibliography))
    for index, start in enumerate(starts):
        end = starts[index + 1].start() if index + 1 < len(starts) else len(bibliography)
        body = re.split(r"\\end\s*\{", bibliography[start.end() : end])[0]
        at, label = 0, ""
        said = option(body, 0)
        if said is not None:
            label, at = said
        brace = body.find("{", at)
        close = group_end(body, brace) if brace >= 0 else -1
        if close < 0:
            continue
        found[body[brace + 1 : close].strip()] = f"{label}\x00{body[close + 1 :]}"
    return found


def read(bibliography: str, plain: Callable[[str], str]) -> dict[str, Entry]:
    """The entries of a bibliography; ``plain`` turns a piece of LaTeX into text."""
    found = {}
    for key, held in entries(bibliography).items():
        label, _, text = held.partition("\x00")
        named = _NATBIB.match(label.strip())
        name, year = (plain(named.group(1)), plain(named.group(2))) if named else ("", "")
        found[key] = Entry(name.strip("{} "), year.strip("{} "), " ".join(plain(text).split()))
    return found


def shown(command: str, keys: str, notes: list[str], known: dict[str, Entry]) -> str:
    """What a citation prints: names and years where the bibliography has them, else its keys in brackets."""
    wanted = [key.strip() for key in keys.split(",") if key.strip()]
    held = [known.get(key) for key in wanted]
    before, after = (notes[0], notes[1]) if len(notes) > 1 else ("", notes[0] if notes else "")
    tail = f", {after}" if after.strip() else ""
    lead = f"{before.strip()} " if before.strip() else ""
    if not all(entry is not None and entry.name for entry in held):
        return f"[{lead}{', '.join(wanted)}{tail}]"
    named = [entry for entry in held if entry is not None]
    if command.startswith("citeauthor"):
        return ", ".join(entry.name for entry in named)
    if command.startswith("citeyear"):
        years = ", ".join(entry.year for entry in named)
        return f"({years})" if command == "citeyearpar" else years
    if command in _IN_TEXT:
        return "; ".join(f"{entry.name} ({entry.year}{tail})" for entry in named)
    return f"({lead}{'; '.join(f'{entry.name}, {entry.year}' for entry in named)}{tail})"
