"""Input that means nothing, for any model: words drawn at random from its own vocabulary."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from gadfly.errors import ModelError
from gadfly.tools.model import LocalModel

_ENOUGH = 200
LENGTH = 6
"""Words of a text, where nothing else is asked for."""


@lru_cache(maxsize=4)
def vocabulary(model: LocalModel) -> tuple[str, ...]:
    """Words that are one token each within a prompt.

    Raises:
        ModelError: the tokenizer has too few of them.
    """
    found: list[str] = []
    rng = np.random.default_rng(0)
    tokenizer = model.tokenizer
    special = set(tokenizer.all_special_ids)
    first = len(model.ids("a"))
    for identifier in rng.permutation(len(tokenizer)):
        if int(identifier) in special:
            continue
        word = tokenizer.decode([int(identifier)]).strip()
        if not word.isascii() or not word.isalnum() or word[0].isdigit():
            continue
        if (
            len(model.ids(f"{word} {word}")) - len(model.ids(word)) == 1
            and len(model.ids(word)) == first
        ):
            found.append(word)
        if len(found) == _ENOUGH:
            break
    if len(set(found)) < 20:
        raise ModelError(
            f"the tokenizer of {model.name} has too few one-token words for a self-test"
        )
    return tuple(dict.fromkeys(found))


def words(model: LocalModel, n: int, seed: int) -> list[str]:
    """Single words, with repeats."""
    return [str(word) for word in np.random.default_rng(seed).choice(vocabulary(model), n)]


def texts(model: LocalModel, n: int, seed: int, length: int = LENGTH) -> list[str]:
    """Texts of a few words each."""
    drawn = words(model, n * length, seed)
    return [" ".join(drawn[i * length : (i + 1) * length]) for i in range(n)]


def dealt(texts: Sequence[str], seed: int) -> list[dict[str, object]]:
    """Texts with labels dealt out by chance, each to half of them."""
    labels = np.random.default_rng(seed + 1).permutation(np.arange(len(texts)) % 2)
    return [
        {"text": text, "label": int(label), "group": i}
        for i, (text, label) in enumerate(zip(texts, labels, strict=True))
    ]


def answered(model: LocalModel, n: int, seed: int, length: int = LENGTH) -> list[dict[str, str]]:
    """Prompts with an answer and a wrong one, both drawn."""
    pairs = _two_words(model, n, seed + 1)
    return [
        {"prompt": text, "answer": answer, "wrong": wrong}
        for text, (answer, wrong) in zip(texts(model, n, seed, length), pairs, strict=True)
    ]


def pairs(model: LocalModel, n: int, seed: int, length: int = LENGTH) -> list[dict[str, object]]:
    """Clean and corrupt prompts that differ in one word, and drawn answers."""
    rng = np.random.default_rng(seed)
    out: list[dict[str, object]] = []
    for text, (answer, wrong) in zip(
        texts(model, n, seed, length), _two_words(model, n, seed + 1), strict=True
    ):
        other = text.split()
        place = int(rng.integers(length))
        other[place] = next(
            w for w in words(model, 20, int(rng.integers(1 << 30))) if w != other[place]
        )
        corrupt = " ".join(other)
        out.append({"clean": text, "corrupt": corrupt, "answer": answer, "wrong": wrong})
    return out


def _two_words(model: LocalModel, n: int, seed: int) -> list[tuple[str, str]]:
    rng = np.random.default_rng(seed)
    return [
        (str(a), str(b))
        for a, b in (rng.choice(vocabulary(model), 2, replace=False) for _ in range(n))
    ]
