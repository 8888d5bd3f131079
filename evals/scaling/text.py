"""A larger library of the packaged guide's own kind: every copy of a document with its words drawn anew.

Structure, lengths and the frequency of words stay those of the guide, so that passages and windows grow in proportion.
What does not grow is the vocabulary: real text would bring new words. Deterministic in the seed.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator

from gadfly.corpus.documents import Document
from gadfly.corpus.sources.guide import GuideSource

_WORD = re.compile(r"[^\W\d_]{2,}")


class Grown:
    """The guide, and ``factor - 1`` synthetic copies of each of its documents."""

    def __init__(self, factor: int, seed: int = 0) -> None:
        self.name = f"grown-{factor}-{seed}"
        self.factor, self._seed = factor, seed

    def fingerprint(self) -> str:
        return f"{GuideSource().fingerprint()} {self.name}"

    def documents(self) -> Iterator[Document]:
        guide = list(GuideSource().documents())
        words = [word for document in guide for word in _WORD.findall(document.text)]
        yield from guide
        for copy in range(1, self.factor):
            dice = random.Random(self._seed * 1_000_003 + copy)
            for document in guide:
                yield document.model_copy(
                    update={
                        "id": f"{document.id}-{copy}",
                        "title": redrawn(document.title, words, dice),
                        "text": redrawn(document.text, words, dice),
                    }
                )


def redrawn(text: str, words: list[str], dice: random.Random) -> str:
    """The text with every word replaced by one drawn from ``words``; marks, figures and layout stay."""
    return _WORD.sub(lambda _: dice.choice(words), text)
