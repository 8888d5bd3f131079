"""Who wrote a text, when and where it stands, from the lines at its head that say so outright."""

from __future__ import annotations

import re
from typing import Any

from gadfly.corpus.documents import year_of

_FIELD = re.compile(
    r"^[>\s*_]*(authors?|written by|by|url|source|link|published|posted|date|year)\b"
    r"[*_]*+(:?)[*_]*+[ \t]++(\S.{0,300})$",
    re.IGNORECASE,
)
_URL = re.compile(r"https?://[^\s)>\]\"'`]+")
_LINK = re.compile(r"\[([^\]\n]{1,200})\]\([^)\n]{0,300}\)")
_NAME = re.compile(r"[A-ZÀ-Þ][\w.'’-]*(?: (?:[a-z]{2,3} )?[A-ZÀ-Þ][\w.'’-]*){0,4}")


def read(text: str) -> dict[str, Any]:
    """``authors``, ``year`` and ``url``, as far as the first lines name them under those words."""
    fields: dict[str, Any] = {}
    for line in [each for each in text[:4_000].split("\n") if each.strip()][:12]:
        found = _FIELD.match(line)
        if not found:
            continue
        word, colon, value = found.group(1).lower(), found.group(2), found.group(3).strip(" *_")
        if word in ("url", "source", "link") and colon and (address := _URL.search(value)):
            fields.setdefault("url", address.group())
        elif word in ("published", "posted", "date", "year") and year_of(value):
            fields.setdefault("year", year_of(value))
        elif word in ("author", "authors", "written by", "by") and (
            colon or word in ("by", "written by")
        ):
            names = _names(value)
            if names:
                fields.setdefault("authors", names)
    return fields


def _names(value: str) -> list[str]:
    """The names in a byline, or none if any of it is no name: a sentence may begin with "By"."""
    value = _LINK.sub(r"\1", value)
    parts = [each.strip(" .*_") for each in re.split(r",| and | & |;", value) if each.strip(" .*_")]
    return (
        parts if parts and all(_NAME.fullmatch(each) for each in parts) and len(parts) <= 30 else []
    )
