"""Sentences of which no two are alike, and what stands between them in real texts: lists, rules, code, quotes."""

from __future__ import annotations

import random

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
    "neuron",
    "lens",
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
    "mirrors",
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
    "dense",
]
_NAMES = ["Ada", "Bo", "Cy", "Dee", "Eli", "Fay", "Gus", "Hal", "Ivy", "Jo", "Kim", "Lou"]
_FAMILIES = [
    "Marsh",
    "Quill",
    "Tarn",
    "Wold",
    "Heath",
    "Brook",
    "Fenn",
    "Copse",
    "Dale",
    "Ridge",
    "Thorpe",
    "Lund",
]


class Writer:
    """What one document is written with. ``said`` holds its sentences: all must come back, in it alone."""

    def __init__(self, pick: random.Random, mark: str) -> None:
        self.pick = pick
        self.mark = mark
        self.number = 0
        self.said: list[str] = []

    def sentence(self) -> str:
        self.number += 1
        nouns = self.pick.choices(_NOUNS, k=2)
        kinds = self.pick.choices(_KINDS, k=2)
        verb = self.pick.choice(_VERBS)
        text = f"The {kinds[0]} {nouns[0]} {verb} the {kinds[1]} {nouns[1]} of {self.mark}-{self.number}."
        self.said.append(text)
        return text

    def paragraph(self, sentences: int = 5) -> str:
        return " ".join(self.sentence() for _ in range(sentences))

    def words(self, count: int) -> str:
        return " ".join(
            self.pick.choice(_KINDS if index % 2 == 0 else _NOUNS) for index in range(count)
        )

    def heading(self) -> str:
        self.number += 1
        return f"{self.words(2).capitalize()} {self.number}"

    def code(self, lines: int = 6) -> str:
        """Python with comments at the margin that look like headings, and names of files in them."""
        out = [f"# Take the {self.words(1)} apart", "import torch", "# setup.ipynb does the same"]
        for _ in range(lines):
            self.number += 1
            out.append(f"{self.pick.choice(_NOUNS)}_{self.number} = model.run({self.number})")
            if self.pick.random() < 0.3:
                out.append(f"# {self.words(3).capitalize()}")
        return "\n".join(out)

    def block(self, headings: int = 2) -> str:
        """One stretch of prose: a paragraph, and more often than not a trap beside it."""
        mark = "#" * headings
        around = self.paragraph(self.pick.randint(3, 8))
        inner = [
            lambda: "",
            lambda: f"{mark} {self.heading()}",
            lambda: "---",
            lambda: f"---\n\n{self.heading()}\n\n---",
            lambda: f"```python\n{self.code()}\n```",
            lambda: f"```\n---\nFile: /shown/{self.words(1)}.md\n---\n\n{self.words(9)}\n```",
            lambda: f"```\n# [{self.heading()}](https://example.org/shown)\n```",
            lambda: f"Save it under this name:\n\nFile: {self.words(1)}.py\n\nand run it.",
            lambda: f"File: see the {self.words(2)} for what is meant here.",
            lambda: "\n".join(f"- {self.words(4)}" for _ in range(3)),
            lambda: f"- [{self.heading()}](https://example.org/{self.number}): {self.words(5)}",
            lambda: f"> {self.sentence()}",
            lambda: f"{self.heading()}\n---",
            lambda: "| name | value |\n| --- | --- |\n| a | 1 |",
            lambda: f"{mark}# [{self.heading()}](https://example.org/deep/{self.number})",
            lambda: f"{mark.rjust(2, chr(35))} {self.words(1)}.ipynb",
            lambda: f"**{self.heading()}**",
            lambda: f"{self.heading().title()}",
            lambda: "SOLUTION\n\nFILTERS\n\nHIDE",
        ]
        made = self.pick.choice(inner)()
        return f"{made}\n\n{around}" if made else around

    def prose(self, size: int, headings: int = 2) -> str:
        """About ``size`` characters of blocks that begin and end with a plain paragraph."""
        out = [self.paragraph(2)]
        while sum(map(len, out)) < size:
            out.append(self.block(headings))
        return "\n\n".join([*out, self.paragraph(2)])

    def person(self) -> str:
        return f"{self.pick.choice(_NAMES)} {self.pick.choice(_FAMILIES)}"
