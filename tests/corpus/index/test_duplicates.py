"""Near-duplicates: of documents one is searched."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from gadfly.corpus.documents import Document
from gadfly.corpus.index import Corpus
from gadfly.corpus.sources.memory import MemorySource, note

WORDS = [
    f"{a}{b}"
    for a in ("pro", "len", "ste", "pat", "sae")
    for b in ("be", "s", "er", "ch", "ing", "ty")
]


def text(seed: int, count: int = 400) -> str:
    dice = random.Random(seed)
    return "# Head\n\n" + " ".join(dice.choice(WORDS) for _ in range(count))


def edited(whole: str, every: int = 60) -> str:
    words = whole.split(" ")
    words[5::every] = ["changed"] * len(words[5::every])
    return " ".join(words)


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Corpus]:
    opened = Corpus.open(tmp_path / "index", embedder=None)
    yield opened
    opened.close()


def both(index: Corpus, second: Document) -> list[str]:
    first = note("first", text(1))
    return index.sync([MemorySource([first], "one"), MemorySource([second], "two")]).notices


def searched(index: Corpus) -> set[str]:
    return {each.document for each in index.search("probe lens steer patching", k=50).results}


@pytest.mark.parametrize("changed", [text(1), edited(text(1)), "# Other\n\n" + edited(text(1))[8:]])
def test_a_near_copy_is_told_and_not_searched(index: Corpus, changed: str) -> None:
    second = note("second", changed).model_copy(update={"title": "First"})
    notices = both(index, second)
    assert "notes/second is nearly the same as notes/first: only that one is searched" in notices
    assert searched(index) == {"notes/first"}
    assert index.document("notes/second").text == second.text
    index.rebuild()
    assert searched(index) == {"notes/first"}


@pytest.mark.parametrize("other", [text(2), text(1)[:900], edited(text(1), 4)])
def test_what_is_no_copy(index: Corpus, other: str) -> None:
    second = note("second", other).model_copy(update={"title": "First"})
    assert not any("nearly the same" in each for each in both(index, second))
    assert searched(index) == {"notes/first", "notes/second"}


def test_a_copy_takes_over(index: Corpus) -> None:
    both(index, note("second", text(1)))
    index.remove("notes/first")
    assert searched(index) == {"notes/second"}


def test_a_changed_original_frees_its_copy(index: Corpus) -> None:
    both(index, note("second", text(1)))
    index.sync([MemorySource([note("first", text(3))], "one")])
    assert searched(index) == {"notes/first", "notes/second"}


def test_the_users_own_document_stands_not_the_packaged_one(index: Corpus) -> None:
    packaged = MemorySource([note("packaged", text(1))], "installed:pkg")
    own = MemorySource([note("own", text(1))], "files:own")
    told = index.sync([packaged, own]).notices
    assert "notes/packaged is nearly the same as notes/own: only that one is searched" in told
    assert searched(index) == {"notes/own"}
    newer = note("packaged", edited(text(1))).model_copy(update={"title": "Own"})
    index.sync([MemorySource([newer], "installed:pkg")])
    assert searched(index) == {"notes/own"}
    index.remove("notes/own")
    assert searched(index) == {"notes/packaged"}


def test_copies_of_a_packaged_document_go_with_it(index: Corpus) -> None:
    sources = [
        MemorySource([note(name, text(1))], source)
        for name, source in (("a", "installed:pkg"), ("b", "installed:other"), ("c", "files:own"))
    ]
    index.sync(sources)
    assert searched(index) == {"notes/c"}
