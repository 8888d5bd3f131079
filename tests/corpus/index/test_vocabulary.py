"""Everyday words for the field's terms: which phrases are found, and what a search does with them."""

from __future__ import annotations

from pathlib import Path

import pytest

from gadfly import tables
from gadfly.corpus.index import Corpus, vocabulary
from gadfly.corpus.index.embed import HashEmbedder
from gadfly.corpus.sources.memory import MemorySource, note

CLOTH = "Weaving takes a warp and a weft, which cross on the loom in a pattern of their own."


@pytest.mark.parametrize(
    ("query", "term"),
    [
        ("can I push the model towards it?", "steering vector"),
        ("Pushing it harder", "steering vector"),  # any ending
        ("what happens when I am knocking a head out?", "ablation"),  # with words between
        ("how is the output normalised or rescaled", "layer normalization"),
        ("are its errors bars of what size", "confidence interval"),  # any order
        ("does it GET DUMBER", "capabilities"),
    ],
)
def test_everyday_words_give_the_term(query: str, term: str) -> None:
    assert any(each.startswith(term) for each in vocabulary.terms(query))


@pytest.mark.parametrize(
    "query", ["", "   ", "?!", "weave a cloth on the loom", "one of the two", "\ud800 lone"]
)
def test_no_phrase_no_term(query: str) -> None:
    assert vocabulary.terms(query.encode("utf-8", "replace").decode()) == []


def test_words_without_meaning_count_in_their_order() -> None:
    assert "OV circuit" in vocabulary.terms("so what is moved to the last place")
    assert "OV circuit" not in vocabulary.terms("I moved to another town")


def test_british_and_american() -> None:
    assert vocabulary.terms("normalise activations") == vocabulary.terms("normalize activations")


def test_every_entry_is_well_formed() -> None:
    for term, text in tables.table(vocabulary.__file__).items():
        phrases = [each.strip() for each in text.split(";")]
        assert all(phrases), term
        assert len(set(phrases)) == len(phrases), term
        for phrase in phrases:
            assert term in vocabulary.terms(phrase), phrase


@pytest.mark.parametrize("embedder", [None, HashEmbedder()])
def test_a_passage_without_the_querys_words_is_found(
    tmp_path: Path, embedder: HashEmbedder | None
) -> None:
    corpus = Corpus.open(tmp_path / "index", embedder=embedder)
    others = [note(f"other{n}", f"# Cloth {n}\n\n{CLOTH}") for n in range(12)]
    wanted = note("wanted", "# Ablation\n\nMean ablation puts the average in place of an output.")
    corpus.sync([MemorySource([*others, wanted])])
    best = corpus.search("can we silence a head without harm?", k=1).results
    assert [each.document for each in best] == ["notes/wanted"]
    corpus.close()
