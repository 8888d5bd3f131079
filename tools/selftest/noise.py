"""Input that means nothing, for any model: words drawn at random from its own vocabulary."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from gadfly.errors import ModelError

if TYPE_CHECKING:
    from gadfly.tools.model import LocalModel

_ENOUGH = 200


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
        if not word.isascii() or not word.isalnum():
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


def random_pairs(model: LocalModel, n: int, seed: int) -> list[dict[str, object]]:
    """Random prompts that differ in one word, and random answers."""
    rng = np.random.default_rng(seed)
    words = vocabulary(model)
    out: list[dict[str, object]] = []
    for _ in range(n):
        body = [str(word) for word in rng.choice(words, 6)]
        other = list(body)
        place = int(rng.integers(6))
        other[place] = str(rng.choice([word for word in words if word != body[place]]))
        answer, wrong = (str(word) for word in rng.choice(words, 2, replace=False))
        out.append({
            "clean": " ".join(body), "corrupt": " ".join(other), "answer": answer, "wrong": wrong,
        })  # fmt: skip
    return out


def random_texts(model: LocalModel, n: int, seed: int) -> list[dict[str, object]]:
    """Random texts with labels drawn by a coin."""
    rng = np.random.default_rng(seed)
    words = vocabulary(model)
    return [
        {"text": " ".join(rng.choice(words, 6)), "label": int(rng.integers(2)), "group": i}
        for i in range(n)
    ]
