"""The source of truth: documents, passages with their offsets, the full-text index.

Each document is written in one transaction, so a process killed at any moment loses at most the
document in flight. Leaves out the file itself (``database``), vectors (``vectors``), ranking
(``search``) and who may write when (``lock``).
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict
from typing import Any

from gadfly.corpus.documents import Document
from gadfly.corpus.index.chunks import Chunk
from gadfly.corpus.index.database import Database
from gadfly.corpus.models import DocumentInfo, Filters
from gadfly.corpus.words import identifier_parts
from gadfly.errors import CorpusError


class Store(Database):
    """What the index knows, but for the vectors."""

    # -- sources ---------------------------------------------------------------------------------

    def fingerprints(self) -> dict[str, str]:
        return {row[0]: row[1] for row in self.query("SELECT name, fingerprint FROM sources")}

    def set_fingerprint(self, source: str, fingerprint: str) -> None:
        with self.transaction() as db:
            db.execute("INSERT OR REPLACE INTO sources VALUES (?, ?)", (source, fingerprint))

    def sources(self) -> dict[str, int]:
        """How many documents each source has given, of those that were read and of those that still have some."""
        rows = self.query(
            "SELECT name, count(documents.id) FROM"
            " (SELECT name FROM sources UNION SELECT source FROM documents)"
            " LEFT JOIN documents ON source = name GROUP BY name"
        )
        return {row[0]: row[1] for row in rows}

    # -- documents -------------------------------------------------------------------------------

    def write(self, document: Document, chunks: Iterable[Chunk]) -> None:
        """Add or replace one document with its passages; passages that did not change keep their vector."""
        chunks = list(chunks)
        with self.transaction() as db:
            kept = {
                row[0]
                for row in db.execute(
                    "SELECT id FROM chunks WHERE document = ? AND embedded", (document.id,)
                )
            }
            db.execute("DELETE FROM chunks WHERE document = ?", (document.id,))
            row = {
                **document.model_dump(),
                "authors": json.dumps(document.authors),
                "meta": json.dumps(document.meta),
                "sha256": document.sha256(),
                "tokens": sum(chunk.tokens for chunk in chunks),
            }
            db.execute(
                "INSERT OR REPLACE INTO documents VALUES (:id, :source, :title, :text, :kind, :year, :authors,"
                " :url, :licence, :version, :meta, :sha256, :tokens)",
                row,
            )
            for chunk in chunks:
                heading = json.dumps(chunk.heading, ensure_ascii=False)
                asked = json.dumps(chunk.asked, ensure_ascii=False)
                more = {
                    "heading": heading,
                    "asked": asked,
                    "sha256": chunk.sha256(),
                    "kept": chunk.id in kept,
                }
                cursor = db.execute(
                    'INSERT INTO chunks (id, document, ordinal, start, "end", heading, text, tokens,'
                    " asked, sha256, embedded) VALUES (:id, :document, :ordinal, :start, :end, :heading, :text,"
                    " :tokens, :asked, :sha256, :kept)",
                    {**asdict(chunk), **more},
                )
                parts = identifier_parts(f"{document.title}\n{chunk.text}")
                words = (
                    document.title,
                    " ".join([*chunk.heading, *chunk.asked]),
                    chunk.text,
                    parts,
                )
                db.execute(
                    "INSERT INTO fts (rowid, title, heading, body, parts) VALUES (?,?,?,?,?)",
                    (cursor.lastrowid, *words),
                )
                db.execute("DELETE FROM orphans WHERE chunk = ?", (chunk.id,))
            _raise_generation(db)

    def remove(self, documents: Iterable[str]) -> int:
        """Remove documents with their passages; returns how many there were."""
        with self.transaction() as db:
            count = 0
            for identifier in documents:
                db.execute("DELETE FROM chunks WHERE document = ?", (identifier,))
                count += db.execute("DELETE FROM documents WHERE id = ?", (identifier,)).rowcount
            if count:
                _raise_generation(db)
        return count

    def document(self, identifier: str) -> Document | None:
        rows = self.query("SELECT * FROM documents WHERE id = ?", (identifier,))
        return document_of(rows[0]) if rows else None

    def documents(self) -> list[DocumentInfo]:
        """Every document without its text, by id."""
        rows = self.query(
            "SELECT id, title, kind, source, year, authors, url, licence, version, tokens"
            " FROM documents ORDER BY id"
        )
        return [
            DocumentInfo(**{**dict(row), "authors": json.loads(row["authors"])}) for row in rows
        ]

    def hashes(self, source: str) -> dict[str, str]:
        """Document id → content hash of one source."""
        rows = self.query("SELECT id, sha256 FROM documents WHERE source = ?", (source,))
        return {row[0]: row[1] for row in rows}

    def origins(self, chunks: Collection[str]) -> dict[str, tuple[str, str]]:
        """Passage → its document and that one's source; without those that are gone."""
        rows = self.query(
            "SELECT c.id, d.id, d.source FROM chunks c JOIN documents d ON d.id = c.document"
            f" WHERE c.id IN ({','.join('?' * len(chunks))})",
            tuple(chunks),
        )
        return {row[0]: (row[1], row[2]) for row in rows}

    def owner(self, identifier: str) -> str | None:
        """The source that a document belongs to."""
        rows = self.query("SELECT source FROM documents WHERE id = ?", (identifier,))
        return str(rows[0][0]) if rows else None

    def akin(self, document: Document, passages: Sequence[str]) -> list[str]:
        """Documents that share a passage (by hash), the title, the arXiv id or the DOI with this one."""
        marks = ",".join("?" * len(passages[:500]))
        found = self.query(
            f"SELECT document, count(*) FROM chunks WHERE sha256 IN ({marks}) AND document != ?"
            " GROUP BY document ORDER BY 2 DESC LIMIT 5",
            (*passages[:500], document.id),
        )
        names = [row[0] for row in found]
        for column, value in (
            ("lower(title)", document.title.lower()),
            ("json_extract(meta, '$.arxiv')", document.meta.get("arxiv")),
            ("json_extract(meta, '$.doi')", document.meta.get("doi")),
        ):
            if value:
                sql = f"SELECT id FROM documents WHERE {column} = ? AND id != ? LIMIT 5"
                names += [row[0] for row in self.query(sql, (value, document.id))]
        return list(dict.fromkeys(names))

    def duplicates(self) -> dict[str, str]:
        """The documents that are nearly copies, and of which documents."""
        rows = self.query("SELECT key, value FROM meta WHERE key LIKE 'copy:%'")
        return {row[0].removeprefix("copy:"): row[1] for row in rows}

    def mark_copy(self, identifier: str, original: str | None) -> None:
        """Say that a document is a copy of another one, or that it is none."""
        with self.transaction() as db:
            db.execute("DELETE FROM meta WHERE key = ?", (f"copy:{identifier}",))
            if original is not None:
                db.execute("INSERT INTO meta VALUES (?, ?)", (f"copy:{identifier}", original))

    def matching(self, filters: Filters) -> list[str]:
        """Ids of the documents that a filter lets through."""
        clauses, values = ["1"], list[Any]()
        for column, wanted in (("kind", filters.kinds), ("source", filters.sources)):
            if wanted:
                clauses.append(f"{column} IN ({','.join('?' * len(wanted))})")
                values += wanted
        if filters.documents:
            each = [
                "substr(id, 1, length(?)) = ?" if name.endswith("/") else "id = ?"
                for name in filters.documents
            ]
            clauses.append(f"({' OR '.join(each)})")
            for name in filters.documents:
                values += [name, name] if name.endswith("/") else [name]
        years = ("year >= ?", filters.year_from), ("year <= ?", filters.year_to)
        for clause, value in (*years, ("version = ?", filters.version)):
            if value is not None:
                clauses.append(clause)
                values.append(value)
        sql = f"SELECT id FROM documents WHERE {' AND '.join(clauses)}"
        return [row[0] for row in self.query(sql, values)]

    def around(self, chunk: str, before: int, after: int) -> list[str]:
        """Ids of the passages around one in its document, in order; empty for an unknown id."""
        rows = self.query(
            "SELECT n.id FROM chunks c JOIN chunks n ON n.document = c.document"
            " AND n.ordinal BETWEEN c.ordinal - ? AND c.ordinal + ? WHERE c.id = ? ORDER BY n.ordinal",
            (before, after, chunk),
        )
        return [row[0] for row in rows]

    # -- vectors' bookkeeping --------------------------------------------------------------------

    def pending(self, limit: int) -> list[sqlite3.Row]:
        """Passages that have no vector yet."""
        return self.query(
            "SELECT c.id, c.document, c.heading, c.text, c.asked, d.title FROM chunks c"
            " JOIN documents d ON d.id = c.document WHERE c.embedded = 0 ORDER BY c.number LIMIT ?",
            (limit,),
        )

    def pending_count(self) -> int:
        return int(self.query("SELECT count(*) FROM chunks WHERE embedded = 0")[0][0])

    def mark_embedded(self, ids: Sequence[str]) -> None:
        with self.transaction() as db:
            db.executemany("UPDATE chunks SET embedded = 1 WHERE id = ?", [(each,) for each in ids])
            _raise_generation(db)

    def forget_vectors(self) -> None:
        """Every passage needs a vector again (another embedder, or Chroma's folder is gone)."""
        with self.transaction() as db:
            db.execute("UPDATE chunks SET embedded = 0")
            db.execute("DELETE FROM orphans")
            db.execute("DELETE FROM meta WHERE key = 'vectors'")
            _raise_generation(db)

    def orphans(self) -> list[str]:
        """Passages that are gone and whose vectors are still in Chroma."""
        return [row[0] for row in self.query("SELECT chunk FROM orphans")]

    def clear_orphans(self, ids: Sequence[str]) -> None:
        with self.transaction() as db:
            db.executemany("DELETE FROM orphans WHERE chunk = ?", [(each,) for each in ids])

    def check(self) -> None:
        """Read the whole file once.

        Raises:
            CorpusError: a part of it is damaged, or a text is not what was written.
        """
        told = [str(row[0]) for row in self.query("PRAGMA quick_check(1)")]
        bad = "" if told == ["ok"] else told[0]
        for row in self.query("SELECT * FROM documents") if not bad else ():
            try:
                whole = document_of(row).sha256() == row["sha256"]
            except ValueError:
                whole = False
            bad = bad or ("" if whole else f"the text of {row['id']} is not what was written")
        if bad:
            raise CorpusError(f"the index {self.path} is damaged ({bad})")

    # -- counts ----------------------------------------------------------------------------------

    def counts(self) -> dict[str, Any]:
        """The numbers of :class:`gadfly.corpus.models.Stats`."""
        names = ("documents", "chunks", "tokens", "embedded")
        row = self.query(
            "SELECT (SELECT count(*) FROM documents), count(*), coalesce(sum(tokens), 0),"
            " coalesce(sum(embedded), 0) FROM chunks"
        )[0]
        counted: dict[str, Any] = dict(zip(names, row, strict=True))
        for column in ("source", "kind"):
            sql = f"SELECT {column}, count(*) FROM documents GROUP BY 1 ORDER BY 2 DESC, 1"
            counted[f"{column}s"] = {each[0]: each[1] for each in self.query(sql)}
        return {**counted, "embedder": self.get("embedder"), "generation": self.generation()}


def document_of(row: sqlite3.Row) -> Document:
    """The document of a row."""
    fields = dict(row)
    del fields["sha256"], fields["tokens"]
    fields |= {name: json.loads(fields[name]) for name in ("authors", "meta")}
    return Document.model_validate(fields)


def _raise_generation(db: sqlite3.Connection) -> None:
    db.execute(
        "INSERT INTO meta VALUES ('generation', '1')"
        " ON CONFLICT (key) DO UPDATE SET value = CAST(value AS INTEGER) + 1"
    )
