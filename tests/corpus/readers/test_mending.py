"""Each mender by itself: what it mends, what it must leave alone, and that it accounts for every word."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gadfly.corpus.documents import normalise
from gadfly.corpus.readers import rawtext, tables, unfenced
from gadfly.corpus.readers.bylines import byline
from gadfly.corpus.readers.fences import step
from gadfly.corpus.readers.report import Mended, lost


def test_a_table() -> None:
    text = (
        "Before\n<table border=1><caption>Models</caption>\n<tr><th>Name<th>Says</tr>"
        '<tr><td><code>gpt2</code></td><td>a | b &amp; <a href="https://x.org/y">c</a><br>d</td></tr>'
        '<tr><td colspan=2><ul><li>one<li>two</ul><img src="z.png" alt="pic"></td></tr></table> after'
    )
    mended = tables.mend(text)
    assert mended.text == (
        "Before\n\n\nModels\n\n| Name | Says |\n| --- | --- |\n| `gpt2` | a \\| b & [c](https://x.org/y) d |\n"
        "| one two ![pic](z.png) |  |\n\n after"
    )
    assert mended.times == 1
    assert not lost(text, [mended.text], [mended.removed])


@pytest.mark.parametrize(
    "text",
    [
        "```html\n<table><tr><td>x</td></tr></table>\n```",
        "<table> never closed",
        "no </table> opened",
        "a < table > b",
    ],
)
def test_tables_that_stay(text: str) -> None:
    assert tables.mend(text) == Mended(text)


def test_tables_inside_tables_and_for_layout() -> None:
    nested = (
        "<table><tr><td>a<table><tr><td>b</td><td>c</td></tr></table></td><td>d</td></tr></table>"
    )
    assert tables.mend(nested).text.strip() == "| a b c | d |\n| --- | --- |"
    layout = "<table><tr><td>one</td></tr><tr><td>two | three</td></tr></table>"
    assert tables.mend(layout).text.strip() == "one\n\ntwo | three"
    assert tables.mend("<table></table>").text == "<table></table>"


@settings(max_examples=50, deadline=None)
@given(
    st.lists(
        st.lists(st.text("ab c&<>|é\n", max_size=8), min_size=2, max_size=4), min_size=1, max_size=6
    )
)
def test_no_cell_is_lost(rows: list[list[str]]) -> None:
    import html

    body = "".join(
        "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    mended = tables.mend(f"<table>{body}</table>").text
    for row in rows:
        for cell in row:
            assert " ".join(cell.split()).replace("|", "\\|") in mended


@pytest.mark.parametrize(
    ("text", "mended", "times"),
    [
        ("T\no\nk\ne\nn", "Token", 5),
        ("T\n\no\n\nk\n\ne\n\nn", "Token", 5),
        ("a\nb\no\nu\nt\n\ni\nt\nend of it", "about it\nend of it", 7),
        (
            "]\nL\nC\n.\ns\nc\n[\n\n1\nv\n5\n4\n3\n2\n1\n.\n1\n0\n4\n2\n:\nv\ni\nX\nr\na",
            "arXiv:2401.12345v1 [cs.CL]",
            25,
        ),
        ("x\ny\nz", "x\ny\nz", 0),
        ("A\nB\nC\nD", "A\nB\nC\nD", 0),
        ("1\n2\n3\n4\n5", "1\n2\n3\n4\n5", 0),
        ("}\n)\n]\n}", "}\n)\n]\n}", 0),
        ("```\nT\no\nk\ne\nn\n```", "```\nT\no\nk\ne\nn\n```", 0),
    ],
)
def test_one_character_lines(text: str, mended: str, times: int) -> None:
    found = rawtext.join_letters(text)
    assert (found.text, found.times) == (mended, times)
    assert not lost(text, [found.text], [found.removed])


def test_empty_sections() -> None:
    text = "# Title\n\n## Kept\n\n### Deep\n\nWords\n\n## Gone\n\n## Gone too\n\n# Next\n\nMore\n\n## Last"
    found = rawtext.drop_empty_sections(text)
    assert [line for line in found.text.split("\n") if line] == [
        "# Title",
        "## Kept",
        "### Deep",
        "Words",
        "# Next",
        "More",
    ]
    assert found.times == 3
    assert not lost(text, [found.text], [found.removed])
    assert rawtext.drop_empty_sections("# Title") == Mended("# Title")


CODE = "# Load the model\nmodel = load('gpt2')\n\n# Run it\nwith model.trace():\n    out = model.out.save()\nprint(out)"


@pytest.mark.parametrize(
    ("text", "fenced"),
    [
        (f"# Title\n\nWords.\n\n{CODE}\n\nMore words.", [CODE]),
        (f"# Heading alone\n\n{CODE}", [CODE]),
        (f"{CODE}\n\n# Heading between\n\nx = f(1)\ny = f(2)", [CODE, "x = f(1)\ny = f(2)"]),
        ("import torch\nfrom a import b", ["import torch\nfrom a import b"]),
        ("f(\n    a,\n    # why\n    b,\n)\nx = 3", ["f(\n    a,\n    # why\n    b,\n)\nx = 3"]),
        ("%pip install x\nimport x", ["%pip install x\nimport x"]),
    ],
)
def test_code_without_a_fence(text: str, fenced: list[str]) -> None:
    found = unfenced.mend(text)
    assert found.times == len(fenced)
    for code in fenced:
        assert f"```python\n{code}\n```" in found.text
    assert not lost(text, [found.text], [found.removed])
    assert unfenced.mend(found.text).text == found.text


@pytest.mark.parametrize(
    "text",
    [
        "# Title\n\nImport the data = first step, and return to it.",
        f"```python\n{CODE}\n```",
        "- x = 1\n- y = 2",
        "> x = 1\n> y = 2",
        "| a = 1 |\n| b = 2 |",
        "# Import\n\nfor example: this\nwhile that: this",
        "x = 1",
        "$ pip install gadfly\n$ gadfly ask",
        "Note: f(x) = y.\nLet g(x) = f(x).",
        "key: value\nother: value",
        "# One\n\n## Two\n\n### Three",
    ],
)
def test_prose_gets_no_fence(text: str) -> None:
    assert unfenced.mend(text) == Mended(text)


def test_very_long_code_without_a_fence_ends() -> None:
    good = "\n".join(f"# step {number}\nx_{number} = f({number})\n" for number in range(1_000))
    assert unfenced.mend(good).times > 1
    bad = "\n\n".join(f"x_{number} = f({number}\ny = = 3" for number in range(1_000))
    unfenced.mend(bad)
    unfenced.mend("# note\n" * 5_000)


def test_broken_words() -> None:
    text = "Interpretability of self-attention.\nself-\nattention and Interpret-\nability, but multi-\nheaded stays."
    found = rawtext.join_broken_words(text)
    assert (
        found.text
        == "Interpretability of self-attention.\nself-attention and Interpretability, but multi-\nheaded stays."
    )
    assert found.times == 2
    assert not lost(text, [found.text], [found.removed])


def test_numbered_headings() -> None:
    text = (
        "1 Introduction\nWords\n1.1 Aims\n2 Methods ..... 7\n3 Heads were cut.\n1.2 Scope\n2 Methods\n"
        "2019 Was good\n4 Far Off\n3 Results"
    )
    assert [
        line for line in rawtext.number_headings(text).text.split("\n") if line.startswith("#")
    ] == ["## 1 Introduction", "### 1.1 Aims", "### 1.2 Scope", "## 2 Methods", "## 3 Results"]


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("# T\n\nby Ann Bee and Cy van Dee\n\nWords", {"authors": ["Ann Bee", "Cy van Dee"]}),
        (
            "**Authors:** [Ann Bee](x), C. Dee\n**Published:** 3 May 2022",
            {"authors": ["Ann Bee", "C. Dee"], "year": 2022},
        ),
        ("Source: https://example.org/post.", {"url": "https://example.org/post"}),
        ("By then, the model had failed.\nYear in, year out\nSource code is there", {}),
        ("Authors disagree on this", {}),
        ("", {}),
    ],
)
def test_bylines(text: str, fields: dict[str, object]) -> None:
    assert byline(text) == fields


@pytest.mark.parametrize(
    "mend",
    [
        tables.mend,
        rawtext.join_letters,
        rawtext.drop_empty_sections,
        unfenced.mend,
        rawtext.join_broken_words,
        rawtext.number_headings,
    ],
)
@settings(max_examples=40, deadline=None)
@given(text=st.text("aB1 #\n-`|<>/=():.x", max_size=200))
def test_no_mender_loses_a_word(mend: Callable[[str], Mended], text: str) -> None:
    found = mend(text)
    assert not lost(text, [found.text], [found.removed])


def test_most_code_of_real_documents_is_found_again_without_its_fences(real_docs: Path) -> None:
    """Fences taken off, what is fenced again must be code, and most of the code must be."""
    code = prose = found_code = found_prose = 0
    for path in sorted(real_docs.glob("*.md"))[::3]:
        marks: list[
            bool | None
        ] = []  # per line: in a Python fence, outside all, or (None) in another
        bare: list[str] = []
        mark, python = "", False
        for line in normalise(path.read_text()).split("\n"):
            after = step(line, mark)
            if bool(after) == bool(mark):
                bare.append(line)
                marks.append((python or None) if mark else False)
            elif after:
                python = line.strip("`~ ").lower() in ("py", "python")
            mark = after
        fenced = _fenced_lines(unfenced.mend("\n".join(bare)).text)
        solid = [each for line, each in zip(bare, marks, strict=True) if line.strip()]
        assert len(solid) == len(fenced)
        for was, now in zip(solid, fenced, strict=True):
            code += was is True
            prose += was is False
            found_code += was is True and now
            found_prose += was is False and now
    assert code > 1_000
    assert prose > 1_000
    assert found_code > 0.9 * code
    assert found_prose < 0.02 * prose


def _fenced_lines(text: str) -> list[bool]:
    """For each line that is not blank and no fence's own: whether it stands in a fence."""
    out: list[bool] = []
    mark = ""
    for line in text.split("\n"):
        after = step(line, mark)
        if line.strip() and bool(after) == bool(mark):
            out.append(bool(mark))
        mark = after
    return out
