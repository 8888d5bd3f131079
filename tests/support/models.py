"""Tiny random models of the real architectures, with a word tokenizer of our own. Nothing is downloaded."""

from __future__ import annotations

from functools import cache
from typing import Any

from gadfly.tools.model import LocalModel
from gadfly.tools.patching.pairs import PromptPair

VOCABULARY = 96
_SMALL = {
    "vocab_size": VOCABULARY,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "max_position_embeddings": 64,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
ARCHITECTURES = {
    "Qwen3": {},
    "Qwen3Moe": {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 16},
    "Llama": {},
    "Mistral": {"sliding_window": 4},
    "Gemma3": {"sliding_window": 4, "query_pre_attn_scalar": 8},
    "Olmo2": {},
    "Phi3": {"original_max_position_embeddings": 64},
    "GPTNeoX": {},
    "GPT2": {},
}
# Of which a few tests are enough: each is built in a way that the others are not.
FAMILIES = {
    "Phi": {},  # its last norm has another name
    "Falcon": {"multi_query": False, "new_decoder_architecture": False},  # adds in place
    "Bloom": {},  # biases for each head of each row; sublayers add the stream themselves
}


def tokenizer(words: int = VOCABULARY - 4) -> Any:
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    vocabulary = {"<pad>": 0, "<bos>": 1, "<eos>": 2, "<unk>": 3}
    vocabulary |= {f"w{i}": 4 + i for i in range(words)}
    inner = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    inner.pre_tokenizer = pre_tokenizers.Whitespace()
    inner.post_processor = processors.TemplateProcessing(
        single="<bos> $A", special_tokens=[("<bos>", 1)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=inner,
        pad_token="<pad>",
        bos_token="<bos>",
        eos_token="<eos>",
        unk_token="<unk>",
        padding_side="left",
    )


def module(architecture: str, seed: int = 0) -> Any:
    """A random model with weights large enough that its layers differ visibly."""
    import torch
    import transformers

    config_name = f"{architecture}Config" if architecture != "Gemma3" else "Gemma3TextConfig"
    small = {**_SMALL, **(ARCHITECTURES | FAMILIES)[architecture]}
    if architecture == "Falcon":  # works it out
        del small["head_dim"]
    config = getattr(transformers, config_name)(**small)
    torch.manual_seed(seed)
    made = getattr(transformers, f"{architecture}{_HEAD.get(architecture, 'ForCausalLM')}")(config)
    with torch.no_grad():
        for name, parameter in made.named_parameters():
            if parameter.ndim > 1:
                parameter.normal_(0, 0.3 if "embed" not in name and "wte" not in name else 1.0)
    return made.eval()


_HEAD = {"GPT2": "LMHeadModel"}


@cache
def local(architecture: str = "Qwen3", seed: int = 0) -> LocalModel:
    """The tiny model, loaded the way a user's module in memory is."""
    return LocalModel.wrap(module(architecture, seed), tokenizer(), name=f"tiny-{architecture}")


def noise_pairs(seed: int, n: int = 12, length: int = 6) -> list[PromptPair]:
    """Random prompts of ``length`` words with random answers: no behaviour, nothing to find."""
    import torch

    g = torch.Generator().manual_seed(seed)
    word = lambda: f"w{int(torch.randint(80, (1,), generator=g))}"  # noqa: E731
    pairs: list[PromptPair] = []
    while len(pairs) < n:
        words = [word() for _ in range(length)]
        other = [*words[:2], word(), *words[3:]]
        answer, wrong = word(), word()
        if answer != wrong:
            pairs.append(
                PromptPair(
                    clean=" ".join(words), corrupt=" ".join(other), answer=answer, wrong=wrong
                )
            )
    return pairs
