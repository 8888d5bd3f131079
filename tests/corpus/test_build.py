"""The packaged list of works, fetching them, and writing documents out again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from gadfly.corpus import Corpus, Document
from gadfly.corpus.build import build
from gadfly.corpus.export import export
from gadfly.corpus.manifest import select, works
from gadfly.corpus.sources.base import Source
from gadfly.errors import CorpusError


@dataclass
class Shelf:
    """Stands for the network: targets with texts, or errors; remembers what was asked."""

    texts: dict[str, list[str]]
    asked: list[str]

    def __call__(self, target: str) -> Source:
        return Page(target, self)


@dataclass(frozen=True)
class Page:
    target: str
    shelf: Shelf

    @property
    def name(self) -> str:
        return self.target

    def fingerprint(self) -> str:
        return "any"

    def documents(self) -> Iterator[Document]:
        self.shelf.asked.append(self.target)
        if self.target not in self.shelf.texts:
            raise CorpusError(f"no answer from {self.target}")
        for number, text in enumerate(self.shelf.texts[self.target]):
            yield Document(
                id=f"x/page-{number}",
                title=f"Page {number}",
                text=text,
                kind="page",
                source=self.target,
            )


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    return Corpus.open(tmp_path / "index", embedder=None)


def test_the_list_is_whole() -> None:
    assert len(works()) >= 110
    assert len({work.id for work in works()}) == len(works()) == len({w.target for w in works()})
    assert all(work.why and work.title and work.authors for work in works())
    assert 0 < len(select(tier="core")) < len(works())
    assert select(only="sparse autoencoders scope")[0].id.startswith("gemma-scope")


def test_a_failure_stops_nothing_and_is_tried_again(corpus: Corpus) -> None:
    some = works()[:4]
    shelf = Shelf({work.target: [f"# T\n\nAbout {work.title}."] for work in some[1:]}, [])
    first = build(corpus, some, resolve=shelf)
    assert (first.fetched, list(first.failures)) == (3, [some[0].id])
    assert first.documents == 3
    assert first.tokens > 0
    shelf.texts[some[0].target] = ["# T\n\nThere now."]
    second = build(corpus, some, resolve=shelf)
    assert (second.fetched, second.unchanged, second.failures) == (1, 3, {})
    assert shelf.asked.count(some[1].target) == 1  # what is there is not asked for again
    document = corpus.document(f"works/{some[0].id}")
    assert (document.title, document.year) == (some[0].title, some[0].year)
    assert document.meta["why"] == some[0].why


def test_refresh_asks_again_and_replaces_what_changed(corpus: Corpus) -> None:
    work = works()[0]
    shelf = Shelf({work.target: ["# T\n\nOld words."]}, [])
    build(corpus, [work], resolve=shelf)
    shelf.texts[work.target] = ["# T\n\nNew words."]
    assert build(corpus, [work], resolve=shelf).unchanged == 1
    assert build(corpus, [work], resolve=shelf, refresh=True).fetched == 1
    assert "New words." in corpus.document(f"works/{work.id}").text
    assert build(corpus, [work], resolve=shelf).unchanged == 1


def test_documentation_of_many_pages_keeps_them_apart(corpus: Corpus) -> None:
    work = next(work for work in works() if work.kind == "documentation")
    shelf = Shelf({work.target: ["# A\n\nOne.", "  ", "# B\n\nTwo."]}, [])
    assert build(corpus, [work], resolve=shelf).documents == 2
    assert "Two." in corpus.document(f"works/{work.id}/page-2").text


def test_an_empty_answer_is_a_failure(corpus: Corpus) -> None:
    work = works()[0]
    built = build(corpus, [work], resolve=Shelf({work.target: [""]}, []))
    assert "holds no text" in built.failures[work.id]


def test_export_reads_back_the_same(corpus: Corpus, tmp_path: Path) -> None:
    some = works()[:2]
    shelf = Shelf(
        {w.target: [f"# {w.title}\n\nWords: *of* it.\n\n```\ncode\n```"] for w in some}, []
    )
    build(corpus, some, resolve=shelf)
    assert export(corpus, tmp_path / "out", prefix="works/") == 2
    other = Corpus.open(tmp_path / "second", embedder=None)
    other.add([tmp_path / "out"])
    before = {d.title: (corpus.document(d.id).text, d.year) for d in corpus.documents()}
    after = {d.title: (other.document(d.id).text, d.year) for d in other.documents()}
    assert before == after
    with pytest.raises(CorpusError, match="not an empty folder"):
        export(corpus, tmp_path / "out")
    with pytest.raises(CorpusError, match="no document starts with"):
        export(corpus, tmp_path / "out2", prefix="nothing/")
