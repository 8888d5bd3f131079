"""Which token an answer is: both sides of every rule, on tokenizers with and without a space in front of a text."""

from __future__ import annotations

import re
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from support.models import local, module  # noqa: E402
from support.spelled import byte_level, metaspace  # noqa: E402

from gadfly.errors import ToolInputError  # noqa: E402
from gadfly.tools.model import LocalModel  # noqa: E402
from gadfly.tools.selftesting import noise  # noqa: E402
from gadfly.tools.spelling import Answers, gap  # noqa: E402

FRANCE = "the capital of france is"
WORDS = ["rome", "berlin", "cold", "big", "small", "cat", "dog", "happy"]


def model_of(made: Any) -> LocalModel:
    small = module("Llama")
    small.resize_token_embeddings(len(made))
    return LocalModel.wrap(small, made, name="it")


BYTES, SPACES = model_of(byte_level()), model_of(metaspace())


@pytest.mark.parametrize(
    ("prompt", "answer", "between"),
    [
        (FRANCE, "paris", " "),
        (FRANCE, " paris", ""),
        (FRANCE, ".", ""),
        (FRANCE, "'s", ""),
        ("", "paris", ""),
        ("is ", "paris", ""),
        ("is\n", "paris", ""),
        ("from 1732 to 17", "45", ""),
        ("from 1732 to", "1745", " "),
        ("the 17", "people", " "),
        ("pi is 3.", "14", ""),
        ("it is done.", "14", " "),
        ("1,000,", "000", ""),
        ("a, b,", "c", " "),
        ("a,b,", "c", ""),
        ("it is 12:30, and he said:", "no", " "),
        ("it is 12:", "30", ""),
        ("hot:cold\nbig:", "small", ""),
        ("hot: cold\nbig:", "small", " "),
        ("Answer:", "small", " "),
        ("1+1=", "2", ""),
        ("1 + 1 =", "2", " "),
        ("cat -> gato ; dog ->", "perro", " "),
        ("cat->gato;dog->", "perro", ""),
        ("- a\n-", "b", " "),
        ("Jean-", "Paul", ""),
        ("(", "a", ""),
        ("(late)", "a", " "),
        ("a [", "a", ""),
        ("it costs $", "5", ""),
        ('she said "', "yes", ""),
        ('she said "yes"', "and", " "),
        ("she said (“", "yes", ""),
        ("it is **", "paris", ""),
        ("it is **paris**", "and", " "),
        ("done!", "and", " "),
        ("中国的首都是", "北京", ""),
        ("他说:「", "好", ""),
        ("서울은", "한국", " "),
        ("กรุงเทพ", "ไทย", ""),
        ("राजधानी है", "दिल्ली", " "),
        ("C:\\", "temp", ""),
    ],
)
def test_what_writing_puts_between(prompt: str, answer: str, between: str) -> None:
    assert gap(prompt, answer) == between


@pytest.mark.parametrize(
    ("model", "prompt", "answer", "token"),
    [
        (BYTES, FRANCE, "paris", "Ġparis"),
        (BYTES, FRANCE, " paris", "Ġparis"),
        (BYTES, "user\n", "paris", "paris"),
        (BYTES, "<|im_start|>", "user", "user"),
        (BYTES, "in year 17", "45", "45"),
        (BYTES, "(", "paris", "paris"),
        (SPACES, FRANCE, "paris", "▁paris"),
        (SPACES, FRANCE, " paris", "▁paris"),
        (SPACES, "user\n", "paris", "paris"),
        (SPACES, "in year 17", "4", "4"),
    ],
)
def test_the_token_is_the_one_that_follows(
    model: LocalModel, prompt: str, answer: str, token: str
) -> None:
    found = Answers(model).id(prompt, answer)
    assert model.tokenizer.convert_ids_to_tokens(found) == token
    wanted = model.ids(prompt + gap(prompt, answer) * (not prompt.endswith("|>")) + answer)
    assert [*model.ids(prompt), found] == wanted


def test_a_word_level_tokenizer_has_one_spelling() -> None:
    model = local("Llama")
    answers = Answers(model)
    one = model.tokenizer.convert_tokens_to_ids("w5")
    assert [answers.id(prompt, "w5") for prompt in ("w1 w2", "w1 17", "w1 w2 ", "w1")] == [one] * 4
    assert answers.notes() == [f"answers as tokens: 'w5' {one}"]


def test_a_number_forces_a_token() -> None:
    wanted = BYTES.tokenizer.convert_tokens_to_ids("paris")
    answers = Answers(BYTES)
    assert answers.id(FRANCE, f"id:{wanted}") == wanted
    assert answers.notes() == [f"answers as tokens: 'paris' {wanted}"]
    last = len(BYTES.tokenizer) - 1
    assert answers.id(FRANCE, f"id:{last}") == last
    for wrong in (f"id:{last + 1}", "id:-1", "id:", "id:x"):
        with pytest.raises(ToolInputError, match=f"'{wrong}' is no token of it: give id:"):
            answers.id(FRANCE, wrong)


