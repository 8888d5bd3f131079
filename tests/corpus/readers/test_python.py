"""Python files in all their styles: prose becomes prose, code stays code, and no line is lost."""

from __future__ import annotations

import ast
import textwrap

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gadfly.corpus.markup import blocks, sections
from gadfly.corpus.readers import python
from gadfly.corpus.readers.report import lost

HEADER = "# ! FILTERS: [soln,st]\n# ! TAGS: [st-dropdown[Click to see it]]\n\n"
MASTER = f'''# ! CELL TYPE: markdown
{HEADER}r"""
# [1.9] Lenses
"""

# ! CELL TYPE: markdown
{HEADER}r\'\'\'
## Setup

A "quoted" word, $\\alpha$ and a fence:

```python
# in a fence
```
\'\'\'

# ! CELL TYPE: code
{HEADER}# FILTERS: ~colab
import sys
# END FILTERS

# A comment
def broken(:
    """Doc."""

# ! CELL TYPE: markdown
{HEADER}"""
Tab\\tand {{brace}}
"""

# ! CELL TYPE: markdown
{HEADER}r"""
<details><summary>Solution</summary>

SOLUTION

</details>
"""

# ! CELL TYPE: markdown
{HEADER}r"""
An unclosed literal
'''


def _titles(text: str) -> list[str]:
    return [each.title for each in sections(text) if each.title]


def test_an_arena_master() -> None:
    page = python.read(MASTER, "master_1_9.py")
    assert page.body == (
        "# [1.9] Lenses\n\n"
        '## Setup\n\nA "quoted" word, $\\alpha$ and a fence:\n\n```python\n# in a fence\n```\n\n'
        '```python\nimport sys\n\n# A comment\ndef broken(:\n    """Doc."""\n```\n\n'
        "Tab\tand {brace}\n\nAn unclosed literal"
    )
    assert page.fields["kind"] == "tutorial"
    assert _titles(page.body) == ["[1.9] Lenses", "Setup"]
    assert not lost(MASTER, [page.body], [page.removed])


def test_a_master_cell_that_is_no_literal_is_kept() -> None:
    page = python.read_master(
        "before = 1\n# ! CELL TYPE: markdown\n# ! FILTERS: []\n# ! TAGS: []\n\nplain words\n"
    )
    assert page.body == "```python\nbefore = 1\n```\n\nplain words"


PERCENT = """#!/usr/bin/env python
# ---
# jupyter:
#   jupytext:
#     text_representation: {format_name: percent}
# title: From the header
# ---

# %% [markdown]
# # Probes
#
# A probe reads a layer.

# %% Load it tags=["a", "b"]
# a comment
model = load()

# %% [markdown] id="x"
'''
## Inside a string

More words.
'''

#%%
%matplotlib inline
show(model)
"""


def test_the_percent_format() -> None:
    page = python.read(PERCENT, "probes.py")
    assert page.body == (
        "# Probes\n\nA probe reads a layer.\n\n###### Load it\n\n```python\n# a comment\nmodel = load()\n```\n\n"
        "## Inside a string\n\nMore words.\n\n```python\n%matplotlib inline\nshow(model)\n```"
    )
    assert page.fields["title"] == "From the header"
    assert not lost(PERCENT, [page.body], [page.removed])


def test_one_percent_comment_makes_no_cells() -> None:
    assert not python.is_percent("x = 1\n# %% is a percent sign\ny = 2\n")
    assert not python.is_percent("x = '''\n  # %%\n  # %%\n'''\n")


def test_prose_in_bare_strings() -> None:
    text = (
        'import torch\n"""\n# Lenses\n\nWords.\n"""\n# comment\nx = 1\n'
        'r"""\nMore $\\beta$.\n"""\ny = 2\n"""Last."""\n'
    )
    page = python.read(text, "a.py")
    assert page.body == (
        "```python\nimport torch\n```\n\n# Lenses\n\nWords.\n\n```python\n# comment\nx = 1\n```\n\n"
        "More $\\beta$.\n\n```python\ny = 2\n```\n\nLast."
    )
    assert not lost(text, [page.body], [page.removed])


