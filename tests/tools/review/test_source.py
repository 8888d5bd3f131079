"""Python files, notebooks and what only IPython understands."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from gadfly.agent.jobs.review import review_material as run
from gadfly.tools.review.engine import review_source
from gadfly.tools.review.reading.material import Material, text_file
from gadfly.tools.review.reading.source import from_text
from gadfly.tools.review.report import Remark

Reviewed = Callable[..., list[Remark]]
BUG = "acts = [[]] * n_layers"


def notebook(*cells: str | list[str], **extra: Any) -> str:
    made = [{"cell_type": "code", "source": each} for each in cells]
    made.insert(1, {"cell_type": "markdown", "source": "text"})
    return json.dumps({"cells": made, "nbformat": 4, **extra})


def test_a_notebook_finding_names_cell_and_line(reviewed: Reviewed) -> None:
    (found,) = reviewed(notebook("import torch\n", ["n_layers = 3\n", BUG]), "x.ipynb")
    assert (found.cell, found.start_line, found.quote) == (2, 2, BUG)


def test_values_flow_from_cell_to_cell(reviewed: Reviewed) -> None:
    text = notebook(
        "pairs = zip(a, b)", "for x, y in pairs:\n    f(x)", "for x, y in pairs:\n    g(x)"
    )
    assert [each.rule for each in reviewed(text, "x.ipynb")] == ["iterator-used-twice"]


def test_magics_move_no_line(reviewed: Reviewed) -> None:
    text = notebook(f"%pip install torch \\\n  einops\n!ls\nfiles = !ls\nmodel?\n{BUG}")
    (found,) = reviewed(text, "x.ipynb")
    assert found.start_line == 6
    script = f"%load_ext autoreload\nif True:\n    !nvidia-smi\n{BUG}\n"
    (found,) = reviewed(script)
    assert found.start_line == 4


def test_cells_of_other_languages_and_broken_cells_hide_nothing(reviewed: Reviewed) -> None:
    text = notebook("%%bash\nfor i in *; do echo $i; done", "def broken(:", f"%%time\n{BUG}")
    (found,) = reviewed(text, "x.ipynb")
    assert (found.cell, found.start_line) == (3, 2)


def test_what_cannot_be_read_gives_a_notice() -> None:
    for path, text in (("a.py", "def f(:\n"), ("b.ipynb", "{"), ("c.ipynb", "[]"), ("d.py", "\0")):
        done = run(Material("x", [text_file(path, text)]), llm="offline")
        assert not done.findings and len(done.notices) == 1, path
    assert from_text("e.py", "x = 1\n" * 400_000).notice


def test_crlf_and_byte_order_mark(reviewed: Reviewed) -> None:
    (found,) = reviewed("\ufeffimport torch\r\n\r\n" + BUG + "\r\n")
    assert found.start_line == 3 and found.quote == BUG


def test_a_modulo_continuation_is_not_a_magic(reviewed: Reviewed) -> None:
    (found,) = reviewed(f"x = (7\n% 3)\n{BUG}\n")
    assert found.start_line == 3


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=300))
def test_any_text_is_survived(text: str) -> None:
    for path in ("x.py", "x.ipynb"):
        notices: list[str] = []
        review_source(from_text(path, text), notices)
        assert not [each for each in notices if "the rule" in each]


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["cells", "cell_type", "source", "worksheets", "input"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=12,
)


@settings(max_examples=60, deadline=None)
@given(_JSON)
def test_any_json_is_survived_as_a_notebook(value: Any) -> None:
    review_source(from_text("x.ipynb", json.dumps(value)))


def test_a_finding_knows_its_line_in_the_notebook_file() -> None:
    cells = [
        {"cell_type": "markdown", "source": ["# Title\n", '"source": [\n']},
        {"cell_type": "code", "source": ["n_layers = 2\n", "\n", BUG], "outputs": []},
        {"cell_type": "code", "source": []},
    ]
    text = json.dumps({"cells": cells}, indent=1)
    file = text_file("x.ipynb", text)
    (found,) = review_source(file.source)
    line = file.line(found.cell, found.start_line)
    assert BUG in text.split("\n")[line - 1]
    for changed, told in (({line}, 1), ({line - 1}, 0)):
        material = Material("x", [text_file("x.ipynb", text, changed=changed)])
        assert len(run(material, llm="offline").findings) == told


_LINE = st.sampled_from([BUG, "x = 1", "%%bash", "!ls", "if a:", "é = 'ü'", "", 's = """', "\\"])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(_LINE, max_size=5), max_size=5), st.booleans())
def test_cells_of_any_kind_keep_their_places(cells: list[list[str]], crlf: bool) -> None:
    """Whatever stands in the other cells: a finding quotes the line that it names."""
    end = "\r\n" if crlf else "\n"
    made = [
        {"cell_type": "code", "source": [line + end for line in lines[:-1]] + lines[-1:]}
        for lines in cells
    ]
    text = json.dumps({"cells": made}, indent=1)
    file = text_file("x.ipynb", text)
    for each in review_source(file.source):
        assert each.cell is not None
        assert cells[each.cell][each.start_line - 1] == BUG == each.quote
        line = file.line(each.cell, each.start_line)
        assert json.dumps(BUG)[:-1] in text.split("\n")[line - 1]
