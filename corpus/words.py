"""Words of a query and of a text: content words, and the parts of identifiers.

Leaves out stemming, which FTS5's porter tokenizer does for both sides.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from gadfly import tables

_WORD = re.compile(r"\w+")
_IDENTIFIER = re.compile(
    r"[A-Za-z]+[A-Za-z0-9]*(?:_[A-Za-z0-9]+)+|[a-z]+[A-Z]\w*|[A-Z][a-z0-9]+[A-Z]\w*|[A-Z]{2,}[a-z]\w*"
)
_CAMEL = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|[0-9]+")
_NAME = re.compile(r"[A-Za-z0-9][\w.\-]*")
_NUMBERED = re.compile(r"\b([A-Za-z]*[A-Z][A-Za-z]*)[ -]?(\d[\d.]*[A-Za-z]?)\b")
_TABLE = tables.table(__file__)
STOPWORDS = frozenset(_TABLE["stop"].split())


def words(text: str) -> list[str]:
    """Lower-cased words (letters, digits, underscores)."""
    return _WORD.findall(text.lower())


RUN = 5
"""Words in a row: two texts that share them are not just on the same matter."""


def runs(text: str) -> set[int]:
    """Every run of ``RUN`` words of a text, as hashes; a shorter text is one run."""
    every = words(text)
    if len(every) < RUN:
        return {hash(tuple(every))}
    return set(map(hash, zip(*(every[at:] for at in range(RUN)), strict=False)))


def content_words(query: str) -> list[str]:
    """The distinct words of a query that carry meaning, in order. All of them if none does."""
    every = list(dict.fromkeys(words(query)))
    return [word for word in every if word not in STOPWORDS] or every


def spellings(word: str) -> tuple[str, ...]:
    """A word in British and American spelling: the stemmer knows neither as the other."""
    for british, american in _TABLE["spellings"].items():
        for one, other in ((british, american), (american, british)):
            if one in word[2:]:
                return word, word[:2] + word[2:].replace(one, other)
    return (word,)


def names(query: str) -> list[str]:
    """The words of a query that name something: a capital letter or a digit, not just a first word.

    ``Which layer of Mistral-7B …`` → ``mistral``, ``7b``.
    """
    found = []
    for index, match in enumerate(_NAME.finditer(query)):
        name = match.group()
        shape = name[1:] if index == 0 else name  # every sentence begins with a capital letter
        if any(each.isupper() for each in shape) or any(each.isdigit() for each in name):
            found += [word for word in words(name) if word not in STOPWORDS]
    return list(dict.fromkeys(found))


def numbered(query: str) -> list[tuple[str, str]]:
    """Names with their number, as in ``GPT-2``, ``Llama 4`` and ``Qwen2.5``: ``(GPT, 2)`` and so on."""
    return [(name, number.rstrip(".")) for name, number in _NUMBERED.findall(query)]


def identifier_parts(text: str) -> str:
    """The parts of compound identifiers: ``GPTNeoX.run_with_cache`` → ``GPT Neo X run with cache``.

    FTS5's tokenizer keeps ``HookedTransformer`` as one word (and cuts at underscores), so a question about a "hooked
    transformer" would miss it.
    """
    return " ".join(part for name in _identifiers(text) for part in _CAMEL.findall(name))


def _identifiers(text: str) -> Iterator[str]:
    seen = set()
    for match in _IDENTIFIER.finditer(text):
        if match.group() not in seen:
            seen.add(match.group())
            yield match.group()
