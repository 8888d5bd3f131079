"""Search by words: a safe FTS5 query from any text, BM25 ranking, exact and regular-expression search.

Leaves out vectors and how the two rankings are joined (``search``).
"""

from __future__ import annotations

import re
import time
from collections.abc import Sequence

from gadfly.corpus.index.store import Store
from gadfly.corpus.words import content_words, spellings
from gadfly.errors import CorpusError

WEIGHTS = (3.0, 2.0, 1.0, 0.5)  # of title, heading, body and identifier parts
REGEX_SECONDS = 2.0
_NESTED_REPEAT = re.compile(r"[+*}]\)?[+*{]|\([^)]*[+*}][^)]*\)[+*{]")


def any_word(query: str) -> str:
    """An FTS5 expression that matches any content word; no text is a syntax error, as all are quoted."""
    return " OR ".join(word_forms(word) for word in content_words(query))


def word_forms(word: str) -> str:
    """An FTS5 expression for one word in its spellings (the stemmer sees to its endings)."""
    return " OR ".join(f'"{each}"' for each in spellings(word))


def ranked(
    store: Store, query: str, n: int, documents: Sequence[str] | None = None
) -> list[tuple[str, float]]:
    """The best passages as ``(chunk id, BM25)``, best first; nothing for a query without any word."""
    expression = any_word(query)
    if not expression:
        return []
    among, values = _among(documents)
    rows = store.query(
        f"SELECT c.id, -bm25(fts, {', '.join(map(str, WEIGHTS))}) AS score FROM fts"
        f" JOIN chunks c ON c.number = fts.rowid WHERE fts MATCH ?{among} ORDER BY score DESC, c.number LIMIT ?",
        [expression, *values, n],
    )
    return [(row[0], float(row[1])) for row in rows]


def exact(
    store: Store, query: str, n: int, documents: Sequence[str] | None = None
) -> list[tuple[str, float]]:
    """Passages that hold these very characters, most occurrences first; ``/…/`` is a regular expression.

    Raises:
        CorpusError: for a regular expression that is malformed, or so shaped that it may never end.
    """
    among, values = _among(documents)
    regex = _regex(query)
    holds, sought = ("1", []) if regex else ("instr(c.text, ?) > 0", [query])
    sql = f"SELECT c.id, c.text FROM chunks c WHERE {holds}{among} ORDER BY c.number"
    found = []
    until = time.monotonic() + REGEX_SECONDS
    for row in store.query(sql, [*sought, *values]):
        hits = sum(1 for _ in regex.finditer(row[1])) if regex else row[1].count(query)
        if hits:
            found.append((row[0], float(hits)))
        if regex and time.monotonic() > until:
            raise CorpusError(
                f"the regular expression {query} took over {REGEX_SECONDS:g} s; make it simpler"
            )
    return sorted(found, key=lambda each: -each[1])[:n]


def frequency(store: Store, expression: str) -> int:
    """How many passages match an FTS5 expression."""
    return int(store.query("SELECT count(*) FROM fts WHERE fts MATCH ?", [expression])[0][0])


def holding(store: Store, expression: str, chunks: Sequence[str]) -> set[str]:
    """Which of these passages match an FTS5 expression."""
    marks = ",".join("?" * len(chunks))
    rows = store.query(
        "SELECT c.id FROM fts JOIN chunks c ON c.number = fts.rowid"
        f" WHERE fts MATCH ? AND fts.rowid IN (SELECT number FROM chunks WHERE id IN ({marks}))",
        [expression, *chunks],
    )
    return {row[0] for row in rows}


def _among(documents: Sequence[str] | None) -> tuple[str, list[str]]:
    if documents is None:
        return "", []
    return f" AND c.document IN ({','.join('?' * len(documents))})", list(documents)


def _regex(query: str) -> re.Pattern[str] | None:
    if len(query) < 3 or not (query.startswith("/") and query.endswith("/")):
        return None
    pattern = query[1:-1]
    if len(pattern) > 200 or _NESTED_REPEAT.search(pattern):
        raise CorpusError(
            f"the regular expression {query[:60]} repeats a repetition or is too long; make it simpler"
        )
    try:
        return re.compile(pattern, re.MULTILINE)
    except re.error as error:
        raise CorpusError(f"not a regular expression: {query[:60]} ({error})") from error
