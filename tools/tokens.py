"""Text as token ids: every prompt, answer and chat goes through here, so that all of them are cut alike.

A text gets what the tokenizer puts before it (its BOS, or nothing) once. One that already begins with it, as a chat
template writes it, or as the user wrote it, gets no second. Leaves out batches (``model``) and how an answer is spelled
(``spelling``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def ids_of(tokenizer: Any, text: str) -> list[int]:
    """The ids of a text, the tokenizer's BOS (where it adds one) in front once."""
    found: list[int] = list(tokenizer(text)["input_ids"])
    # Only where the first token occurs again can it stand twice at the beginning.
    if found.count(found[0] if found else -1) > 1:
        before = front(tokenizer)
        if before and found[: 2 * len(before)] == before * 2:
            return found[len(before) :]
    return found


def bare(tokenizer: Any, text: str) -> list[int]:
    """The ids of a text alone: nothing is put before or behind it."""
    return list(tokenizer(text, add_special_tokens=False)["input_ids"])


def front(tokenizer: Any) -> list[int]:
    """What the tokenizer puts before every text: its BOS, or nothing."""
    whole, alone = list(tokenizer("a")["input_ids"]), bare(tokenizer, "a")
    places = range(len(whole) - len(alone) + 1)
    start = next((k for k in places if whole[k : k + len(alone)] == alone), 0)
    return whole[:start]


def doubled(tokenizer: Any, ids: Sequence[int]) -> bool:
    """Whether ids begin with two BOS. ChatML's, which opens each message, stands once at the beginning."""
    bos = tokenizer.bos_token_id
    return bos is not None and list(ids[:2]) == [bos, bos]


def pieces(tokenizer: Any, ids: Sequence[int]) -> list[str]:
    """Each id as readable text."""
    return [tokenizer.decode([i]) for i in ids]
