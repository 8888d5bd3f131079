"""The demo model's tokenizer: one token per word, lower case, punctuation apart.

Text is normalised (NFKC, lower case), split at spaces and around punctuation, and each word is
looked up whole; a word outside the vocabulary becomes ``<unk>``. Exactly one ``<bos>`` is prepended by the
tokenizer itself. There is no chat template and no end-of-text token. Training needs none of this
(``language`` maps words to the same ids); it is for everyone who loads the model.
"""

from __future__ import annotations

from typing import Any

from gadfly.tools.demo.language import BOS, PAD, UNK, vocabulary

MAX_LENGTH = 256


def build_tokenizer() -> Any:
    """A ``PreTrainedTokenizerFast`` that pads on the left, as generation and ``[:, -1]`` want."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    ids = {word: index for index, word in enumerate(vocabulary())}
    core = Tokenizer(models.WordLevel(ids, unk_token=UNK))
    core.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    core.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Punctuation("isolated")]
    )
    core.post_processor = processors.TemplateProcessing(
        single=f"{BOS} $A", pair=f"{BOS} $A {BOS} $B", special_tokens=[(BOS, ids[BOS])]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=core,
        bos_token=BOS,
        pad_token=PAD,
        unk_token=UNK,
        padding_side="left",
        truncation_side="left",
        model_max_length=MAX_LENGTH,
        clean_up_tokenization_spaces=False,
    )