def test_every_token_is_told_and_the_line_stays_short() -> None:
    answers = Answers(BYTES)
    first, second = answers.ids(FRANCE, ["paris", " tokyo"])
    (line,) = answers.notes()
    assert line.startswith(f"answers as tokens: 'paris' → ' paris' {first}, ' tokyo' {second} (→: ")
    for word in [*WORDS, "the", "capital", "of", "france", "is", "and"]:
        answers.id(FRANCE, word)
    (line,) = answers.notes()
    assert "'cold' → ' cold'" in line and " more (→" not in line
    for number in range(32):
        answers.id(FRANCE, f"id:{number}")
    (line,) = answers.notes()
    assert line.count(", ") == 31 and re.search(r" and \d+ more \(→", line)
    assert Answers(BYTES).notes() == []


@pytest.mark.parametrize("model", [BYTES, SPACES])
def test_a_prompt_that_ends_within_a_token_is_told(model: LocalModel) -> None:
    answers = Answers(model)
    found = answers.id(f"{FRANCE} ", "paris")
    assert model.tokenizer.convert_ids_to_tokens(found) == "paris"
    _, note = answers.notes()
    assert "prompts that end within a token: 1" in note and "leave out the last space" in note
    for prompt in (FRANCE, "user\n", "rome"):
        answers = Answers(model)
        answers.id(prompt, "paris")
        assert len(answers.notes()) == 1


def test_a_space_before_a_digit_may_be_a_token_of_its_own() -> None:
    """As in SmolLM2, Qwen and Gemma: there "2 + 2 = " ends with a token, and what follows is the digit."""
    apart = model_of(byte_level(digits=True))
    answers = Answers(apart)
    four = apart.tokenizer.convert_tokens_to_ids("4")
    assert answers.id("in year ", "4") == four
    assert len(answers.notes()) == 1
    with pytest.raises(ToolInputError, match="Let the prompt end with ' ', or choose"):
        answers.id("in year", "4")


@pytest.mark.parametrize(
    ("prompt", "answer", "says"),
    [
        (
            FRANCE,
            "unparis",
            "' unparis' is [' un', 'paris']. Choose another word, its first token (' un', id:",
        ),
        (FRANCE, " ", "an answer is empty; give the token that follows"),
        (FRANCE, "", "an answer is empty"),
    ],
)
def test_an_answer_of_several_tokens_is_refused_with_a_way_out(
    prompt: str, answer: str, says: str
) -> None:
    with pytest.raises(ToolInputError) as caught:
        Answers(BYTES).id(prompt, answer)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def refusal(prompt: str, answer: str, beside: str | None = None, model: LocalModel = BYTES) -> str:
    with pytest.raises(ToolInputError) as caught:
        Answers(model).id(prompt, answer, beside=beside)
    return str(caught.value)


@pytest.mark.parametrize("answer", ["北", "\N{PARTY POPPER}"])
def test_a_part_of_a_character_is_not_recommended(answer: str) -> None:
    said = refusal(FRANCE + "\n", answer)
    assert "Its first token is a part of a character: choose another word" in said
    assert "first token (" not in said


def test_a_space_at_the_end_is_named_where_it_is_the_cause() -> None:
    model = model_of(byte_level(spaced=True))
    said = refusal(f"{FRANCE} ", "paris", model=model)
    assert (
        "The space at the end of the prompt is the cause, for it begins the token ' paris'" in said
    )
    assert said.endswith("leave it out")
    Answers(model).id(FRANCE, "paris")
    for prompt in (FRANCE, f"{FRANCE} "):
        assert "the cause" not in refusal(prompt, "unparis", model=model)


def test_two_answers_that_begin_alike_are_not_told_apart_by_that_token() -> None:
    said = refusal(FRANCE, "paris rome", "paris tokyo")
    assert "'paris tokyo' begins with the same token (' paris', id:" in said
    assert said.endswith("choose other words")
    for other in ("tokyo rome", None):
        assert "Choose another word, its first token (' paris', id:" in refusal(
            FRANCE, "paris rome", other
        )


def test_an_unknown_word_is_refused() -> None:
    with pytest.raises(ToolInputError, match=r"unheard' is \['<unk>'\]"):
        Answers(local("Llama")).id("w1", "unheard")


def test_noise_has_answers_of_one_token() -> None:
    for model in (BYTES, local("Llama")):
        for item in noise.answered(model, 40, 0):
            Answers(model).ids(item["prompt"], [item["answer"], item["wrong"]])
