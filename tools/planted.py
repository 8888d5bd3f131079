"""A tiny transformer whose mechanism is known because its weights were written by hand, to hold tools to the truth.

One head (:data:`LAYER`, :data:`HEAD`) does everything: from the final ``?`` it attends to the one S-word of the prompt
and writes two things at the last position: which word it is (the answer that follows) and its class along one axis
(:data:`CLASS_OUT`), which the words ``plus`` and ``minus`` read. From any other token it attends to the beginning of
the sequence, and writes nothing. All other heads and every MLP give exactly zero. The class of a word is in that head's
weights alone: embeddings of S-words are orthogonal, so that what is learnt on some tells nothing of others. Head
(:data:`PREVIOUS_LAYER`, :data:`PREVIOUS_HEAD`) attends to the token before and writes nothing: a pattern without an
effect. The architecture is Llama's, loaded and hooked like any other: ``--model planted``. Leaves out what a tool must
find on it (``selftest``).
"""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from gadfly.settings import folder

VERSION = 1
_BOS = 1
LAYERS, HEADS, HIDDEN = 3, 4, 128
LAYER, HEAD = 1, 2
PREVIOUS_LAYER, PREVIOUS_HEAD = 0, 3
WORDS = 24
# Axes of the residual stream: identity of S-words, the mark that they carry, the query's own, the class, one that
# every token has, one that the first has, outputs.
_IDENTITY, MARK, QUERY, CLASS_OUT, _EVERY, _FIRST, _OUT = 0, *range(WORDS, WORDS + 6)
_SIZE = HIDDEN // HEADS
# Rotary positions turn this pair of the head's dimensions, and the one before, so slowly that position does not matter.
_STILL = _SIZE // 2 - 1
_SHARP, _FALLBACK = 6.0, 3.0
_BASE = 1e8  # of the rotary frequencies


def words() -> list[str]:
    """The vocabulary after the special tokens."""
    return [f"{kind}{i}" for kind in ("s", "t", "a", "f") for i in range(WORDS)] + [
        "?",
        "plus",
        "minus",
    ]


def class_of(index: int) -> int:
    """The class of the S-word with this number: 0 or 1."""
    return index % 2


def planted_path() -> Path:
    """The folder of the model, written on first use; what was written by another version is not used."""
    path = folder("models") / f"planted-{VERSION}"
    if path.exists():
        return path
    from transformers.utils import logging

    # Written aside and renamed, so that a process beside this one never sees half a model.
    with tempfile.TemporaryDirectory(dir=path.parent) as aside:
        made = Path(aside) / "made"
        module, tokenizer = _made()
        logging.disable_progress_bar()
        module.save_pretrained(made)
        tokenizer.save_pretrained(made)
        with contextlib.suppress(OSError):  # the other process was quicker
            made.rename(path)
    return path


def _made() -> tuple[Any, Any]:
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    tokenizer = _tokenizer()
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=HIDDEN,
        intermediate_size=32,
        num_hidden_layers=LAYERS,
        num_attention_heads=HEADS,
        num_key_value_heads=HEADS,
        max_position_embeddings=128,
        rope_parameters={"rope_type": "default", "rope_theta": _BASE},
        tie_word_embeddings=False,
        pad_token_id=0,
        bos_token_id=_BOS,
        eos_token_id=2,
    )
    model: Any = LlamaForCausalLM(config)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.fill_(1.0 if "norm" in name else 0.0)
        _write(model, {word: tokenizer.convert_tokens_to_ids(word) for word in words()})
    return model.eval(), tokenizer


