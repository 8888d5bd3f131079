"""The words of the demo language and the sentences that they stand in.

They are read from ``words.toml`` and ``sentences.toml``, which say what the order of words and the slots of sentences
mean. Which words may meet in training is in ``pairs``; what filler is mixed with, in ``language``.
"""

from __future__ import annotations

from pathlib import Path

from gadfly.tables import table

_READ = table(__file__)
_SENTENCES = table(str(Path(__file__).with_name("sentences")))


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

INDIRECT_OBJECT: tuple[str, ...] = tuple(_SENTENCES["indirect_object"])
CAPITAL_OF: tuple[str, ...] = tuple(_SENTENCES["capital_of"])
CAPITAL_REVERSED = 8  # from here on the country is asked for
SENTIMENT: tuple[str, ...] = tuple(_SENTENCES["sentiment"])
SENTIMENT_DENIED = 3  # from here on the adjectives are denied
SUCCESSION: tuple[tuple[str, int, str], ...] = tuple(map(tuple, _SENTENCES["succession"]))
AGREEMENT: tuple[tuple[str, str, str], ...] = tuple(map(tuple, _SENTENCES["agreement"]))
PRONOUN: tuple[str, ...] = tuple(_SENTENCES["pronoun"])
TRUTH: tuple[str, ...] = tuple(_SENTENCES["truth"])
INDUCTION_LENGTHS = (5, 10)
FILLER: tuple[str, ...] = tuple(_SENTENCES["filler"])
TAILS: dict[str, tuple[str, ...]] = {
    name: tuple(ends) for name, ends in _SENTENCES["tails"].items()
}
