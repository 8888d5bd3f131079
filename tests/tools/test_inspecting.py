"""model_info, tokenize and activations: what they show is what the model has."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from support.models import ARCHITECTURES, module, tokenizer  # noqa: E402
from support.spelled import byte_level  # noqa: E402

from gadfly.errors import ModelError, ToolInputError  # noqa: E402
from gadfly.tools.inspecting import activations, model_info, tokenize  # noqa: E402


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_configuration_tells_what_the_model_is(architecture: str, tmp_path: Path) -> None:
    made = module(architecture)
    made.config.save_pretrained(tmp_path)
    from_config = model_info(model=str(tmp_path))
    assert (from_config.layers, from_config.hidden_size, from_config.heads) == (4, 32, 4)
    assert from_config.key_value_heads == made.config.num_key_value_heads
    assert from_config.vocabulary == 96
    assert from_config.parameters == sum(p.numel() for p in made.parameters())
    assert from_config.experts == (4 if architecture == "Qwen3Moe" else None)
    assert from_config.sliding_window == (4 if architecture in ("Mistral", "Gemma3") else None)
    assert not from_config.demo
    made.save_pretrained(tmp_path, safe_serialization=True)
    assert model_info(model=str(tmp_path)).parameters == from_config.parameters


def test_the_demo_model_and_its_behaviours() -> None:
    found = model_info()
    assert found.demo
    assert (found.layers, found.heads, found.key_value_heads, found.head_size) == (6, 4, 2, 32)
    assert any(each.startswith("induction") for each in found.behaviours)
    assert 0 < found.memory["float32"] < 0.1
    assert found.memory["float32"] >= found.memory["bfloat16"]
    assert json.dumps(found.model_dump(mode="json"))


def test_models_that_are_not_there(tmp_path: Path) -> None:
    for name, says in {
        str(tmp_path): "there is no config.json",
        str(tmp_path / "absent"): "no model folder",
        "no-such/model": "HF_HUB_OFFLINE",
    }.items():
        with pytest.raises(ModelError, match=says):
            model_info(model=name)
        with pytest.raises(ModelError, match=says):
            tokenize(model=name, texts=["a"])


def test_tokens_and_positions() -> None:
    found = tokenize(texts=["the capital of france is", "paris", "a zebrafish"])
    first, answer, strange = found.texts
    assert found.bos_added
    assert found.bos == "<bos>"
    assert not found.equal_lengths
    assert [t.token for t in first.tokens] == ["<bos>", "the", "capital", "of", "france", "is"]
    assert [t.position for t in first.tokens] == [0, 1, 2, 3, 4, 5]
    assert [t.from_end for t in first.tokens] == [-6, -5, -4, -3, -2, -1]
    assert first.tokens[0].special
    assert (answer.padding, answer.tokens[-1].padded) == (4, 5)
    assert answer.single_token
    assert not first.single_token
    assert not strange.single_token
    assert "unknown to the vocabulary" in " ".join(found.notes)
    assert tokenize(texts=["the king", "the dog"]).equal_lengths


def test_long_texts_are_paged_and_chat_templates_write_one_bos(tmp_path: Path) -> None:
    long = tokenize(texts=["the " * 450], page=3)
    assert long.texts[0].count == 451
    assert len(long.texts[0].tokens) == 51
    assert long.texts[0].tokens[-1].from_end == -1
    with pytest.raises(ToolInputError, match="there is no page 4"):
        tokenize(texts=["the " * 450], page=4)
    with pytest.raises(ToolInputError, match="has no chat template"):
        tokenize(texts=["the king"], chat=True)
    made = tokenizer()
    made.chat_template = "{{ bos_token }}{% for m in messages %}w1 {{ m.content }}{% endfor %} w2"
    made.save_pretrained(tmp_path)
    module("Llama").config.save_pretrained(tmp_path)
    found = tokenize(model=str(tmp_path), texts=["w5 w6"], chat=True)
    assert [t.token for t in found.texts[0].tokens] == ["<bos>", "w1", "w5", "w6", "w2"]
    assert found.notes == []
    once = tokenize(model=str(tmp_path), texts=["<bos> w5"])
    assert [t.token for t in once.texts[0].tokens] == ["<bos>", "w5"]
    assert once.notes == ["a text begins with <bos> itself: no second one was added"]
    twice = tokenize(model=str(tmp_path), texts=["<bos> <bos> w5"])
    assert "begins with two beginning-of-sequence tokens" in twice.notes[0]


def test_chatml_opens_every_message_with_what_it_calls_its_bos(tmp_path: Path) -> None:
    made = byte_level()
    made.chat_template = (
        "{% for m in [{'role': 'system', 'content': 'rome'}] + messages %}"
        "<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}<|im_start|>assistant\n"
    )
    made.save_pretrained(tmp_path)
    module("Llama").config.save_pretrained(tmp_path)
    found = tokenize(model=str(tmp_path), texts=["paris"], chat=True)
    tokens = [t.token for t in found.texts[0].tokens]
    assert (tokens[0], tokens.count("<|im_start|>")) == ("<|im_start|>", 3)
    assert found.notes == []
    assert not found.bos_added


def test_activations_are_written_and_are_the_models() -> None:
    from safetensors import safe_open

    from gadfly.tools.model import load

    found = activations(texts=["the king saw the dog", "paris"], site="mlp")
    assert (found.texts, found.layers, found.hidden_size) == (2, 6, 128)
    model = load("demo")
    kept: list[Any] = []
    handle = model.mlps[3].register_forward_hook(lambda m, a, out: kept.append(out))
    with torch.no_grad():
        model.module(torch.tensor([model.ids("paris")]))
    handle.remove()
    with safe_open(found.file, framework="pt") as file:
        saved = file.get_tensor("activations")
        assert json.loads(file.metadata()["texts"]) == ["the king saw the dog", "paris"]
    assert torch.allclose(saved[3, 1], kept[0][0, -1], atol=1e-5)
    assert found.sizes[3].mean_norm == pytest.approx(float(saved[3].norm(dim=-1).mean()), abs=1e-3)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({}, "give data: a file"),
        ({"texts": []}, "texts is empty"),
        ({"texts": ["a"], "position": "first"}, "position is 'first'"),
        ({"texts": [" "]}, "a prompt is empty"),
        ({"behaviour": "telepathy"}, "unknown task"),
    ],
)
def test_bad_input_is_one_clear_line(arguments: dict[str, Any], says: str) -> None:
    with pytest.raises(ToolInputError) as caught:
        activations(**arguments)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
