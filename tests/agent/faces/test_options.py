"""Options made from declarations: no text is altered on its way, and commas part only what holds none."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import click
import pytest
from click.testing import CliRunner

from gadfly.agent.faces.cli.tools import Once, declared
from gadfly.agent.jobs.propose.draft import Call
from gadfly.errors import ToolInputError
from gadfly.tools.registry import all_tools, by_name

TEXTS = {"prompts", "texts", "towards", "away", "words", "neutral", "reference"}
COMMAS = {"layers", "doses", "features", "heads", "through", "tools", "kind", "document", "source"}


def taken(tool: str, *words: str) -> Mapping[str, Any]:
    """The arguments that a command line gives."""
    found: dict[str, Any] = {}

    @declared(by_name(tool))
    def callback(arguments: dict[str, Any]) -> None:
        found.update(arguments)

    click.Command(tool, callback=callback, params=callback.__click_params__[::-1]).main(
        list(words), standalone_mode=False
    )
    return found


@pytest.mark.parametrize(
    "text",
    [
        " Paris",
        "Paris ",
        "first, second",
        ",",
        "[INST] hello",
        "[1]",
        '["a"',
        "3",
        '{"a": 1}',
        "[]",
    ],
)
def test_a_text_is_taken_as_it_stands(text: str) -> None:
    assert taken("tokenize", "--texts", text) == {"texts": [text]}
    assert taken("steer", "--towards", text, "--towards", "b")["towards"] == [text, "b"]


def test_several_texts_may_be_json() -> None:
    given = ["a, b", " c"]
    assert taken("tokenize", "--texts", json.dumps(given)) == {"texts": given}
    assert taken("tokenize", "--texts", json.dumps(given), "--texts", "d")["texts"] == [*given, "d"]


def test_commas_part_numbers_choices_and_identifiers() -> None:
    assert taken("patch", "--layers", "1, 2,3")["layers"] == ["1", "2", "3"]
    assert taken("patch", "--layers", "[1, 2]")["layers"] == [1, 2]
    assert taken("steer", "--doses", "-0.4,0.4")["doses"] == ["-0.4", "0.4"]
    assert taken("ablate", "--heads", "3.1,4.0")["heads"] == ["3.1", "4.0"]
    assert taken("patch", "--through", "logits,3.mlp")["through"] == ["logits", "3.mlp"]
    assert taken("selftest", "--tools", "patch,lens")["tools"] == ["patch", "lens"]
    with pytest.raises(ToolInputError, match="--layers is not valid JSON"):
        taken("patch", "--layers", "[1")


def test_every_list_says_which_it_is() -> None:
    """A new list of texts shows in the help that its option is repeated."""
    shown = {}
    for tool in all_tools():

        @declared(tool)
        def callback(arguments: dict[str, Any]) -> None: ...

        for option in callback.__click_params__:
            if option.multiple and not option.hidden and not isinstance(option, Once):
                shown[option.name] = option.metavar
    assert {name for name, metavar in shown.items() if metavar == "TEXT"} - {"paths"} == TEXTS
    assert {name for name, metavar in shown.items() if metavar != "TEXT"} == COMMAS


def test_a_proposed_call_is_typed_as_it_is_read() -> None:
    words = ["so, no", " Paris", "[INST]"]
    for listed in (words[:2], words):
        call = Call(tool="steer", arguments={"words": listed, "doses": [0.5, 1]})
        import shlex

        assert taken("steer", *shlex.split(call.line())[2:]) == {
            "words": listed,
            "doses": ["0.5", "1"],
        }


def test_the_command_line_says_one_text_with_its_space() -> None:
    pytest.importorskip("torch")
    from gadfly.agent.faces.cli.tools import command_for

    done = CliRunner().invoke(
        command_for(by_name("tokenize")), ["--texts", "the king, the dog", "--json"]
    )
    (text,) = json.loads(done.stdout)["texts"]
    assert text["text"] == "the king, the dog"


@pytest.mark.parametrize(
    "twice",
    [
        ("--data", "a", "--data", "b"),
        ("--site", "head", "--site", "mlp"),
        ("--seed", "1", "--seed", "2"),
    ],
)
def test_a_second_value_does_not_replace_the_first_in_silence(twice: tuple[str, ...]) -> None:
    with pytest.raises(click.UsageError, match=f"{twice[0]} takes one value and was given 2"):
        taken("patch", *twice)
    assert list(taken("patch", *twice[:2])) == [twice[0][2:]]
