"""A small ``default_600k.md`` in words of our own: the same shapes, traps and defects, at any size.

A table of contents; parts behind ``File: /path`` lines or large headings; ARENA masters as Python (about
half of it), notebooks and docs, a glossary, two PDFs as raw text, forum posts.
"""

from __future__ import annotations

import json
import random
import textwrap
from dataclasses import dataclass, field
from typing import Any

_NOUNS = [
    "probe",
    "head",
    "layer",
    "stream",
    "feature",
    "circuit",
    "token",
    "patch",
    "vector",
    "cache",
]
_VERBS = [
    "moves",
    "reads",
    "writes",
    "copies",
    "suppresses",
    "scales",
    "shifts",
    "hides",
    "predicts",
]
_KINDS = [
    "late",
    "early",
    "noisy",
    "linear",
    "sparse",
    "causal",
    "frozen",
    "steered",
    "ablated",
    "shared",
]
_DIGITS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]

Said = tuple[str, ...]  # sentences that must come back


@dataclass(frozen=True)
class Expected:
    """One document that must come back."""

    part: str
    title: str
    kind: str
    said: Said
    authors: tuple[str, ...] = ()


@dataclass
class Miniature:
    text: str = ""
    expected: list[Expected] = field(default_factory=list)
    letters: int = 0  # lines of one character
    empty: int = 7  # sections of a notebook with nothing in them


def build(*, scale: int = 1, seed: int = 7) -> Miniature:
    """The dump. ``scale`` multiplies the length of its parts: at 31 it has about 2.2 MB."""
    made, writer = Miniature(), _Writer(seed)
    titles: list[str] = []
    parts: list[str] = []

    def add(separator: str, body: str, expected: Expected | None, entry: str = "") -> None:
        parts.append(f"{separator}\n\n{body}" if separator else body)
        titles.extend([entry] if entry else [])
        made.expected.extend([expected] if expected else [])

    for number in range(1, 6):
        title = f"[9.{number}] Lenses, part {number}"
        body, said = _master(writer, title, 8 * scale)
        place = f"lenses/master-9-{number}-py"
        add(
            f"File: /lenses/master_9_{number}.py",
            body,
            Expected(place, title, "tutorial", said),
            title,
        )

    body, said = _notebook(writer, 4 * scale)
    demos = "lens-library/demos"
    wanted = Expected(f"{demos}/main-demo-ipynb", "Main demo", "notebook", said)
    add("File: /Lens Library/demos/Main_Demo.ipynb", body, wanted, "Lens Library demos")
    body, said = _json_notebook(writer, 3 * scale)
    wanted = Expected(f"{demos}/raw-ipynb", "Raw demo", "notebook", said)
    add("File: /Lens Library/demos/Raw.ipynb", body, wanted)
    add("File: /Lens Library/demos/Nothing.ipynb", "", None)

    body, said = _table(writer, 20 * scale)
    wanted = Expected("lens-library/docs/models", "Supported models", "document", said)
    add("File: /Lens Library/docs/models.md", body, wanted)
    body, said = _unfenced(writer, 4 * scale)
    wanted = Expected("tracing/docs/start", "Getting started with tracing", "document", said)
    add("File: /tracing/docs/start.md", body, wanted)

    title = "A Long Glossary of Lenses"
    body, said = _glossary(writer, 12 * scale)
    wanted = Expected("a-long-glossary-of-lenses", title, "glossary", said, ("Ann Author",))
    add("", f"# {title}\n\n{body}", wanted, f"{title} by Ann Author (2022)")

    for number in (1, 2):
        body, said, letters = _pdf(writer, 8 * scale, number)
        made.letters += letters
        title = f"A Survey of Lenses, Volume {'II'[:number]}"
        wanted = Expected(f"papers/survey-{number}-pdf", title, "paper", said)
        add(f"File: /papers/Survey {number}.pdf", body, wanted, f"Survey {number}")

    for number in (1, 2, 3):
        title = f"Post number {number} on what lenses hide"
        said = (writer.sentence(), writer.sentence())
        body = f"# {title}\n\nby Bo Writer\n\n{said[0]}\n\n## Why\n\n{writer.paragraph(6 * scale)}\n\n{said[1]}"
        place = f"post-number-{number}-on-what-lenses-hide"
        add("", body, Expected(place, title, "document", said, ("Bo Writer",)), title)

    entries = "\n".join(f"{number}. {title}" for number, title in enumerate(titles, 1))
    made.text = "\n\n".join([f"# Table of Contents\n\n{entries}", *parts]) + "\n"
    return made


class _Writer:
    """Sentences and statements of which no two are alike."""

    def __init__(self, seed: int) -> None:
        self.pick = random.Random(seed).choice
        self.number = 0

    def sentence(self) -> str:
        self.number += 1
        subject = f"{self.pick(_KINDS)} {self.pick(_NOUNS)}"
        goal = f"{self.pick(_KINDS)} {self.pick(_NOUNS)}"
        return f"The {subject} {self.pick(_VERBS)} the {goal} of position {self.number}."

    def paragraph(self, sentences: int = 4) -> str:
        return " ".join(self.sentence() for _ in range(sentences))

    def code(self, lines: int = 6) -> str:
        out = [f"# Take the {self.pick(_NOUNS)} number {self.number} apart", "import torch as t"]
        for index in range(lines):
            self.number += 1
            call = f"model.run({self.pick(_NOUNS)}={self.number})"
            out.append(f"{self.pick(_NOUNS)}_{index} = {call}  # {self.pick(_KINDS)} one")
        return "\n".join(out)