PLAIN = (
    '''# A licence line
"""Steer a model.

Usage
-----
# adds a vector
>>> steer(x)
"""

import torch

SCALE = 4  # strong


# Above the function
@torch.no_grad()
def steer(x, *, scale=SCALE):
    """Add it.

    Args:
        x: the stream.
    """
    # inside
    return x + scale


class Small(Base, metaclass=M):
    r"""Doc of $\\\\alpha$."""

    def call(self): return 1


class Large:
    """A large one."""

    field: int = 3
'''
    + "\n".join(
        f'\n    async def method_{number}(self):\n        """Says {number}."""\n        await nothing()\n'
        for number in range(14)
    )
    + "\n\nif __name__ == '__main__':\n    steer(1); steer(2)\n"
)


def test_plain_code() -> None:
    page = python.read(PLAIN, "src/steer.py")
    assert _titles(page.body)[:5] == [
        "steer.py",
        "steer",
        "class Small(Base)",
        "class Large",
        "Large.method_0",
    ]
    assert "Usage\n    # adds a vector\n>>> steer(x)" in page.body
    assert (
        "## steer\n\nAdd it.\n\nArgs:\n    x: the stream.\n\n```python\n# Above the function\n@torch.no_grad()\n"
        "def steer(x, *, scale=SCALE):\n    # inside\n    return x + scale\n```" in page.body
    )
    assert (
        "### Large.method_3\n\nSays 3.\n\n```python\nasync def method_3(self):\n    await nothing()\n```"
        in page.body
    )
    assert page.fields == {"kind": "code", "title": "steer.py"}
    assert not lost(PLAIN, [page.body], [page.removed])


def test_code_that_does_not_parse_is_still_read() -> None:
    page = python.read("# a comment\ndef f(:\n    pass\n", "sub/bad.py")
    assert page.body == "# bad.py\n\n```python\n# a comment\ndef f(:\n    pass\n```"
    assert page.notices == (
        "sub/bad.py does not parse as Python (line 2: invalid syntax); it is read as plain text",
    )


@pytest.mark.parametrize(
    "text", ["", "\n\n", "\x00", "x = '\ud800'", "(" * 5000, "# only a comment", "\tx = 1\n"]
)
def test_nothing_breaks_it(text: str) -> None:
    page = python.read(text, "a.py")
    assert [each.kind for each in blocks(page.body)][:1] in (["heading"], [])


def test_magics_do_not_hide_the_structure() -> None:
    page = python.read(
        "%load_ext autoreload\n!pip install x\n\n\ndef f():\n    '''Doc.'''\n", "a.py"
    )
    assert _titles(page.body) == ["a.py", "f"]
    assert "%load_ext autoreload\n!pip install x" in page.body
    assert not page.notices


_LINE = st.sampled_from(
    ["x = 1", "# note", "", "'''text'''", "y = [\n    1,\n]", "a = 1; b = 2", "'''two\nlines'''"]
)
_DOC = st.sampled_from(['"""Does it."""\n', "'''One.\n\n# like a heading\nTwo\n---\n'''\n", ""])


@st.composite
def _module(draw: st.DrawFn, depth: int = 0) -> str:
    out = [draw(_DOC)]
    for _ in range(draw(st.integers(1, 4))):
        if depth < 2 and draw(st.booleans()):
            head = draw(
                st.sampled_from(
                    ["def f(a):", "class C:", "@mark\nasync def g():", "# why\nclass D(C):"]
                )
            )
            out.append(
                head + "\n" + textwrap.indent(draw(_module(depth + 1)), "    ", lambda line: True)
            )
        else:
            out.append(draw(_LINE))
    return "\n".join([*out, "pass"])


@settings(max_examples=60, deadline=None)
@given(text=_module())
def test_no_line_of_any_module_is_lost(text: str) -> None:
    try:
        ast.parse(text)
    except SyntaxError:
        return  # a docstring indented across its own lines may not parse
    page = python.read(text, "a.py")
    assert not lost(text, [page.body], [page.removed])
    shown = [line.strip() for line in page.body.split("\n")]
    for line in text.split("\n"):
        if line.strip() and "'" not in line and '"' not in line and "---" not in line:
            assert line.strip() in shown
