"""The sentences in which each behaviour appears, read from ``sentences.toml``, which says what their slots mean.

Filler text is there too; what it is mixed with is in ``language``.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

_READ: dict[str, Any] = tomllib.loads(
    Path(__file__).with_name("sentences.toml").read_text(encoding="utf-8")
)

INDIRECT_OBJECT: tuple[str, ...] = tuple(_READ["indirect_object"])
CAPITAL_OF: tuple[str, ...] = tuple(_READ["capital_of"])
CAPITAL_REVERSED = 8  # from here on the country is asked for
SENTIMENT: tuple[str, ...] = tuple(_READ["sentiment"])
SENTIMENT_DENIED = 3  # from here on the adjectives are denied
SUCCESSION: tuple[tuple[str, int, str], ...] = tuple(map(tuple, _READ["succession"]))
AGREEMENT: tuple[tuple[str, str, str], ...] = tuple(map(tuple, _READ["agreement"]))
PRONOUN: tuple[str, ...] = tuple(_READ["pronoun"])
TRUTH: tuple[str, ...] = tuple(_READ["truth"])
INDUCTION_LENGTHS = (5, 10)
FILLER: tuple[str, ...] = tuple(_READ["filler"])
TAILS: dict[str, tuple[str, ...]] = {name: tuple(ends) for name, ends in _READ["tails"].items()}
