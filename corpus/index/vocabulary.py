"""The field's own terms for what a query says in everyday words: "push the model" → steering vector.

The phrases stand in ``vocabulary.toml``: one entry for each term, with what people who are new to the field say for it.
A phrase is found where the query holds all of its words in any order and ending; one whose words say nothing but for
one ("what is moved", "knock out") where they follow each other. Leaves out what a search does with the terms
(``search``).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from functools import cache
from typing import NamedTuple

from gadfly import tables
from gadfly.corpus.words import STOPWORDS, spellings, words

_BETWEEN = 2  # words at most


class _Phrase(NamedTuple):
    """How a term is said in everyday words, as stems."""

    term: str
    stems: tuple[str, ...]
    loose: bool  # its words may stand anywhere in the query

    def within(self, query: Sequence[str]) -> bool:
        if self.loose:
            return set(self.stems) <= set(query)
        return any(self._from(query, at) for at in range(len(query)))

    def _from(self, query: Sequence[str], at: int) -> bool:
        """Whether its words follow each other from there on, with few others in between: "knock a head out"."""
        if query[at] != self.stems[0]:
            return False
        for stem in self.stems[1:]:
            ahead = query[at + 1 : at + 2 + _BETWEEN]
            if stem not in ahead:
                return False
            at += 1 + ahead.index(stem)
        return True


def terms(query: str) -> list[str]:
    """The terms that a query speaks of without their names, in the order of the vocabulary."""
    asked = next(_stemmed([words(query)]))
    return list(dict.fromkeys(each.term for each in _phrases() if each.within(asked)))


@cache
def _phrases() -> tuple[_Phrase, ...]:
    said = [
        (term, words(phrase))
        for term, text in tables.table(__file__).items()
        for phrase in text.split(";")
    ]
    found = []
    for (term, every), stems in zip(said, _stemmed([each for _, each in said]), strict=True):
        meant = [stem for word, stem in zip(every, stems, strict=True) if word not in STOPWORDS]
        loose = len(meant) > 1 or len(every) == 1
        found.append(_Phrase(term, tuple(meant if loose else stems), loose))
    return tuple(found)


def _stemmed(texts: Sequence[Sequence[str]]) -> Iterator[list[str]]:
    """The stem of every word, as the index's own stemmer has it: SQLite hands it to nobody but FTS5."""
    with closing(sqlite3.connect(":memory:")) as database:
        database.execute("CREATE VIRTUAL TABLE said USING fts5(word, tokenize = 'porter')")
        database.execute("CREATE VIRTUAL TABLE stems USING fts5vocab(said, instance)")
        distinct = list(dict.fromkeys(min(spellings(word)) for text in texts for word in text))
        database.executemany("INSERT INTO said VALUES (?)", [(word,) for word in distinct])
        found = dict(database.execute("SELECT doc, term FROM stems").fetchall())
    stem = {word: found.get(row, word) for row, word in enumerate(distinct, 1)}
    for text in texts:
        yield [stem[min(spellings(word))] for word in text]
