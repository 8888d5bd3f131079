"""Folders that hold no model which can be studied: each is one clear line with the way out."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import transformers
from support.models import VOCABULARY, module, tokenizer

from gadfly.errors import ModelError
from gadfly.tools.checkpoints import damaged, locate
from gadfly.tools.demo import demo_path
from gadfly.tools.hooks import after
from gadfly.tools.model import LocalModel, load

_TINY = {
    "vocab_size": VOCABULARY,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}


def refused(name: Path) -> str:
    with pytest.raises(ModelError) as caught:
        load(str(name), device="cpu")
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_an_adapter_names_its_base_and_the_way_out(tmp_path: Path) -> None:
    adapter = tmp_path / "adapter_config.json"
    adapter.write_text(json.dumps({"base_model_name_or_path": "Qwen/Qwen3-0.6B"}))
    said = refused(tmp_path)
    assert "is an adapter of Qwen/Qwen3-0.6B" in said and "merge_and_unload" in said
    for text in ("{", "[]", "{}"):
        adapter.write_text(text)
        assert "is an adapter of another model" in refused(tmp_path)


@pytest.mark.parametrize("whole", [True, False])
def test_gguf_is_told(tmp_path: Path, whole: bool) -> None:
    (tmp_path / "x.gguf").touch()
    said = refused(tmp_path if whole else tmp_path / "x.gguf")
    assert said.startswith("x.gguf is a GGUF file") and "gguf_file='x.gguf'" in said


def test_a_pickle_is_refused_with_the_way_out(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "pytorch_model.bin").touch()
    said = refused(tmp_path)
    assert "pickles (.bin, .pt) are refused" in said and ".save_pretrained(NEW)" in said


def test_a_missing_tokenizer_is_told_before_the_weights_are_read(tmp_path: Path) -> None:
    copy = shutil.copytree(demo_path(), tmp_path / "model")
    assert locate(str(copy)) == copy
    for file in copy.glob("tokenizer*"):
        file.unlink()
    assert "has no tokenizer; save it there" in refused(copy)


def saved(kind: str, folder: Path, **more: Any) -> Path:
    config = getattr(transformers, f"{kind.partition('For')[0].removesuffix('LMHeadModel')}Config")
    getattr(transformers, kind)(config(**{**_TINY, **more})).save_pretrained(folder)
    tokenizer().save_pretrained(folder)
    return folder


@pytest.mark.parametrize(
    ("kind", "more", "says"),
    [
        ("BertForMaskedLM", {}, "is no transformer that nnterp knows"),
        ("OPTForCausalLM", {"ffn_dim": 48}, "has no module that nnterp knows as mlp in its layers"),
        (
            "OPTForCausalLM",
            {"ffn_dim": 48, "word_embed_proj_dim": 16, "do_layer_norm_before": False},
            "which the experiments hook; use a model of another architecture",
        ),
        ("MambaForCausalLM", {"state_size": 8}, "is no transformer that nnterp knows"),
        ("ViTForImageClassification", {}, "is no causal language model"),
    ],
)
def test_models_that_are_not_studied(
    kind: str, more: dict[str, Any], says: str, tmp_path: Path
) -> None:
    assert says in refused(saved(kind, tmp_path / "model", **more))


def test_a_model_whose_tokens_see_later_ones_is_refused() -> None:
    import torch

    def peek(hidden: torch.Tensor) -> torch.Tensor:
        """Only tokens before the last see more, so the logits of the last are right."""
        return torch.cat([hidden[:, :-1] + hidden[:, -1:], hidden[:, -1:]], dim=1)

    made = module("Llama")
    assert LocalModel.wrap(made, tokenizer()).num_layers == 4
    after(made.model.layers[-1], peek)
    with pytest.raises(ModelError, match="lets tokens see those after them, as encoders such as"):
        LocalModel.wrap(made, tokenizer())


def altered(folder: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    from safetensors.torch import load_file, save_file

    file = folder / "model.safetensors"
    weights = load_file(file)
    change(weights)
    save_file(weights, file, metadata={"format": "pt"})
    return folder


def llama(folder: Path, *, tied: bool = False) -> Path:
    return saved("LlamaForCausalLM", folder, intermediate_size=48, tie_word_embeddings=tied)


def test_weights_that_are_missing_are_named_and_refused(tmp_path: Path) -> None:
    gone = "model.layers.1.mlp.down_proj.weight"
    said = refused(altered(llama(tmp_path / "one"), lambda held: held.pop(gone)))
    assert f"lacks {gone}: such weights would be random" in said and "download all of it" in said
    said = refused(altered(llama(tmp_path / "many"), dict.clear))
    assert " more: such weights would be random numbers" in said


def test_weights_of_another_shape_are_named_with_both_shapes(tmp_path: Path) -> None:
    def cut(weights: dict[str, Any]) -> None:
        weights["model.norm.weight"] = weights["model.norm.weight"][:31].clone()

    said = refused(altered(llama(tmp_path / "model"), cut))
    assert (
        "has weights of another shape than its config.json says: model.norm.weight (31,) for (32,)"
        in said
    )


def test_a_tied_unembedding_is_in_no_file_and_is_taken(tmp_path: Path) -> None:
    from safetensors import safe_open

    folder = llama(tmp_path / "tied", tied=True)
    with safe_open(folder / "model.safetensors", framework="numpy") as held:
        assert "lm_head.weight" not in held.keys()  # noqa: SIM118
    assert load(str(folder), device="cpu").num_layers == 2
    untied = altered(llama(tmp_path / "untied"), lambda held: held.pop("lm_head.weight"))
    assert "lacks lm_head.weight" in refused(untied)


def test_a_file_that_is_cut_short_is_named_with_the_way_out(tmp_path: Path) -> None:
    file = llama(tmp_path / "model") / "model.safetensors"
    assert damaged(file.parent) is None
    file.write_bytes(file.read_bytes()[:-100])
    said = refused(file.parent)
    assert said.startswith(f"{file} is cut short or damaged") and "download it again" in said
