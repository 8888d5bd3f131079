"""Near-duplicates: one is searched, and the user's own sooner than a packaged one."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from gadfly.corpus.documents import Document
from gadfly.corpus.index import Corpus
from gadfly.corpus.models import Filters
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


def test_the_user_s_own_stands_and_a_packaged_copy_is_hidden(index: Corpus) -> None:
    own = note("own", text(1)).model_copy(update={"title": "Packaged"})
    packaged = [note("packaged", text(1)), note("packaged", edited(text(1)))]
    index.sync([MemorySource(packaged[:1], "installed:kettle"), MemorySource([own], "mine")])
    assert searched(index) == {"notes/own"}
    index.sync([MemorySource(packaged[1:], "installed:kettle")])
    assert searched(index) == {"notes/own"}
    index.remove("notes/own")
    assert searched(index) == {"notes/packaged"}


def test_modules_that_are_made_alike_are_both_searched(index: Corpus) -> None:
    modules = [note(each, text(1)) for each in ("llama", "qwen")]
    index.sync([MemorySource(modules, "installed:kettle")])
    assert index.store.duplicates() == {}


def test_a_copy_is_found_where_its_original_is_not_searched(index: Corpus) -> None:
    both(index, note("second", text(1)))
    second = Filters(sources=["two"])
    found = index.search("probe lens steer patching", filters=second).results
    assert {each.document for each in found} == {"notes/second"}


def test_of_three_one_is_searched_whichever_goes(index: Corpus) -> None:
    for number in (1, 2, 3):
        index.sync([MemorySource([note(f"n{number}", text(1))], f"s{number}")])
    assert searched(index) == {"notes/n1"}
    index.remove("notes/n1")
    (left,) = searched(index)
    index.remove(left)
    assert len(searched(index)) == 1


def test_copies_of_a_packaged_document_go_with_it(index: Corpus) -> None:
    sources = [
        MemorySource([note(name, text(1))], source)
        for name, source in (("a", "installed:pkg"), ("b", "installed:other"), ("c", "files:own"))
    ]
    index.sync(sources)
    assert searched(index) == {"notes/c"}
