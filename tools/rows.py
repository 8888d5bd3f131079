"""Rows of token ids: which of them are special, which random sequences are drawn from, how many fit into one batch.

``LocalModel.batch_of`` makes a batch of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gadfly.tools import tokens
from gadfly.tools.model import LocalModel


def special_ids(model: LocalModel) -> set[int]:
    """Beginning of sequence, padding and the like: left out of statistics over tokens. An unknown word is a word."""
    unknown = model.tokenizer.unk_token_id
    # GPT-2 uses one id for the end of text and for what it does not know.
    frame = {model.tokenizer.bos_token_id, model.tokenizer.eos_token_id}
    return {int(i) for i in model.tokenizer.all_special_ids if i != unknown or i in frame}


def leading(model: LocalModel, ids: Sequence[int]) -> int:
    """How many special tokens stand before the text (the BOS, where the tokenizer adds one)."""
    special = special_ids(model)
    count = 0
    while count < len(ids) and ids[count] in special:
        count += 1
    return count


def prefix_ids(model: LocalModel) -> list[int]:
    """What the tokenizer puts before a text: its BOS, or nothing."""
    return tokens.front(model.tokenizer)


def plain_ids(model: LocalModel) -> list[int]:
    """Every id that random sequences are drawn from: known to the tokenizer, neither special nor <unk>."""
    special = special_ids(model)
    known = min(len(model.tokenizer), int(model.module.get_output_embeddings().weight.shape[0]))
    special.add(-1 if model.tokenizer.unk_token_id is None else int(model.tokenizer.unk_token_id))
    return [i for i in range(known) if i not in special]


def portions(lengths: Sequence[int], max_tokens: int) -> Iterator[list[int]]:
    """Indices of rows in batches of at most ``max_tokens`` padded tokens, in order of length, longest first."""
    some: list[int] = []
    for index in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
        if some and lengths[some[0]] * (len(some) + 1) > max_tokens:
            yield some
            some = []
        some.append(index)
    if some:
        yield some