def _write(model: Any, ids: dict[str, int]) -> None:
    embedding, unembedding = model.model.embed_tokens.weight, model.lm_head.weight
    embedding[:, _EVERY] = 1
    embedding[_BOS, _FIRST] = 1
    # Half of what an answer gets, so that the answer is on top.
    unembedding[ids["plus"], CLASS_OUT] = 0.5
    unembedding[ids["minus"], CLASS_OUT] = -0.5
    for i in range(WORDS):
        embedding[ids[f"s{i}"], _IDENTITY + i] = 1
        embedding[ids[f"s{i}"], MARK] = 1
        embedding[ids[f"t{i}"], _OUT + WORDS + i] = 1
        embedding[ids[f"f{i}"], _OUT + 2 * WORDS + i] = 1
        unembedding[ids[f"a{i}"], _OUT + i] = 1
    embedding[ids["?"], QUERY] = 1
    attention = model.model.layers[LAYER].self_attn
    start = HEAD * _SIZE
    attention.q_proj.weight[start + _STILL, QUERY] = _SHARP
    attention.k_proj.weight[start + _STILL, MARK] = _SHARP
    attention.q_proj.weight[start + _STILL - 1, _EVERY] = _FALLBACK
    attention.k_proj.weight[start + _STILL - 1, _FIRST] = _FALLBACK
    # Values: which word, and its class; a head has dimensions for both.
    for i in range(WORDS):
        attention.v_proj.weight[start + i, _IDENTITY + i] = 1
        attention.v_proj.weight[start + WORDS, _IDENTITY + i] = 1 if class_of(i) else -1
        attention.o_proj.weight[_OUT + i, start + i] = 1
    attention.o_proj.weight[CLASS_OUT, start + WORDS] = 1
    _write_previous(model.model.layers[PREVIOUS_LAYER].self_attn)


def _write_previous(attention: Any) -> None:
    """Keys turned by one step ahead: the product of query and key is largest one token back. Several frequencies, as
    one alone comes round again."""
    start = PREVIOUS_HEAD * _SIZE
    for pair in range(5):
        step = _BASE ** (-2 * pair / _SIZE)
        attention.q_proj.weight[start + pair, _EVERY] = 2
        attention.k_proj.weight[start + pair, _EVERY] = 2 * np.cos(step)
        attention.k_proj.weight[start + pair + _SIZE // 2, _EVERY] = 2 * np.sin(step)


def pairs(n: int, seed: int) -> list[dict[str, str]]:
    """Clean/corrupt prompts that differ in their S-word."""
    rng = np.random.default_rng(seed)
    out = []
    for _ in range(n):
        one, other = rng.choice(WORDS, 2, replace=False)
        filler, between, t = rng.integers(WORDS, size=3)
        out.append(
            {
                "clean": f"f{filler} s{one} t{t} f{between} ?",
                "corrupt": f"f{filler} s{other} t{t} f{between} ?",
                "answer": f"a{one}",
                "wrong": f"a{other}",
            }
        )
    return out


def labelled(n: int, seed: int) -> list[dict[str, object]]:
    """Texts labelled by the class of their S-word. Grouped by S-word: those of the test part were never seen."""
    rng = np.random.default_rng(seed)
    out: list[dict[str, object]] = []
    for _ in range(n):
        s, t, one, other = (int(i) for i in rng.integers(WORDS, size=4))
        text = f"f{one} s{s} t{t} f{other} ?" if rng.integers(2) else f"f{one} t{t} s{s} f{other} ?"
        out.append({"text": text, "label": "plus" if class_of(s) else "minus", "group": s})
    return out


def texts(n: int, seed: int) -> list[str]:
    """Prompts of the form that the planted head answers, with the answer."""
    return [f"{pair['clean']} {pair['answer']}" for pair in pairs(n, seed)]


def _tokenizer() -> Any:
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    special = ["<pad>", "<bos>", "<eos>", "<unk>"]
    vocabulary = {word: i for i, word in enumerate([*special, *words()])}
    inner = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    inner.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    inner.post_processor = processors.TemplateProcessing(
        single="<bos> $A", special_tokens=[("<bos>", _BOS)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=inner,
        pad_token="<pad>",
        bos_token="<bos>",
        eos_token="<eos>",
        unk_token="<unk>",
        padding_side="left",
    )
