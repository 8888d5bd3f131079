"""The SQLite file: hostile queries, damage, half-written files."""

from __future__ import annotations

import gc
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from gadfly.corpus.index import Corpus, lexical
from gadfly.corpus.index.chunks import chunks
from gadfly.corpus.index.store import Store
from gadfly.corpus.models import Filters
from gadfly.corpus.sources.memory import MemorySource, note
from gadfly.corpus.words import content_words, identifier_parts
from gadfly.errors import CorpusError

WICKED = st.one_of(
    st.text(max_size=80), st.text(alphabet="\"'*()-+^:{}[]~ANDORNEAT patch\x00\n", max_size=80)
)


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(query=WICKED)
@example(query='"')
@example(query="NEAR(a b) AND title:*")
@example(query="-patch OR")
@example(query="'; DROP TABLE chunks; --")
@example(query="\x00")
@example(query="日本語 ② ①")
@example(query="\ud800")
def test_no_text_is_a_syntax_error(corpus: Corpus, query: str) -> None:
    lexical.ranked(corpus.store, query, 5)
    if query.strip() and not query.startswith("/"):
        for mode in ("lexical", "exact"):
            corpus.search(query, mode=mode)  # type: ignore[arg-type]
    assert corpus.stats().chunks >= 3


def test_words_and_identifier_parts() -> None:
    assert content_words("What is the logit lens?") == ["logit", "lens"]
    assert content_words("what is it") == ["what", "is", "it"]
    parts = identifier_parts("HookedTransformer.run_with_cache uses GPTNeoX and plain words")
    assert parts == "Hooked Transformer run with cache GPT Neo X"


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "corpus.sqlite").write_bytes(b"this is no database at all" * 100)
    with pytest.raises(CorpusError, match="gadfly corpus rebuild"):
        Corpus.open(tmp_path, embedder=None)


def test_another_database(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "corpus.sqlite") as db:
        db.execute("CREATE TABLE something (x)")
    with pytest.raises(CorpusError, match="half-written"):
        Corpus.open(tmp_path, embedder=None)


def test_another_schema(tmp_path: Path) -> None:
    Store(tmp_path / "s.sqlite").put("schema", "99")
    with pytest.raises(CorpusError, match="schema 99"):
        Store(tmp_path / "s.sqlite")


@pytest.mark.parametrize("keep", [0.3, 0.7])
def test_a_truncated_file_is_one_clear_error(tmp_path: Path, keep: float) -> None:
    path = tmp_path / "corpus.sqlite"
    store = Store(path)
    for number in range(30):
        document = note(f"n{number}", f"# Head {number}\n\n" + f"word{number} and more. " * 300)
        store.write(document, chunks(document))
    store.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    store.close()
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * keep)])
    for leftover in tmp_path.glob("corpus.sqlite-*"):
        leftover.unlink()
    with pytest.raises(CorpusError, match="gadfly corpus rebuild"):
        opened = Corpus.open(tmp_path, embedder=None)
        for number in range(30):
            opened.search(f"word{number}", mode="lexical")
            opened.document(f"notes/n{number}")


def test_a_failed_write_leaves_the_old_document(tmp_path: Path) -> None:
    store = Store(tmp_path / "s.sqlite")
    old = note("a", "The old text stays.")
    store.write(old, chunks(old))
    new = note("a", "The new text.")
    twice = [chunks(new)[0], chunks(new)[0]]  # the same id twice breaks a constraint half-way
    with pytest.raises(CorpusError):
        store.write(new, twice)
    assert store.document("notes/a") == old
    assert lexical.ranked(store, "old", 5)
    assert not lexical.ranked(store, "new", 5)


@pytest.fixture
def uncollected() -> Iterator[None]:
    """The collector of cycles does not come, as it does not for hundreds of calls of a server."""
    gc.disable()
    yield
    gc.enable()


def _open(connection: sqlite3.Connection) -> bool:
    try:
        connection.execute("SELECT 1")
    except sqlite3.ProgrammingError:
        return False
    return True


@pytest.mark.usefixtures("uncollected")
def test_a_dropped_index_is_closed_at_once(tmp_path: Path) -> None:
    opened = Corpus.open(tmp_path, embedder=None)
    opened.sync([MemorySource([note("a", "Old text.")])])
    opened.search("text")
    here = opened.store.connection
    assert _open(here)
    del opened
    assert not _open(here)


@pytest.mark.usefixtures("uncollected")
def test_a_connection_ends_with_its_thread_or_with_the_store(tmp_path: Path) -> None:
    held = [Store(tmp_path / "s.sqlite")]
    with ThreadPoolExecutor(1) as brief:
        ended = brief.submit(lambda: held[0].connection).result()
    here = held[0].connection
    assert not _open(ended) and _open(here)
    with ThreadPoolExecutor(1) as living:
        there = living.submit(lambda: held[0].connection).result()
        assert _open(there) and _open(here)
        held.clear()
        assert not _open(there) and not _open(here)


def test_filters(corpus: Corpus) -> None:
    def ids(**fields: object) -> set[str]:
        return set(corpus.store.matching(Filters.model_validate(fields)))

    assert ids(kinds=["technique"]) == {"notes/patching", "notes/lens"}
    assert ids(year_from=2020) == {"notes/patching", "notes/lens"}
    assert ids(year_to=2019) == {"notes/probes"}
    assert ids(documents=["notes/"]) == {"notes/patching", "notes/lens", "notes/probes"}
    assert ids(documents=["notes/lens", "nothing"]) == {"notes/lens"}
    assert ids(documents=["notes/l"]) == set()
    assert ids(sources=["memory"], kinds=["pitfall"]) == {"notes/probes"}
