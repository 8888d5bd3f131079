"""Rebuilding: every source comes back, whichever part of the index is damaged."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from gadfly.corpus.index import Corpus
from gadfly.corpus.index.embed import Choice, HashEmbedder
from gadfly.corpus.index.repair import rebuild
from gadfly.corpus.index.roster import Entry, Roster, target_of
from gadfly.corpus.sources.memory import MemorySource, note
from gadfly.errors import CorpusError


@pytest.fixture(autouse=True)
def hashed(monkeypatch: pytest.MonkeyPatch) -> None:
    packaged = MemorySource([note("packaged", "What the package brings.")], "packaged")
    monkeypatch.setattr("gadfly.corpus.index.repair.packaged_sources", lambda: [packaged])
    monkeypatch.setattr(
        "gadfly.corpus.index.default_embedder", lambda: Choice(HashEmbedder(), None)
    )


class Remote(MemorySource):
    """A source behind the network: while it is away, it cannot be read."""

    away = False

    def __init__(self, name: str, count: int = 1) -> None:
        notes = [
            note(f"{name}-{number}", f"Text {number} of {name}. " * 40) for number in range(count)
        ]
        super().__init__(notes, name)
        self.target = name

    def documents(self):  # type: ignore[no-untyped-def]
        if Remote.away:
            raise CorpusError("no answer")
        yield from super().documents()


REMOTE = ("arxiv:2301.00001", "github:one/two", "pypi:toy", "web:https://x.test/a", "zotero:/x")


@pytest.fixture
def full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Corpus:
    """An index with a file, a folder and sources of every other kind."""
    from gadfly.corpus.sources import resolve as real

    remote = {name: Remote(name, 3) for name in REMOTE}
    found = real.resolve

    def resolve(target: str, **more: object) -> object:
        return remote.get(target) or found(target)

    monkeypatch.setattr(real, "resolve", resolve)
    monkeypatch.setattr(Remote, "away", False)
    (tmp_path / "mine.md").write_text("A note of my own about zebras.")
    (tmp_path / "folder" / "inner").mkdir(parents=True)
    (tmp_path / "folder" / "inner" / "b.md").write_text("A note in a folder about okapis.")
    opened = Corpus.open(tmp_path / "index")
    opened.add([tmp_path / "mine.md", tmp_path / "folder", *REMOTE])
    assert len(opened.documents()) == 17
    opened.store.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    opened.close()
    return opened


def _rot(folder: Path) -> None:
    for journal in folder.glob("corpus.sqlite-*"):
        journal.unlink()
    (folder / "corpus.sqlite").write_bytes(b"rotten" * 2000)


def _halve(folder: Path) -> None:
    whole = (folder / "corpus.sqlite").read_bytes()
    (folder / "corpus.sqlite").write_bytes(whole[: len(whole) // 2])


def _scribble(folder: Path) -> None:
    whole = bytearray((folder / "corpus.sqlite").read_bytes())
    at = whole.index(b"zebras")
    whole[at : at + 6] = b"horses"
    (folder / "corpus.sqlite").write_bytes(whole)


def _another_schema(folder: Path) -> None:
    with closing(sqlite3.connect(folder / "corpus.sqlite")) as db:
        db.execute("UPDATE meta SET value = '99' WHERE key = 'schema'")
        db.commit()


def _drop_database(folder: Path) -> None:
    for part in folder.glob("corpus.sqlite*"):
        part.unlink()


def _drop_vectors(folder: Path) -> None:
    shutil.rmtree(folder / "chroma")


def _rot_vectors(folder: Path) -> None:
    (folder / "chroma" / "chroma.sqlite3").write_bytes(b"rotten" * 2000)


def _both(folder: Path) -> None:
    _rot(folder)
    _drop_vectors(folder)


def _list_and_half(folder: Path) -> None:
    (folder / "sources.jsonl").write_text("{broken\n")
    _another_schema(folder)


DAMAGE = (
    _rot, _halve, _scribble, _another_schema, _drop_database, _drop_vectors, _rot_vectors, _both,
    _list_and_half,
)  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGE)
def test_every_source_survives(full: Corpus, damage: Callable[[Path], None]) -> None:
    damage(full.folder)
    report = rebuild(path=full.folder)
    assert report.failures == {}
    again = Corpus.open(full.folder)
    wanted = {f"files:{full.folder.parent / name}" for name in ("mine.md", "folder")} | set(REMOTE)
    assert wanted <= set(again.stats().sources)
    assert {name for name, entry in again.roster.read().items() if entry.target} == wanted
    assert len(again.documents()) >= 17
    assert again.search("zebras", mode="dense").notices == []
    found = again.search("zebras")
    assert found.results[0].document.endswith("/mine")
    assert again.stats().embedded == again.stats().chunks


@pytest.mark.parametrize("damage", [_rot, _drop_database])
def test_packaged_sources_come_back_and_nothing_is_said_to_be_lost(
    full: Corpus, damage: Callable[[Path], None]
) -> None:
    packaged = MemorySource([note("packaged", "What the package brings.")], "packaged")
    Corpus.open(full.folder).sync([packaged])
    damage(full.folder)
    report = rebuild(path=full.folder)
    assert "packaged" in Corpus.open(full.folder).stats().sources
    assert not any("has lost" in each for each in report.notices)


def test_what_is_whole_is_kept_where_the_network_is_away(
    full: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    _another_schema(full.folder)
    monkeypatch.setattr(Remote, "away", True)
    shutil.rmtree(full.folder.parent / "folder")
    report = rebuild(path=full.folder)
    assert report.failures == {}
    assert any("no such file or folder" in each for each in report.notices)
    assert len(Corpus.open(full.folder).documents()) == 18


def test_what_cannot_be_had_is_named_and_stays_listed(
    full: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    _rot(full.folder)
    monkeypatch.setattr(Remote, "away", True)
    report = rebuild(path=full.folder)
    assert report.failures == dict.fromkeys(REMOTE, "no answer")
    assert list(full.folder.glob("damaged-*/corpus.sqlite"))
    again = Corpus.open(full.folder)
    assert any("has lost what came from arxiv:2301.00001" in n for n in again.search("x").notices)
    monkeypatch.setattr(Remote, "away", False)
    assert rebuild(path=full.folder).failures == {}
    assert len(again.documents()) == 18
    assert again.search("x").notices == []


def test_a_whole_index_is_cut_and_embedded_again(full: Corpus) -> None:
    report = rebuild(path=full.folder)
    assert (report.added, report.failures, report.notices) == (0, {}, [])
    assert report.embedded == Corpus.open(full.folder).stats().chunks


@pytest.mark.parametrize("damage", [_drop_vectors, _rot_vectors])
def test_the_next_sync_mends_vectors(full: Corpus, damage: Callable[[Path], None]) -> None:
    damage(full.folder)
    again = Corpus.open(full.folder)
    assert again.sync([]).embedded == again.stats().chunks
    assert again.search("zebras", mode="dense").notices == []


def test_vectors_that_are_gone_are_noticed_by_a_search(full: Corpus) -> None:
    other = Corpus.open(full.folder.parent / "other")
    other.sync([MemorySource([note("a", "A text.")])])
    shutil.rmtree(full.folder / "chroma")
    shutil.copytree(other.folder / "chroma", full.folder / "chroma")
    again = Corpus.open(full.folder)
    again.vectors.refresh()
    assert any("vectors are gone" in each for each in again.search("zebras").notices)
    assert again.sync([]).embedded == again.stats().chunks
    assert again.search("zebras").notices == []


def test_the_list(tmp_path: Path) -> None:
    roster = Roster(tmp_path)
    assert roster.read() == {}
    entries = [Entry(name="web:x", target="x", documents=2), Entry(name="guide")]
    roster.write(entries)
    with (tmp_path / "sources.jsonl").open("ab") as stream:
        stream.write(b'\xff\xfe broken\n{"name": 3}\n')
    assert set(roster.read()) == {"guide", "web:x"}


def test_a_removed_source_is_off_the_list(full: Corpus) -> None:
    again = Corpus.open(full.folder)
    (mine,) = (each.id for each in again.documents() if each.id.endswith("mine"))
    again.remove(mine)
    again.sync([MemorySource([note("z", "Another.")], "z")])
    assert not any(name.endswith("mine.md") for name in again.roster.read())


@pytest.mark.parametrize(
    ("name", "target"),
    [
        ("files:/a/b c", "/a/b c"),
        ("pdf:/a/b.pdf", "/a/b.pdf"),
        ("web:https://x.test/a", "https://x.test/a"),
        ("web:https://x.test/?key=*** 1a2b3c", ""),
        ("drive:abc", ""),
        ("arxiv:2301.00001v2", "arxiv:2301.00001v2"),
        ("work:zoom-in", "work:zoom-in"),
        ("guide", ""),
    ],
)
def test_what_a_name_tells(name: str, target: str) -> None:
    assert target_of(name) == target
