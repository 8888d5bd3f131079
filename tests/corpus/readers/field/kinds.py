"""The kinds of document that the field's file holds, each as a function from a writer and a size to a text."""

from __future__ import annotations

import json
import textwrap
from typing import Any

from .writing import Writer

_DIGITS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]


def master(writer: Writer, title: str, size: int) -> str:
    """An ARENA-style master file: Python whose cells stand behind ``# ! CELL TYPE:`` lines."""
    out = [_cell("markdown", f'r"""\n# {title}\n\n{writer.sentence()}\n"""')]
    out.append(_cell("markdown", 'r"""\n# Introduction\n\n---\n\nFile: solutions.py\n"""'))
    number = 0
    while sum(map(len, out)) < size:
        number += 1
        prose = writer.paragraph(3)
        if number % 4 == 1:
            box = "> ```yaml\n> Difficulty: 🔴⚪\n> ```"
            prose = f"## Exercise {number} - take it apart\n\n{box}\n\n{prose}"
        quotes = '"""' if number % 2 else "'''"
        out.append(_cell("markdown", f"r{quotes}\n{prose}\n{quotes}"))
        stub = f"def step_{number}(x):\n    # EXERCISE\n    # raise NotImplementedError()\n    # END EXERCISE"
        solution = f"    # SOLUTION\n    return x * {number}\n    # END SOLUTION"
        hidden = f"# HIDE\nif MAIN:\n    print({number})\n# END HIDE"
        head = f"# FILTERS: ~colab\n{writer.code(12)}\n# END FILTERS"
        out.append(_cell("code", f"{head}\n\n\n{stub}\n{solution}\n\n\n{hidden}"))
        box = "<details><summary>Solution</summary>\n\nSOLUTION\n\n</details>"
        out.append(_cell("markdown", f'r"""\n{box}\n"""'))
    out.append(_cell("markdown", f'r"""\n{writer.sentence()}\n"""'))
    return "\n\n".join(out)


def _cell(kind: str, body: str) -> str:
    return f"# ! CELL TYPE: {kind}\n# ! FILTERS: []\n# ! TAGS: []\n\n{body}"


def notebook(writer: Writer, title: str, size: int, *, fenced: bool, empty: bool) -> str:
    """A notebook converted to Markdown, with headings of every level, the last sections empty if asked."""
    out = [f"# {title}", writer.paragraph(2)] if title else [writer.paragraph(2)]
    number = 0
    while sum(map(len, out)) < size:
        number += 1
        out.append(f"{'#' * (number % 3 + 1)} {writer.heading()}")
        out.append(writer.paragraph(3))
        code = writer.code(5)
        out.append(f"```python\n{code}\n```" if fenced else code)
    out.append(writer.paragraph(2))
    return "\n\n".join(out + [f"## Empty {each}" for each in range(7 if empty else 0)])


def json_notebook(writer: Writer, title: str, size: int) -> str:
    made: list[dict[str, Any]] = []
    while sum(len(str(each)) for each in made) < size:
        lines = [writer.paragraph(3)]
        source = lines if made else [f"# {title}\n", "\n", *lines]
        made.append({"cell_type": "markdown", "metadata": {}, "source": source})
        code = writer.code().splitlines(keepends=True)
        made.append({"cell_type": "code", "metadata": {}, "outputs": [], "source": code})
    whole = {"cells": made, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(whole, indent=1)


def table(writer: Writer, title: str, size: int) -> str:
    """A page that is one huge HTML table."""
    body = ["<table>", "<thead><tr><th>Name</th><th>Note</th></tr></thead><tbody>"]
    while sum(map(len, body)) < size:
        body.append(f"<tr><td><code>lens-{len(body)}</code></td><td>{writer.sentence()}</td></tr>")
    whole = "\n".join([*body, "</tbody></table>"])
    return f"# {title}\n\n{writer.paragraph(2)}\n\n{whole}"


def unfenced(writer: Writer, title: str, size: int) -> str:
    """A guide whose code has no fences, so that its comments look like headings."""
    out = [f"# {title}", writer.paragraph(2)]
    number = 0
    while sum(map(len, out)) < size:
        number += 1
        block = f"# Close it\nwith model.trace() as tracer:\n    out = model.layer_{number}.save()"
        out += [f"## Step {number}", writer.paragraph(2), f"# Open a trace\n{block}"]
    return "\n\n".join([*out, writer.sentence()])


def glossary(writer: Writer, size: int) -> str:
    """Bullets of terms under headings of two levels."""
    out = [writer.paragraph(2)]
    while sum(map(len, out)) < size:
        out.append(f"# {writer.heading()}" if len(out) % 9 == 1 else f"## {writer.heading()}")
        out.append(
            "\n".join(
                f"- **{writer.words(2)}** - {writer.sentence()}\n    - {writer.sentence()}"
                for _ in range(6)
            )
        )
    return "\n\n".join([*out, writer.sentence()])


def survey(writer: Writer, title: list[str], people: list[str], stamp: str, size: int) -> str:
    """A PDF as raw text: hard-wrapped lines, words broken at their ends, arXiv's stamp read up the margin."""
    margin = ["" if each == " " else each for each in stamp[::-1]]
    out = [*title, "   ".join(f"{each}{mark}" for mark, each in enumerate(people, 1))]
    out += ["1Institute of Lenses  2Another Institute", *margin, "Abstract"]
    out += textwrap.wrap(writer.paragraph(4), 72)
    number = 0
    while sum(map(len, out)) < size:
        number += 1
        named = " ".join(_DIGITS[int(each)] for each in str(number))
        out += ["", f"{number} The section of number {named}"]
        out += textwrap.wrap(f"{writer.paragraph(4)} Here interpretability is meant.", 72)
        out += ["What is said of inter-", "pretability is longer than one line of it, and goes on."]
        if number % 5 == 0:
            out += ["", "Related work", *textwrap.wrap(writer.paragraph(2), 72)]
    out += ["", "References", "A. Marsh. The Early Lens. 2019.", *textwrap.wrap(writer.sentence())]
    return "\n".join(out)
