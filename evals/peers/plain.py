"""The plainest ways to search the same passages: one FTS5 table, one Chroma collection."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from gadfly.corpus.index.embed import Embedder, Vectors

Find = Callable[[str], list[int]]
"""A question to the numbers of its best passages."""


class Shelf(NamedTuple):
    """The passages in a fixed order: their ids, the file or id of their documents, their texts."""

    ids: list[str]
    documents: list[str]
    texts: list[str]


def plain_fts5(passages: Sequence[str], k: int) -> Find:
    """One FTS5 table of passages with the tokenizer's defaults, words joined by OR."""
    db = sqlite3.connect(":memory:")
    db.execute("CREATE VIRTUAL TABLE passages USING fts5(text)")
    db.executemany("INSERT INTO passages (rowid, text) VALUES (?, ?)", enumerate(passages))

    def find(question: str) -> list[int]:
        words = " OR ".join(f'"{word}"' for word in re.findall(r"\w+", question))
        sql = "SELECT rowid FROM passages WHERE passages MATCH ? ORDER BY rank LIMIT ?"
        return [row[0] for row in db.execute(sql, (words, k))]

    return find


def plain_chroma(vectors: Vectors, embedder: Embedder, folder: Path, k: int) -> Find:
    """One Chroma collection of passages with their own text's vector."""
    import chromadb

    client = chromadb.PersistentClient(
        path=str(folder), settings=chromadb.Settings(anonymized_telemetry=False)
    )
    collection = client.create_collection("plain", configuration={"hnsw": {"space": "cosine"}})
    for start in range(0, len(vectors), 2000):
        some = vectors[start : start + 2000]
        collection.add(ids=[str(start + n) for n in range(len(some))], embeddings=some)

    def find(question: str) -> list[int]:
        asked: Any = embedder.embed([question])
        return [int(each) for each in collection.query(asked, n_results=k)["ids"][0]]

    return find
