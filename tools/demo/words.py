"""The word lists of the demo language, read from ``words.toml``, which says what their order means.

Sentences are in ``templates``; which words may meet in training is in ``pairs``.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

_READ: dict[str, Any] = tomllib.loads(
    Path(__file__).with_name("words.toml").read_text(encoding="utf-8")
)


def _words(name: str) -> tuple[str, ...]:
    return tuple(_READ[name].split())


def _pairs(name: str) -> tuple[tuple[str, str], ...]:
    pairs = (entry.partition(":") for entry in _words(name))
    return tuple((one, other) for one, _, other in pairs)


_GIRLS, _BOYS = _words("girls"), _words("boys")
NAMES = tuple(name for pair in zip(_GIRLS, _BOYS, strict=True) for name in pair)
FEMALE = frozenset(_GIRLS)
NAME_CLUSTER = 6
PLACES, OBJECTS = _words("places"), _words("objects")
CAPITALS = _pairs("capitals")  # (country, capital)
CAPITAL_CLUSTER = 5
POSITIVE, NEGATIVE = _words("positive"), _words("negative")
VALENCE_CLUSTER = 5
WORKS, ASPECTS = _words("works"), _words("aspects")
NOUNS = _pairs("nouns")  # (singular, plural)
NOUN_CLUSTER = 5
TRAITS, VERBS, ADVERBS = _words("traits"), _words("verbs"), _words("adverbs")

# Each series in order, and whether its last word is followed by its first.
SERIES = tuple(
    (tuple(str(each["words"]).split()), bool(each["cyclic"])) for each in _READ["series"]
)

# What random sequences are drawn from: content words of every kind, so that nothing but the
# sequence itself tells which word comes next.
_CONTENT = (NAMES, PLACES, OBJECTS, POSITIVE, NEGATIVE, TRAITS, *NOUNS)
POOL = tuple(word for words in _CONTENT for word in words)
