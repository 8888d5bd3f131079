"""Word lists, patterns and tables that lie beside a module as data, under the module's name; it gives its ``__file__``.

In TOML, where case does not count unless the module says so:

    [words]      one or more alternatives a line, parted by |; they match whole words
    [patterns]   a regular expression, broken into lines as it reads best
    [lists]      parts that either may name as <name>

Every other table of the file is the module's own (:func:`table`). In CSV: records with a head (:func:`rows`).
"""

from __future__ import annotations

import csv
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")
_NAMED = re.compile(r"<(\w+)>")


def patterns(module: str, flags: int = re.IGNORECASE) -> dict[str, re.Pattern[str]]:
    """The patterns of a module's TOML, by name; ``flags`` 0 where case counts."""
    data = table(module)
    told = {name: whole_words(text) for name, text in data.get("words", {}).items()}
    told |= {name: joined(text) for name, text in data.get("patterns", {}).items()}
    lists = {name: joined(text) for name, text in data.get("lists", {}).items()}
    return {name: re.compile(filled(text, lists), flags) for name, text in told.items()}


def table(module: str) -> dict[str, Any]:
    """The whole of a module's TOML."""
    return tomllib.loads(Path(module).with_suffix(".toml").read_text(encoding="utf-8"))


def rows(module: str, kind: type[T]) -> tuple[T, ...]:
    """The records of a module's CSV as a dataclass or a model with the same fields."""
    from pydantic import TypeAdapter

    with Path(module).with_suffix(".csv").open(encoding="utf-8", newline="") as file:
        return tuple(TypeAdapter(kind).validate_python(row) for row in csv.DictReader(file))


def filled(text: str, lists: Mapping[str, str]) -> str:
    """A pattern with its lists in place of their names."""
    return _NAMED.sub(lambda name: lists.get(name[1], name[0]), text)


def whole_words(text: str) -> str:
    """The source of a pattern for whole words."""
    return rf"\b(?:{'|'.join(_lines(text))})\b"


def joined(text: str) -> str:
    """A pattern that was broken into lines."""
    return "".join(_lines(text))


def _lines(text: str) -> list[str]:
    return [line.lstrip() for line in text.splitlines() if line.strip()]
