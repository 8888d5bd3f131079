"""Small tokenizers of the kinds that real models have, made here from a few words."""

from __future__ import annotations

from functools import cache
from typing import Any

_WORDS = (
    "the capital of france is paris tokyo rome and germany berlin when mary john gave a drink to she said answer user "
    "assistant hot cold big small cat dog happy un 17 45 4 in year"
)
_TEXT = [f"{_WORDS} {_WORDS}", *[f"{word} {word}\n({word})" for word in _WORDS.split()] * 20]
_FRAME = ["<pad>", "<bos>", "<eos>", "<|im_start|>", "<|im_end|>"]


@cache
def byte_level(*, bos: bool = False, digits: bool = False, spaced: bool = False) -> Any:
    """As GPT-2, Llama 3 and Qwen: a word with its space is another token than the word; perhaps a BOS is added, perhaps
    a digit stands alone, and perhaps only words with their space are tokens."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    inner = Tokenizer(models.BPE())
    cut: Any = pre_tokenizers.ByteLevel(add_prefix_space=False)
    if digits:
        cut = pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), cut])
    inner.pre_tokenizer = cut
    inner.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=700, special_tokens=_FRAME, initial_alphabet=alphabet, show_progress=False
    )
    inner.train_from_iterator([f" {_WORDS}"] * 20 if spaced else _TEXT, trainer)
    return _wrapped(inner, bos)


@cache
def metaspace(*, bos: bool = True) -> Any:
    """As Llama 2 and Mistral: a space is put before a text, and decoding takes it off again."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    inner = Tokenizer(models.BPE(unk_token="<unk>"))
    inner.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first")
    inner.decoder = decoders.Metaspace(prepend_scheme="first")
    trainer = trainers.BpeTrainer(
        vocab_size=500,
        special_tokens=[*_FRAME, "<unk>"],
        initial_alphabet=list('\n().,:"=0123456789▁'),
        show_progress=False,
    )
    # A line break is no part of a word.
    inner.train_from_iterator([part for text in _TEXT for part in text.split("\n")], trainer)
    return _wrapped(inner, bos, unk_token="<unk>")


def _wrapped(inner: Any, bos: bool, **special: str) -> Any:
    from tokenizers import processors
    from transformers import PreTrainedTokenizerFast

    if bos:
        inner.post_processor = processors.TemplateProcessing(
            single="<bos> $A", special_tokens=[("<bos>", inner.token_to_id("<bos>"))]
        )
    return PreTrainedTokenizerFast(
        tokenizer_object=inner,
        bos_token="<bos>" if bos else "<|im_start|>",
        eos_token="<eos>" if bos else "<|im_end|>",
        pad_token="<pad>",
        padding_side="left",
        **special,
    )