def _master(writer: _Writer, title: str, cells: int) -> tuple[str, Said]:
    said = []
    out = [
        _cell("markdown", f'r"""\n# {title}\n"""'),
        _cell("markdown", 'r"""\n# Introduction\n"""'),
    ]
    for number in range(cells):
        said.append(writer.sentence())
        prose = f"{writer.paragraph(2)}\n\n{said[-1]}"
        if number % 4 == 0:
            box = "> ```yaml\n> Difficulty: 🔴⚪\n> ```"
            prose = f"## Exercise {number} - take it apart\n\n{box}\n\n{prose}"
        quotes = '"""' if number % 2 else "'''"
        out.append(_cell("markdown", f"r{quotes}\n{prose}\n{quotes}"))
        stub = f"def step_{number}(x):\n    # EXERCISE\n    # raise NotImplementedError()\n    # END EXERCISE"
        solution = f"    # SOLUTION\n    return x * {number}\n    # END SOLUTION"
        code = f"# FILTERS: ~colab\n{writer.code(12)}\n# END FILTERS\n\n\n{stub}\n{solution}"
        out.append(_cell("code", code))
        box = "<details><summary>Solution</summary>\n\nSOLUTION\n\n</details>"
        out.append(_cell("markdown", f'r"""\n{box}\n"""'))
    return "\n\n".join(out), tuple(said)


def _cell(kind: str, body: str) -> str:
    return f"# ! CELL TYPE: {kind}\n# ! FILTERS: []\n# ! TAGS: []\n\n{body}"


def _notebook(writer: _Writer, sections: int) -> tuple[str, Said]:
    """A notebook converted to Markdown without fences; its last seven sections came out empty."""
    said = []
    out = ["# Main demo", writer.paragraph()]
    for number in range(sections):
        said.append(writer.sentence())
        out += [f"## Section {number}", said[-1], writer.code(), writer.paragraph(1)]
    return "\n\n".join(out + [f"## Empty {number}" for number in range(7)]), tuple(said)


def _json_notebook(writer: _Writer, cells: int) -> tuple[str, Said]:
    said = [writer.sentence() for _ in range(cells)]
    made: list[dict[str, Any]] = []
    for number, each in enumerate(said):
        source = ["# Raw demo\n", "\n", each] if not number else [each]
        made.append({"cell_type": "markdown", "metadata": {}, "source": source})
        code = writer.code().splitlines(keepends=True)
        made.append({"cell_type": "code", "metadata": {}, "outputs": [], "source": code})
    whole = {"cells": made, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(whole, indent=1), tuple(said)


def _table(writer: _Writer, rows: int) -> tuple[str, Said]:
    said = []
    body = ["<table>", "<thead><tr><th>Name</th><th>Note</th><th>Link</th></tr></thead><tbody>"]
    for number in range(rows):
        said.append(writer.sentence())
        link = f'<a href="https://example.org/{number}">see</a>'
        body.append(
            f"<tr><td><code>lens-{number}</code></td><td>{said[-1]}</td><td>{link}</td></tr>"
        )
    table = "\n".join([*body, "</tbody></table>"])
    return f"# Supported models\n\n{writer.paragraph()}\n\n{table}", tuple(said)


def _unfenced(writer: _Writer, sections: int) -> tuple[str, Said]:
    said = []
    out = ["# Getting started with tracing", writer.paragraph()]
    for number in range(sections):
        said.append(writer.sentence())
        block = f"# Close it\nwith model.trace() as tracer:\n    out = model.layer_{number}.save()"
        out += [f"## Step {number}", said[-1], f"# Open a trace\n{writer.code()}\n\n{block}"]
        if number % 2:
            out.append(f"```python\n# A comment in a fence\n{writer.code(2)}\n```")
    return "\n\n".join(out), tuple(said)


def _glossary(writer: _Writer, terms: int) -> tuple[str, Said]:
    said = tuple(writer.sentence() for _ in range(terms))
    body = [
        f"- **Term {number}** - {each}\n    - {writer.sentence()}"
        for number, each in enumerate(said)
    ]
    return "## Terms\n\n" + "\n".join(body), said


def _pdf(writer: _Writer, sections: int, number: int) -> tuple[str, Said, int]:
    """Hard-wrapped lines, words broken at their ends, and arXiv's stamp read up the margin."""
    stamp = f"arXiv:240{number}.0000{number}v1 [cs.CL] 2 Jan 202{number}"[::-1]
    out = ["" if each == " " else each for each in stamp]
    out += [f"A Survey of Lenses, Volume {'II'[:number]}", "Abstract"]
    said = []
    for index in range(1, sections + 1):
        said.append(writer.sentence())
        named = " ".join(_DIGITS[int(each)] for each in str(index))
        words = f"{writer.paragraph(3)} Here interpretability is meant. {said[-1]} {writer.paragraph(3)}"
        out += [f"{index} The section of number {named}", *textwrap.wrap(words, 72)]
        out += [
            "What is said of inter-",
            "pretability is longer than one line of it, and goes on here.",
        ]
    return "\n".join(out), tuple(said), sum(each != " " for each in stamp)
