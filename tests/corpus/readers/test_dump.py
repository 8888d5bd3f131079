"""Dumps: many documents in one file come apart again, one document never does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.corpus.readers.packers import SITES, STYLES, Files, by_hand, files_to_prompt

from gadfly.corpus.documents import normalise
from gadfly.corpus.markup import sections
from gadfly.corpus.readers import dump, heads

_WORDS = [
    "activation",
    "patching",
    "Probes",
    "measure",
    "loss",
    "residual",
    "stream",
    "naïve",
    "0.97",
    "GPT-2",
]
_SENTENCE = st.lists(st.sampled_from(_WORDS), min_size=3, max_size=12).map(
    lambda each: " ".join(each) + "."
)
_BLOCK = st.one_of(
    _SENTENCE,
    _SENTENCE.map(lambda each: f"## {each[:20].strip()}"),
    _SENTENCE.map(lambda each: f"- {each}\n- {each}"),
    st.just("```python\n# a comment\nx = f(1)\n```"),
    st.just("| a | b |\n| --- | --- |\n| 1 | 2 |"),
)
_TEXT = st.builds(
    lambda one, more: "\n\n".join([one, *more, one]), _SENTENCE, st.lists(_BLOCK, max_size=6)
)
_NAME = st.from_regex(r"[a-z]{2,8}", fullmatch=True)
_PATH = st.builds(lambda a, b: f"{a}/{b}.md", _NAME, _NAME)
_FILES = st.lists(st.tuples(_PATH, _TEXT), min_size=2, max_size=6, unique_by=lambda each: each[0])


def _taken(text: str) -> dump.Dump:
    found = dump.read(text, "dump.md")
    assert found is not None
    return found


@pytest.mark.parametrize("style", STYLES, ids=lambda style: style.__name__)
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(files=_FILES)
def test_what_a_packer_packed_comes_back(style: Callable[[Files], str], files: Files) -> None:
    found = _taken(style(files))
    assert [page.fields["part"].lstrip("/") for page in found.pages] == [path for path, _ in files]
    assert [normalise(page.body) for page in found.pages] == [normalise(text) for _, text in files]
    assert not found.report.lost
    assert not found.report.mended


@pytest.mark.parametrize("style", SITES, ids=lambda style: style.__name__)
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(files=st.lists(st.tuples(_PATH, _TEXT), min_size=3, max_size=6, unique_by=lambda x: x[0]))
def test_the_pages_of_a_site_come_back(style: Callable[[Files], str], files: Files) -> None:
    found = _taken(style(files))
    pages = [page for page in found.pages if page.part != "preamble"]
    assert len(pages) == len(files)
    for page, (path, text) in zip(pages, files, strict=True):
        assert path in f"{page.fields.get('title')} {page.fields.get('url')}"
        assert " ".join(text.split()) in " ".join(page.body.split())
    assert not found.report.lost


@pytest.mark.parametrize("style", STYLES, ids=lambda style: style.__name__)
def test_a_dump_of_real_documents_comes_back(
    style: Callable[[Files], str], real_docs: Path
) -> None:
    files = [
        (path.name, normalise(path.read_text())) for path in sorted(real_docs.glob("*.md"))[::9]
    ]
    found = _taken(style(files))
    assert [page.fields["part"].lstrip("/") for page in found.pages] == [path for path, _ in files]
    assert not found.report.lost


def test_no_real_document_is_taken_apart(real_docs: Path) -> None:
    paths = sorted(real_docs.glob("*.md"))
    assert len(paths) > 100
    assert [path.name for path in paths if dump.read(path.read_text(), path.name)] == []


def test_no_card_and_no_document_of_ours_is_taken_apart() -> None:
    root = Path(__file__).parents[3]
    paths = [*root.glob("*.md"), *root.glob("docs/**/*.md"), *root.glob("corpus/guide/**/*.md")]
    assert len(paths) > 40
    assert [path.name for path in paths if dump.read(path.read_text(), path.name)] == []


TUTORIAL = """# Build a probe

Make two files.

File: probe.py

```python
class Probe: ...
```

This holds the weights.

File: train.py

```python
fit(Probe())
```

It trains.

File: plot.py

```python
show()
```

