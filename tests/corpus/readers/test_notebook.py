"""Notebooks: both formats, outputs kept short, images marked, and files that are none."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gadfly.corpus.markup import sections
from gadfly.corpus.readers import notebook
from gadfly.corpus.readers.notebook import CHARACTERS, LINES, rendered
from gadfly.errors import CorpusError


def _cell(kind: str, source: Any, **more: Any) -> dict[str, Any]:
    return {"cell_type": kind, "metadata": {}, "source": source, **more}


def _code(source: Any, *outputs: dict[str, Any]) -> dict[str, Any]:
    return _cell("code", source, outputs=list(outputs), execution_count=1)


def _text(*cells: dict[str, Any], **about: Any) -> str:
    return json.dumps({"cells": list(cells), "metadata": about, "nbformat": 4, "nbformat_minor": 5})


STREAM = {"output_type": "stream", "name": "stdout", "text": ["layer 3\n", "done\n"]}
PICTURE = {
    "output_type": "display_data",
    "data": {"image/png": "iVBORw0KGgo" * 50, "text/plain": "<Figure size 640x480>"},
}


def test_markdown_code_and_outputs() -> None:
    page = notebook.read(
        _text(
            _cell("markdown", ["# Patching\n", "\n", "Copy it."]),
            _code("# not a heading\nx = 1\n", STREAM, PICTURE),
            _code(""),
            _cell("raw", "Raw words."),
        ),
        "a.ipynb",
    )
    assert page.body == (
        "# Patching\n\nCopy it.\n\n```python\n# not a heading\nx = 1\n```\n\n"
        "```output\nlayer 3\ndone\n```\n\n[image left out]\n\nRaw words."
    )
    assert page.fields["kind"] == "notebook"
    assert [each.title for each in sections(page.body)] == ["Patching"]


def test_the_older_format() -> None:
    cells = [
        {"cell_type": "heading", "level": 2, "source": ["Two\n", "lines"]},
        {
            "cell_type": "code",
            "input": ["print(1)"],
            "language": "python",
            "outputs": [
                {"output_type": "pyout", "text": ["1\n"], "prompt_number": 1},
                {"output_type": "display_data", "png": "iVBOR"},
                {
                    "output_type": "pyerr",
                    "ename": "KeyError",
                    "evalue": "'a'",
                    "traceback": ["\x1b[31mlong\x1b[0m"],
                },
            ],
        },
    ]
    page = notebook.read(
        json.dumps({"worksheets": [{"cells": cells}], "nbformat": 3, "metadata": {}}), "a"
    )
    assert page.body == (
        "## Two lines\n\n```python\nprint(1)\n```\n\n```output\n1\n\nKeyError: 'a'\n```\n\n[image left out]"
    )


def test_what_a_notebook_says_of_itself() -> None:
    page = notebook.read(
        _text(
            _code("let x = 1"),
            title="On Probes",
            authors=[{"name": "Ann Bee"}],
            language_info={"name": "Julia"},
        ),
        "a",
    )
    assert page.fields["title"] == "On Probes"
    assert page.fields["authors"] == ["Ann Bee"]
    assert page.body.startswith("```julia\n")
    front = notebook.read(
        _text(_cell("raw", "---\ntitle: From the front\n---"), _cell("markdown", "Text")), "a"
    )
    assert front.fields["title"] == "From the front"
    assert front.body == "Text"


def test_pictures_in_markdown_are_marked_and_links_stay() -> None:
    text = (
        "![A plot](data:image/png;base64,AAAA) ![](attachment:x.png) ![far](https://x.org/y.png)\n"
        "<img src='data:image/gif;base64,QQ'>"
    )
    assert notebook.read(_text(_cell("markdown", text)), "a").body == (
        "[image: A plot] [image] ![far](https://x.org/y.png)\n[image]"
    )


def test_an_open_fence_does_not_swallow_the_next_cell() -> None:
    page = notebook.read(_text(_cell("markdown", "```\nopen"), _cell("markdown", "# Next")), "a")
    assert [each.title for each in sections(page.body) if each.title] == ["Next"]


def test_code_that_holds_fences_stays_in_its_own() -> None:
    page = notebook.read(_text(_code('doc = """\n```python\nx\n```\n"""\n# comment')), "a")
    assert sections(page.body)[0].title == ""


def test_outputs_are_short() -> None:
    def said(text: Any) -> str:
        return rendered([{"output_type": "stream", "text": text}])

    assert said("") == ""
    assert len(said("x" * 10_000_000)) < 400
    assert f"… ({100 - LINES} more lines)" in said("\n".join(map(str, range(100))))
    assert len(said("\n".join("y" * 250 for _ in range(100)))) < CHARACTERS + 400
    assert said(" 10%|█\r 50%|██\r100%|███\n\x1b[32mok\x1b[0m") == "```output\n100%|███\nok\n```"
    shown = {"text/html": "<b>x</b>", "text/plain": ["<IPython.core.display.HTML object>"]}
    html = {"output_type": "execute_result", "data": shown}
    assert rendered([html]) == "[HTML output left out]"
    table = {
        "output_type": "execute_result",
        "data": {"text/html": "<table>", "text/plain": ["   a\n", "0  1"]},
    }
    assert rendered([table]) == "```output\n   a\n0  1\n```"
    widget = {
        "output_type": "display_data",
        "data": {"application/vnd.jupyter.widget-view+json": {}, "text/plain": "HBox()"},
    }
    assert rendered([widget, widget]) == "[widget left out]"
    assert rendered("nonsense") == rendered([3, {"output_type": "stream", "text": 5}]) == ""


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "line 1"),
        ('{"cells": [', "line 1"),
        ("{\n'cells': 1}", "line 2"),
        ("[1]", "no cells"),
        ('{"a": 1}', "no cells"),
        ('{"cells": 3}', "no cells"),
        ("[" * 200_000, "nested too deep"),
    ],
)
def test_what_is_no_notebook_says_so_and_names_the_file(text: str, reason: str) -> None:
    with pytest.raises(CorpusError, match=r"cannot read sub/a\.ipynb") as caught:
        notebook.read(text, "sub/a.ipynb")
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)


def test_odd_cells_are_read_as_far_as_they_go() -> None:
    page = notebook.read(
        json.dumps(
            {
                "cells": [
                    None,
                    3,
                    {},
                    {"cell_type": "markdown", "source": 5},
                    _cell("markdown", ["a", 1]),
                ]
            }
        ),
        "a",
    )
    assert page.body == "a"
