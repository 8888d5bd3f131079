"""Which licence a text is, by the words that only it has. Leaves out everything but the common ones."""

from __future__ import annotations

import re

from gadfly import tables
from gadfly.corpus.convert.facts import cc_name

_MARKS: dict[str, str] = tables.table(__file__)["marks"]
FILES = re.compile(r"(?i)^(licen[cs]e|copying|unlicense)([.-](md|txt|rst|mit|apache|bsd))?$")


def name_of(text: str) -> str | None:
    """The SPDX name of a licence's text, or None."""
    start = " ".join(re.sub(r"[^\w.,/()-]+", " ", text[:8_000]).lower().split())
    start = start.replace("version 2, ", "version 2 ").replace(
        "license, version", "license version"
    )
    return next((name for name, mark in _MARKS.items() if mark in start), None) or cc_name(
        text[:8_000]
    )