And this draws.
"""
CHANGES = "Changes since Monday\n\nFile: a.py\nrenamed\n\nFile: b.py\nremoved\n\nFile: c.py\nnew\n"
FORMAT = (
    "# How packing works\n\nFor example:\n\n```\n"
    + files_to_prompt([("a.md", "x y z"), ("b.md", "z")])
    + "\n```\n"
)
SHOWN = "# Formats\n\n```\nFile: /a.md\n\nText of a\n\nFile: /b.md\n\nText of b\n\nFile: /c.md\n\nmore\n```\n"
BOOK = "# Table of Contents\n\n1. One\n2. Two\n3. Three\n\n" + "".join(
    f"# {each}\n\n" + "A chapter of one book. " * 400 + "\n\n" for each in ("One", "Two", "Three")
)
RULED = "Notes\n\n==== Results ====\n\ngood\n\n==== Method ====\n\nbetter\n\n--- 2.0 ---\n\nfine\n"
HTML = "Use `<document>` tags:\n\n<document>\n<source>only one</source>\nx\n</document>\n\nThat is all.\n"
TRACE = (
    'It failed:\n\n  File "/a/b.py", line 3\n\n  File "/a/c.py", line 9\n\nFile: none of ours.\n'
)
REPO = (
    "# Files\n\n## File: a.py\n\nDoes a.\n\n## File: b.py\n\nDoes b.\n\n## File: c.py\n\nDoes c.\n"
)


AUDIT = "# Audit\n\n" + "".join(
    f"### Tests {n}\n\n**File**: `a/{n}.py`\n\n{'It was looked at. ' * 40}\n\n" for n in range(5)
)
READING = "# Papers\n\n" + "".join(
    f"## Paper {n}\n\nSource: https://site{n}.example.org/p\n\nWorth it.\n\n" for n in range(9)
)
SLIDES = "".join(f"---\nlayout: center\ntitle: Slide {n}\n---\n\nOne word.\n\n" for n in range(9))
CHANGELOG = "".join(
    f"# [1.{n}.0](https://example.org/compare/{n}) (2024-01-0{n + 1})\n\n- More.\n\n"
    for n in range(9)
)


@pytest.mark.parametrize("text", [AUDIT, READING, SLIDES, CHANGELOG])
def test_what_has_addresses_and_files_in_it_is_left_whole(text: str) -> None:
    assert dump.read(text, "one.md") is None


@pytest.mark.parametrize(
    "text", [TUTORIAL, CHANGES, FORMAT, SHOWN, BOOK, RULED, HTML, TRACE, REPO, "", "# a\n"]
)
def test_what_only_resembles_a_dump_is_left_whole(text: str) -> None:
    assert dump.read(text, "one.md") is None


def test_a_book_of_many_works_is_told_by_its_contents() -> None:
    """Headings alone are trusted only in a text longer than any one work."""
    titles = [f"Essay on subject {number}" for number in range(6)]
    table = "## Contents\n\n" + "\n".join(
        f"- [{title}](#x) — Cy Scribe (20{number}1)" for number, title in enumerate(titles)
    )
    body = "".join(
        f"\n\n# {title}\n\n## Part\n\n" + "It is said that lenses hide. " * 2_500
        for title in titles
    )
    assert len(body) > heads.SMALLEST_UNMARKED
    found = _taken(table + body)
    assert [page.fields["title"] for page in found.pages] == titles
    assert found.pages[2].fields["authors"] == ["Cy Scribe"]
    assert found.pages[2].fields["year"] == 2021
    assert not found.report.lost


def test_text_around_the_parts_is_kept() -> None:
    files = [
        ("a.md", "Text of the first one."),
        ("b.md", "Text of the second."),
        ("c.md", "And the third."),
    ]
    said = (
        "These notes were collected by hand over some years, and nobody ever checked a word of them. "
        * 3
    )
    found = _taken(f"{said}\n\n" + by_hand([(path, text * 40) for path, text in files]))
    assert [page.part for page in found.pages] == ["preamble", "a", "b", "c"]
    assert " ".join(found.pages[0].body.split()) == said.strip()
    assert not found.report.lost


def test_a_part_of_each_kind_goes_to_its_reader() -> None:
    files = [
        (
            "a.py",
            '"""Doc."""\n\n\ndef f(x):\n    """Adds one."""\n    # a comment\n    return x + 1',
        ),
        ("b.yaml", "# not a heading\nkey: value"),
        ("LICENSE", "Do what you like with it, at your own peril."),
        ("c.ipynb", '{"cells": [{"cell_type": "markdown", "source": "# Broken'),
        ("d/a.py", "x ="),
    ]
    found = _taken(by_hand(files))
    pages = {page.part: page for page in found.pages}
    assert set(pages) == {"a-py", "b-yaml", "license", "c-ipynb", "d/a-py"}
    assert "```python\ndef f(x):\n    # a comment\n    return x + 1\n```" in pages["a-py"].body
    assert pages["b-yaml"].body == "# b.yaml\n\n```yaml\n# not a heading\nkey: value\n```"
    assert "# Broken" in pages["c-ipynb"].body  # a notebook cut off is still text
    assert pages["d/a-py"].notices
    assert not found.report.lost


def test_two_parts_of_one_name_have_two_places() -> None:
    found = _taken(
        by_hand([("a.md", "One text here."), ("a.md", "Another text here."), ("b.md", "A third.")])
    )
    assert [page.part for page in found.pages] == ["a", "a-2", "b"]


def test_an_open_fence_ends_with_its_document() -> None:
    found = _taken(
        by_hand([("a.md", "Some text.\n\n```python\nx = 1"), ("b.md", "# Title\n\nOther text.")])
    )
    assert found.pages[0].body.endswith("```")
    assert sections(found.pages[1].body)[0].title == "Title"


def test_rows_of_tildes_under_titles_open_no_fence() -> None:
    """reStructuredText underlines with them, and what only looks open must not swallow the parts below."""
    restructured = "Title\n=====\n\nSome words.\n\nA section of it\n~~~~~~~~~~~~~~~\n\nMore words."
    files = [(f"{name}.md", restructured) for name in "abc"] + [("d.md", "x\n\n```\ny\n\n```")] * 2
    found = _taken("\n\n".join(f"---\nFile: /{path}\n---\n\n{text}" for path, text in files))
    assert [page.fields["part"] for page in found.pages] == [f"/{path}" for path, _ in files]
