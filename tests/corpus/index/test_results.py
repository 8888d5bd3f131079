"""Results: neighbours are one, copies stand once, and every text is the document's own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gadfly.corpus.index import Corpus
from gadfly.corpus.index.chunks import TARGET
from gadfly.corpus.sources.memory import MemorySource, note

STEPS = ("warp the loom", "card the wool", "spin the yarn", "dye the skein", "weave the cloth")
FILLER = (
    "Nothing else is said of it in this place, and the reader goes on to what comes after. " * 10
)
LONG = "\n\n".join(f"## Step {n}\n\nTo {step}: {FILLER}" for n, step in enumerate(STEPS))
README = "# Kettle\n\n" + " ".join(f"Word{n} describes the kettle in part {n}." for n in range(40))


def longer(name: str) -> str:
    """A document that is no copy of another one as a whole, with a passage that stands in others too."""
    rest = " ".join(f"{name}{n} is told of here alone, in line {n}." for n in range(99))
    return f"{README}\n\n## The rest\n\n{rest}"


@pytest.fixture
def corpus(tmp_path: Path) -> Iterator[Corpus]:
    opened = Corpus.open(tmp_path / "index", embedder=None)
    opened.sync([MemorySource([note("cloth", LONG)], "mine")])
    yield opened
    opened.close()


def test_neighbours_are_one_result(corpus: Corpus) -> None:
    query = "card the wool, spin the yarn"
    (best, *others) = corpus.search(query, k=3).results
    apart = corpus.search(query, k=3, condense=False).results
    text = corpus.document(best.document).text
    assert best.text == text[best.start : best.end]
    assert "card the wool" in best.text
    assert "spin the yarn" in best.text
    assert best.id == apart[0].id
    assert best.score == apart[0].score
    assert all(each.end <= best.start or each.start >= best.end for each in others)
    assert all(each.tokens <= 2 * TARGET for each in (best, *others))
    assert best.tokens > apart[0].tokens


def test_a_joined_result_keeps_to_the_budget(corpus: Corpus) -> None:
    for budget in (100, 300, 700, 5000):
        results = corpus.search("wool and yarn of the cloth", token_budget=budget).results
        assert sum(each.tokens for each in results) <= budget


def test_places_that_become_free_go_to_others(corpus: Corpus) -> None:
    corpus.sync([MemorySource([note("other", "# Other\n\nA yarn of another kind.")], "other")])
    found = corpus.search("wool yarn skein cloth loom", k=4).results
    assert {each.document for each in found} == {"notes/cloth", "notes/other"}


def test_a_copy_stands_once_and_is_the_users_own(corpus: Corpus) -> None:
    packaged = note("packaged", longer("tin"))
    own = note("own", longer("lid"))
    corpus.sync([MemorySource([packaged], "installed:kettle"), MemorySource([own], "mine too")])
    assert holders(corpus, condense=True) == ["notes/own"]
    assert sorted(holders(corpus, condense=False)) == ["notes/own", "notes/packaged"]


def holders(corpus: Corpus, *, condense: bool) -> list[str]:
    found = corpus.search("Word3 kettle", condense=condense).results
    return [each.document for each in found if "Word3 " in each.text]


def test_every_place_of_an_identifier_is_found(corpus: Corpus) -> None:
    sources = [MemorySource([note(name, longer(name))], name) for name in "ab"]
    corpus.sync(sources)
    found = corpus.search("Word39", mode="exact").results
    assert {each.document for each in found} == {"notes/a", "notes/b"}
