"""What a line must look like to name a file. Used to tell the separators of a dump from prose."""

from __future__ import annotations

import re

from gadfly import tables

_EXTENSION = re.compile(r"[^/\\]*\.([A-Za-z][A-Za-z0-9+]{0,9})")
_TABLE = tables.table(__file__)
_BARE = frozenset(_TABLE["bare"].split())
_COMMON = frozenset(_TABLE["endings"].split())
LANGUAGES: dict[str, str] = _TABLE["languages"]


def is_path(name: str) -> bool:
    """``docs/a b.md``, ``/x/y.py`` and ``LICENSE`` are paths; ``Results 2.0``, ``e.g.`` and addresses are not."""
    name = name.strip()
    if not name or len(name) > 260 or "://" in name or name[-1] in ".:;,?!":
        return False
    if re.search(r"[<>|*\"\t]", name):
        return False
    last = re.split(r"[/\\]", name)[-1]
    known = suffix(name) in _COMMON or last.lower() in _BARE
    if " " in name:  # a sentence may end in a file's name, and then it is still a sentence
        return known and (name.startswith("/") or name.count(" ") <= 8) and ", " not in name
    return (
        known or last.startswith(".") or "/" in name.strip("/") or bool(_EXTENSION.fullmatch(last))
    )


def is_file(name: str) -> bool:
    """Stricter: a path whose extension is a common one, for separators that prose could hold by chance."""
    return is_path(name) and (suffix(name) in _COMMON | _BARE or name.startswith("/"))


def suffix(name: str) -> str:
    """The extension without its dot, lower-case; the whole name for ``Makefile``."""
    last = re.split(r"[/\\]", name.strip())[-1].lower()
    return last.rsplit(".", 1)[-1] if "." in last else last


def stem(name: str) -> str:
    last = re.split(r"[/\\]", name.strip())[-1]
    return last.rsplit(".", 1)[0] or last
