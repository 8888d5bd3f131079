"""Headings, passages and their offsets."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gadfly.corpus import tokens
from gadfly.corpus.documents import Document, normalise, slug, year_of
from gadfly.corpus.index import chunks as cutting
from gadfly.corpus.index.chunks import views
from gadfly.corpus.markup import blocks, sections, split_front_matter
from gadfly.corpus.sources.files import FilesSource
from gadfly.corpus.sources.memory import note

LINES = st.lists(
    st.sampled_from(
        [
            "# One",
            "## Two",
            "text of a paragraph. And more.",
            "",
            "```python",
            "x = 1  # no heading",
            "```",
            "Title",
            "=====",
            "-----",
            "~~~",
            ".. code-block:: python",
            "   indented",
            "ünïcode ✓ 日本",
            "\t- item",
        ]
    ),
    max_size=60,
)


@settings(max_examples=150, deadline=None)
@given(LINES)
def test_offsets_are_exact_and_nothing_is_lost(lines: list[str]) -> None:
    text = normalise("\n".join(lines))
    cut = cutting.chunks(note("any", text))
    assert all(text[each.start : each.end] == each.text for each in cut)
    assert all(a.end <= b.start for a, b in pairwise(cut))
    assert "".join("".join(each.text.split()) for each in cut) == "".join(text.split())
    assert len({each.id for each in cut}) == len(cut)


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=3000))
def test_any_text_can_be_cut(text: str) -> None:
    text = normalise(text)
    for each in cutting.chunks(note("any", text)):
        assert text[each.start : each.end] == each.text


def test_heading_paths_and_fences() -> None:
    text = normalise(
        "# Top\n\n```python\nx = 1\n```\n\n" + "Long. " * 400 + "\n\n## Next\n\n" + "More. " * 200
    )
    cut = cutting.chunks(note("top", text))
    assert cut[0].heading == ("Top",)
    assert cut[-1].heading == ("Top", "Next")
    assert all(each.text.count("```") % 2 == 0 for each in cut)
    assert max(each.tokens for each in cut) <= cutting.TARGET * 1.1


def test_comment_in_a_fence_is_no_heading() -> None:
    text = "# Real\n\n```python\n# not a heading\n```\n\n~~~\n# nor this\n~~~"
    assert [each.title for each in blocks(text) if each.kind == "heading"] == ["Real"]


def test_a_fence_stays_whole_until_it_is_huge() -> None:
    small = "```\n" + "x = y + 1\n" * 150 + "```"
    assert tokens.count(small) > cutting.TARGET
    assert [each.text for each in cutting.chunks(note("f", small))] == [small]
    huge = "```\n" + "x = y + 1\n" * 3000 + "```"
    assert max(each.tokens for each in cutting.chunks(note("f", huge))) < cutting.LONGEST_FENCE


def test_one_endless_line_is_bounded() -> None:
    cut = cutting.chunks(note("blob", "QUJD" * 20_000))
    assert max(len(each.text) for each in cut) <= 5 * cutting.TARGET


def test_restructured_text_headings() -> None:
    text = "####\nTop\n####\n\nWords.\n\nInner part\n++++++++++\n\nMore words.\n\n.. code-block:: python\n\n   a = 1\n"
    found = sections(text)
    assert [(each.title, each.level) for each in found] == [("Top", 1), ("Inner part", 2)]
    assert found[1].path == ("Top", "Inner part")
    assert [each.kind for each in blocks(text)][-1] == "fence"


def test_an_edit_elsewhere_leaves_ids_alone() -> None:
    tail = "\n\n## Tail\n\n" + "The tail stays as it is. " * 40
    before = cutting.chunks(note("a", "# Head\n\n" + "Old words. " * 120 + tail))
    after = cutting.chunks(note("a", "# Head\n\n" + "New words. " * 90 + tail))
    assert before[-1].id == after[-1].id
    assert before[0].id != after[0].id


def test_special_tokens_are_plain_text() -> None:
    assert tokens.count("<|endoftext|>") > 1


@pytest.mark.parametrize(
    ("text", "fields", "rest"),
    [
        ("---\ntitle: A\nyear: 2021\n---\n\nBody", {"title": "A", "year": 2021}, "Body"),
        ("---\n: [broken\n---\nBody", {}, "---\n: [broken\n---\nBody"),
        ("---\njust words\n---\nBody", {}, "---\njust words\n---\nBody"),
        ("---\nnever closed", {}, "---\nnever closed"),
        ("Body", {}, "Body"),
    ],
)
def test_front_matter(text: str, fields: dict[str, object], rest: str) -> None:
    assert split_front_matter(text) == (fields, rest)


def test_normalise_slug_year() -> None:
    assert normalise("a\r\nb  \rc\ufeff\n\n\n\n\n\nd\ud800") == "a\nb\nc\n\n\nd?"
    assert slug("Activation Patching (2nd ed.)") == "activation-patching-2nd-ed"
    assert slug("日本") != slug("中国")
    assert (year_of("2023-05-01"), year_of(2021), year_of("v3")) == (2023, 2021, None)


def test_real_documents(real_docs: Path) -> None:
    documents: list[Document] = list(FilesSource(real_docs).documents())
    assert len(documents) == 156
    sizes = []
    for each in documents:
        for chunk in cutting.chunks(each):
            assert each.text[chunk.start : chunk.end] == chunk.text
            sizes.append(chunk.tokens)
    assert max(sizes) <= cutting.LONGEST_FENCE
    assert sum(size <= cutting.TARGET * 1.05 for size in sizes) > 0.97 * len(sizes)


def test_views_say_everything_and_where() -> None:
    text = "First sentence of it. Second one, longer than the first.\n\n" * 20
    seen = views("Title", ("Part", "Inner", "Innermost"), text)
    assert len(seen) >= 3
    assert all(each.startswith("Title > Inner > Innermost: ") for each in seen)
    said = "".join(each.split(": ", 1)[1] for each in seen)
    assert "".join(said.split()) == "".join(text.split())
    assert views("Title", (), "  ") == ["Title"]


@settings(max_examples=100, deadline=None)
@given(st.text(alphabet="ab.! \n-*`", max_size=4000))
def test_views_lose_nothing_and_stay_small(text: str) -> None:
    seen = views("T", (), text)
    said = "".join(each.removeprefix("T").removeprefix(": ") for each in seen)
    assert "".join(said.split()) == "".join(text.split())
    assert max(len(each) for each in seen) < 2100
