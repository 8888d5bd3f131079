"""The ranking: scores added up, what a document adds to its passages, and the user's own before the packaged."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gadfly.corpus.index import Corpus
from gadfly.corpus.index.search import BY_WORDS, fuse, in_documents
from gadfly.corpus.sources.memory import MemorySource, note

RAIN = "# Rain\n\n" + "\n\n".join(
    f"## Part {n}\n\n" + f"Rain of kind {n} falls on the hills and fills the rivers below. " * 30
    for n in range(4)
)


@pytest.fixture
def corpus(tmp_path: Path) -> Iterator[Corpus]:
    opened = Corpus.open(tmp_path / "index", embedder=None)
    sources = {"mine": note("rain", RAIN), "guide": note("card", "# Card\n\nRain in short.")}
    opened.sync([MemorySource([each], name) for name, each in sources.items()])
    yield opened
    opened.close()


def passages(corpus: Corpus, document: str) -> list[str]:
    rows = corpus.store.query(
        "SELECT id FROM chunks WHERE document = ? ORDER BY ordinal", (document,)
    )
    return [row[0] for row in rows]


def test_scores_are_added_up() -> None:
    fused = fuse({"a": 1.0, "b": 0.5}, {"b": 0.9, "c": 0.4})
    assert fused["b"] == pytest.approx(BY_WORDS * 0.5 + (1 - BY_WORDS) * 0.9)
    assert fused["a"] == pytest.approx(BY_WORDS + (1 - BY_WORDS) * 0.4)  # as near as the last found
    assert fused["c"] == pytest.approx((1 - BY_WORDS) * 0.4)


def test_a_document_on_the_matter_lifts_its_passages(corpus: Corpus) -> None:
    first, second, *_ = passages(corpus, "notes/rain")
    (card,) = passages(corpus, "notes/card")
    alone = in_documents(corpus.store, {first: 0.5, card: 0.5, second: 0.1})
    beside = in_documents(corpus.store, {first: 0.5, card: 0.5, second: 0.5})
    assert beside[first] > alone[first]


def test_of_equals_the_users_own_goes_first(corpus: Corpus) -> None:
    first = passages(corpus, "notes/rain")[0]
    (card,) = passages(corpus, "notes/card")
    score = in_documents(corpus.store, {first: 0.5, card: 0.5, "gone#1": 0.0})
    assert score[first] >= score[card]
    clear = in_documents(corpus.store, {first: 0.1, card: 0.9})
    assert clear[card] > clear[first]  # by a little only


def test_a_vector_without_its_passage_is_left_out(corpus: Corpus) -> None:
    assert in_documents(corpus.store, {"gone#1": 0.9}) == {}
    assert in_documents(corpus.store, {}) == {}
