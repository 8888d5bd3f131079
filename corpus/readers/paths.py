"""What a line must look like to name a file. Used to tell the separators of a dump from prose."""

from __future__ import annotations

import re

_EXTENSION = re.compile(r"[^/\\]*\.([A-Za-z][A-Za-z0-9+]{0,9})")
_BARE = """makefile dockerfile license licence readme changelog authors notice codeowners"""
_ENDINGS = """
bib c cc cfg cpp css csv go h hpp htm html ini ipynb java jl js json jsonl jsx lock markdown md mdx pdf py qmd r rb rs
rst sh tex text toml ts tsv tsx txt xml yaml yml
"""
_COMMON = frozenset(_ENDINGS.split())
_NAMED = """
js:javascript jsx:javascript ts:typescript tsx:typescript sh:bash bash:bash json:json jsonl:json yaml:yaml yml:yaml
toml:toml cfg:ini ini:ini c:c h:c cpp:cpp cc:cpp hpp:cpp rs:rust go:go java:java rb:ruby jl:julia r:r css:css
html:html htm:html xml:xml csv:csv tsv:csv lock: makefile:makefile dockerfile:dockerfile gitignore:
"""
LANGUAGES = {
    name: language for name, _, language in (each.partition(":") for each in _NAMED.split())
}


def is_path(name: str) -> bool:
    """``docs/a b.md``, ``/x/y.py`` and ``LICENSE`` are paths; ``Results 2.0``, ``e.g.`` and addresses are not."""
    name = name.strip()
    if not name or len(name) > 260 or "://" in name or name[-1] in ".:;,?!":
        return False
    if re.search(r"[<>|*\"\t]", name):
        return False
    last = re.split(r"[/\\]", name)[-1]
    known = suffix(name) in _COMMON or last.lower() in _BARE.split()
    if " " in name:  # a sentence may end in a file's name, and then it is still a sentence
        return known and (name.startswith("/") or name.count(" ") <= 8) and ", " not in name
    return (
        known or last.startswith(".") or "/" in name.strip("/") or bool(_EXTENSION.fullmatch(last))
    )


def is_file(name: str) -> bool:
    """Stricter: a path whose extension is a common one, for separators that prose could hold by chance."""
    return is_path(name) and (
        suffix(name) in _COMMON or suffix(name) in _BARE.split() or name.startswith("/")
    )


def suffix(name: str) -> str:
    """The extension without its dot, lower-case; the whole name for ``Makefile``."""
    last = re.split(r"[/\\]", name.strip())[-1].lower()
    return last.rsplit(".", 1)[-1] if "." in last else last


def stem(name: str) -> str:
    last = re.split(r"[/\\]", name.strip())[-1]
    return last.rsplit(".", 1)[0] or last
