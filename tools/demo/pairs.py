"""What a prompt pair is, the templates that know which token is which, and the held-out rules.

A prompt is words separated by single spaces, and the demo tokenizer makes one token of each word
after one ``<bos>``. So token positions can be counted here, without a tokenizer: word *i* of the
prompt is token *i + 1*. The tests check that against the packaged tokenizer.

Which behaviours exist, and what they say, is in ``builders`` and ``behaviours``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Literal, TypeVar

Split = Literal["train", "held_out"]
Spans = dict[str, tuple[int, int]]
T = TypeVar("T")

BOS_TOKENS = 1
LATIN_STEP = 5  # one combination of template and item in five is held out


@dataclass(frozen=True)
class Pair:
    """Two prompts of equal token length that differ inside labelled spans and in their answer.

    ``answer`` follows ``clean`` and ``wrong`` follows ``corrupt``; both are single tokens. A span
    is [start, end) in the token ids of either prompt, ``<bos>`` at 0. ``END`` is the last token.
    ``label`` is the clean prompt's class for probing, where the behaviour has one; prompts of one
    ``group`` share words that could be memorised and belong on one side of a split.
    """

    clean: str
    corrupt: str
    answer: str
    wrong: str
    group: str
    spans: Spans = field(default_factory=dict, hash=False)
    label: int | None = None


@dataclass(frozen=True)
class Example:
    """One prompt, the token that follows it, and what a probe needs to know about it."""

    prompt: str
    answer: str
    wrong: str
    group: str
    label: int | None = None


def fill(template: str, words: Mapping[str, str]) -> tuple[str, Spans]:
    """Put ``words`` into the ``{slots}`` of a template; upper-case slots become labelled spans."""
    out: list[str] = []
    spans: Spans = {}
    for piece in template.split():
        if not piece.startswith("{"):
            out.append(piece)
            continue
        slot = piece[1:-1]
        start = len(out) + BOS_TOKENS
        out.extend(words[slot].split())
        if slot.isupper():
            spans[slot] = (start, len(out) + BOS_TOKENS)
    end = len(out) + BOS_TOKENS
    spans["END"] = (end - 1, end)
    return " ".join(out), spans


def make_pair(
    template: str,
    *,
    shared: Mapping[str, str],
    clean: Mapping[str, str],
    corrupt: Mapping[str, str],
    answer: str,
    wrong: str,
    group: str,
    label: int | None = None,
) -> Pair:
    """Fill one template twice: ``shared`` slots alike, ``clean`` and ``corrupt`` slots apart."""
    clean_prompt, spans = fill(template, {**shared, **clean})
    corrupt_prompt, corrupt_spans = fill(template, {**shared, **corrupt})
    if spans != corrupt_spans:  # a slot with words of different count: positions would not match
        raise ValueError(f"clean and corrupt differ in length: {clean_prompt}, {corrupt_prompt}")
    return Pair(clean_prompt, corrupt_prompt, answer, wrong, group, spans, label)


def in_latin(split: Split, template: int, item: int) -> bool:
    """Whether this item in this template belongs to the split.

    A Latin square: every item is trained in most templates and every template with most items,
    and only their combination is new.
    """
    return ((template + item) % LATIN_STEP == 0) == (split == "held_out")


def in_cluster(split: Split, one: int, other: int, size: int) -> bool:
    """Whether these two words may meet in the split: one cluster's words never do in training."""
    return (one // size == other // size) == (split == "held_out")


def partner(rng: Random, split: Split, one: int, count: int, size: int) -> int:
    """A second index, different from ``one``, that may meet it in the split."""
    return rng.choice([i for i in range(count) if i != one and in_cluster(split, one, i, size)])


def pick(rng: Random, options: Sequence[T]) -> tuple[int, T]:
    """A random member with its index."""
    index = rng.randrange(len(options))
    return index, options[index]
