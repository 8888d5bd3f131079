"""Texts as ids: one BOS, whoever writes it, and the same ids everywhere."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")

from support.models import module, tokenizer  # noqa: E402
from support.spelled import byte_level, metaspace  # noqa: E402

from gadfly.tools import tokens  # noqa: E402
from gadfly.tools.model import LocalModel  # noqa: E402
from gadfly.tools.records import Message, rendered  # noqa: E402

CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
SAID = [Message(role="user", content="paris"), Message(role="assistant", content="rome")]


def read(made: Any, text: str) -> list[str]:
    return list(made.convert_ids_to_tokens(tokens.ids_of(made, text)))


@pytest.mark.parametrize("made", [byte_level(bos=True), metaspace(), tokenizer()])
def test_a_bos_is_added_once_and_never_a_second(made: Any) -> None:
    once, written = read(made, "rome w1"), read(made, "<bos>rome w1")
    assert (once[0], once.count("<bos>")) == ("<bos>", 1)
    assert (written[0], written.count("<bos>")) == ("<bos>", 1)
    # Asked for twice, it is there twice.
    assert read(made, "<bos><bos>rome")[:3].count("<bos>") == 2
    assert read(made, "rome<bos>w1<bos>").count("<bos>") == 3
    assert tokens.front(made) == [made.bos_token_id]
    assert tokens.doubled(made, tokens.ids_of(made, "<bos><bos>rome"))
    assert not tokens.doubled(made, tokens.ids_of(made, "<bos>rome"))


@pytest.mark.parametrize("made", [byte_level(), metaspace(bos=False)])
def test_a_tokenizer_without_a_bos_adds_none_and_takes_none_away(made: Any) -> None:
    assert tokens.front(made) == []
    assert read(made, "rome").count("<|im_start|>") == 0
    assert read(made, "<|im_start|><|im_start|>rome")[:2] == ["<|im_start|>"] * 2
    assert read(made, "paris paris") == made.convert_ids_to_tokens(made("paris paris")["input_ids"])
    assert tokens.ids_of(made, "") == []


def test_messages_are_exactly_what_their_template_writes() -> None:
    plain, with_bos = byte_level(), byte_level(bos=True)
    plain.chat_template, with_bos.chat_template = CHATML, "{{ bos_token }}" + CHATML
    chat = tokens.ids_of(plain, rendered(plain, SAID, "it"))
    assert chat == plain.apply_chat_template(
        [each.model_dump() for each in SAID], add_generation_prompt=True, return_dict=False
    )
    assert chat.count(plain.bos_token_id) == 3
    assert not tokens.doubled(plain, chat)
    ids = tokens.ids_of(with_bos, rendered(with_bos, SAID, "it"))
    assert ids.count(with_bos.bos_token_id) == 1
    assert ids[1:] == tokens.bare(with_bos, rendered(plain, SAID, "it"))


def test_a_model_reads_a_prompt_with_its_bos_as_the_one_without() -> None:
    model = LocalModel.wrap(module("Llama"), tokenizer())
    assert model.ids("<bos> w1 w2") == model.ids("w1 w2")
    both = model.batch(["<bos> w1 w2", "w1"])
    assert both.rows == [model.ids("w1 w2"), model.ids("w1")]
