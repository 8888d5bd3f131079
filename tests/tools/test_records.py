"""Data of experiments: one argument and one record for every tool and face, and the names of earlier versions."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import pytest
from click.testing import CliRunner

from gadfly.agent.faces.cli.tools import command_for
from gadfly.corpus.progress import Silent
from gadfly.errors import MissingExtraError, ModelError, ToolInputError
from gadfly.tools import records
from gadfly.tools.answered import Answered, AnsweredArgs, answered
from gadfly.tools.contract import Tool
from gadfly.tools.demo import demo_path
from gadfly.tools.given import Text
from gadfly.tools.patching.arguments import PatchArgs
from gadfly.tools.patching.pairs import PromptPair
from gadfly.tools.records import DataArgs, Message, Record, read, rendered
from gadfly.tools.registry import all_tools, by_name
from gadfly.tools.runner import execute, validate
from gadfly.tools.steering import task
from gadfly.tools.steering.arguments import SteerArgs

PAIR = {"clean": "a b", "corrupt": "a c", "answer": "d", "wrong": "e"}
ON_DATA = [tool for tool in all_tools() if issubclass(tool.args, DataArgs)]


PATCH, ACTIVATIONS, LENS = (
    next(tool for tool in ON_DATA if tool.name == name) for name in ("patch", "activations", "lens")
)


def of(shape: type[Any], args: DataArgs) -> list[Any]:
    return read(args, shape, lambda _: [])


@pytest.mark.parametrize("tool", ON_DATA, ids=lambda tool: tool.name)
def test_a_tool_shows_data_alone_and_takes_the_old_names(tool: Tool[Any, Any]) -> None:
    schema = tool.args.model_json_schema()["properties"]
    assert "data" in schema and "or more for a verdict" in schema["data"]["description"]
    old = {name for group in tool.args.OLD for name in group}
    assert not old & set(schema)
    command = command_for(tool)
    shown = CliRunner().invoke(command, ["--help"]).output
    assert "--data" in shown
    for name in old:
        (option,) = (each for each in command.params if each.name == name)
        assert "--" + name.replace("_", "-") not in shown.split(), option


def test_old_arguments_become_data(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text(json.dumps(PAIR) + "\n\n" + json.dumps({**PAIR, "answer": "f"}) + "\n")
    recorded = {"behaviour": None, "clean": None, "pairs": None, "pairs_file": str(path), "n": 3}
    assert [p.answer for p in of(PromptPair, PatchArgs.model_validate(recorded))] == ["d", "f"]
    assert PatchArgs.model_validate({"behaviour": "truth"}).data == "task:truth"
    assert PatchArgs.model_validate(PAIR) == PatchArgs(data=[Record(**PAIR)])
    assert PatchArgs.model_validate({"pairs": json.dumps([PAIR])}) == PatchArgs(
        data=[Record(**PAIR)]
    )
    one = AnsweredArgs.model_validate({"prompt": "a", "answer": "b"})
    assert of(Answered, one) == [Answered(prompt="a", answer="b")]
    again = validate(PATCH, PatchArgs(data=[Record(**PAIR)]).model_dump(mode="json"))
    assert again.data == [Record(**PAIR)]
    assert PatchArgs(data=[Record(**PAIR)]).model_dump(mode="json")["data"] == [PAIR]


def test_two_old_files_of_steer(tmp_path: Path) -> None:
    pairs, prompts = tmp_path / "pairs.jsonl", tmp_path / "prompts.jsonl"
    pairs.write_text('{"positive": "good", "negative": "bad"}\n')
    prompts.write_text('{"prompt": "it is", "towards": ["nice"], "away": "ugly"}\n')
    args = SteerArgs.model_validate({"contrast_file": str(pairs), "prompts_file": str(prompts)})
    assert args.data == [str(pairs), str(prompts)]
    contrast, asked = task.given(args)
    assert contrast == [("good", "bad")]
    assert asked == [task.Asked("it is", ["nice"], ["ugly"])]
    both = tmp_path / "both.jsonl"
    both.write_text(pairs.read_text() + prompts.read_text())
    assert task.given(SteerArgs(data=str(both))) == (contrast, asked)


def test_texts_are_lines_or_records(tmp_path: Path) -> None:
    path = tmp_path / "texts.txt"
    path.write_text('one, two\n\n{"text": "three"}\n{"prompt": "four"}\n')
    args = ACTIVATIONS.args.model_validate({"data": str(path)})
    assert [each.text for each in of(Text, args)] == ["one, two", "three", "four"]


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ('{"clean": "a", "corrupt": "b", "answer": "c"}', "line 1: no 'wrong'; a record has clean"),
        (json.dumps(PAIR) + '\n{"prompt": "a"}', "line 2: no 'clean'"),
        (
            json.dumps({**PAIR, "prompt": "a"}),
            "line 1: 'prompt' does not belong here; a record has",
        ),
        (json.dumps({**PAIR, "answer": 3}), "line 1: answer is 3: Input should be a valid string"),
        ('{"clean": "a", "clean": "b"}', "line 1: not JSON ('clean' stands in it twice)"),
        ("[" * 9000 + "]" * 9000, "line 1: not JSON (nested too deeply)"),
        ("nonsense", "line 1: not JSON"),
        ("[1]", "line 1: [1] is no object; a record has"),
        ("3", "line 1: 3 is no object; a record has"),
        (json.dumps([PAIR, {"clean": "a"}]), "record 2: no "),
        ("a\0b", "holds bytes that are no text"),
        ("\n", "is empty; write one JSON object a line: a record has clean"),
    ],
)
def test_a_bad_file_is_one_line_before_a_model_is_loaded(
    lines: str, says: str, tmp_path: Path
) -> None:
    path = tmp_path / "pairs.jsonl"
    path.write_text(lines)
    with pytest.raises(ToolInputError) as caught:
        PATCH(data=str(path), model="/no/such/model")
    assert says in str(caught.value) and str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ([], "no records were given"),
        ("[{]", "not valid JSON"),
        ([{"colour": 1}], "record 1: 'colour' does not belong here; a"),
        ([{"promt": "a"}], "'promt' does not belong here (did you mean 'prompt'?)"),
        ([PAIR, {"prompt": "a"}], "record 2: no 'clean'"),
        ("/no/such/file", "cannot read /no/such/file: there is no such file"),
        ("/", "/ is a folder; give a file"),
        ("", "an empty name"),
        (5, "5 is none of a file, task:NAME and records"),
        ([5], "record 1: 5 is no object"),
        ("[" * 9000, "nested too deeply"),
        ("truth", "there is no such file; did you mean task:truth?"),
        ("task:telepathy", "unknown task 'telepathy': choose one of"),
    ],
)
def test_bad_data_is_one_line(data: Any, says: str) -> None:
    with pytest.raises(ToolInputError) as caught:
        PATCH(data=data, model="/no/such/model")
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("old", ["behaviour", "pairs", "pairs_file", "clean"])
def test_an_old_name_with_nonsense_is_one_line(old: str) -> None:
    with pytest.raises(ToolInputError) as caught:
        PATCH(**{old: 5}, model="/no/such/model")
    assert "5" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_seed_that_no_library_takes_is_refused() -> None:
    assert PatchArgs(data="task:truth", seed=2**32 - 1)
    with pytest.raises(ToolInputError, match="4294967296 is too large"):
        PATCH(data="task:truth", seed=2**32)


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to("/dev/zero")])
def test_what_is_no_file_is_not_read(make: Callable[[Path], None], tmp_path: Path) -> None:
    make(tmp_path / "x")
    with pytest.raises(ToolInputError, match="x is no file; give a file"):
        PATCH(data=str(tmp_path / "x"), model="/no/such/model")


def test_a_file_is_not_read_whole_before_its_size_is_known(tmp_path: Path) -> None:
    with (tmp_path / "x").open("wb") as file:
        file.truncate(6 * 2**30)
    with pytest.raises(ToolInputError, match=r"6,442,450,944 bytes; .* give a part"):
        PATCH(data=tmp_path / "x", model="/no/such/model")


@pytest.mark.parametrize(
    ("content", "texts"),
    [
        ('{"text": "a\u2028b\x85c"}', ["a\u2028b\x85c"]),
        ('\ufeff{"text": "a"}\r\n{"text": "b"}\r', ["a", "b"]),
        ('[{"text": "a"},\n {"prompt": "b"}]', ["a", "b"]),
        ('{"text": "a", "label": 1}\n{"text": "b", "label": "x", "group": 2}', ["a", "b"]),
        ("[INST] a\nb", ["[INST] a", "b"]),
    ],
)
def test_files_as_other_programs_write_them(content: str, texts: list[str], tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(content.encode())
    args = ACTIVATIONS.args.model_validate({"data": str(path)})
    assert [each.text for each in of(Text, args)] == texts


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("x.csv", b"text,label\nhi,1\n", "is a table; write one text a line"),
        ("x.txt", "text".encode("utf-16"), "is no text in UTF-8; save it as UTF-8"),
    ],
)
def test_texts_of_another_form_are_refused(
    name: str, content: bytes, says: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ToolInputError, match=says):
        ACTIVATIONS(data=str(tmp_path / name), model="/no/such/model")


def test_a_copy_of_a_record_is_no_more_evidence() -> None:
    one = {"prompt": "the capital of france is", "answer": "paris", "wrong": "tokyo"}
    found = LENS(data=[one] * 10)
    assert found.verdict == "inconclusive"
    assert "copies left out: 9" in found.notes[0]
    assert LENS(data=[one]).values == found.values


def test_texts_without_a_verdict_keep_their_copies() -> None:
    args = ACTIVATIONS.args.model_validate({"data": [{"text": "a"}] * 3})
    assert len(of(Text, args)) == 3 and args.noticed == []


@pytest.mark.parametrize("tool", ON_DATA, ids=lambda tool: tool.name)
def test_a_task_is_refused_on_a_model_of_another_vocabulary(tool: Tool[Any, Any]) -> None:
    arguments = {"data": "task:truth", "model": "planted"}
    arguments |= {"component": "mlp"} if tool.name == "ablate" else {}
    arguments |= {"sae": "x"} if tool.name == "sae" else {}
    with pytest.raises(ToolInputError) as caught:
        tool(**arguments)
    said = str(caught.value)
    assert said.startswith("task:truth is in the language of the demo model, which planted was not")
    assert "give records, or their JSON Lines file, with " in said and "\n" not in said
    with pytest.raises(ToolInputError, match="which EleutherAI/pythia-70m was not trained on"):
        tool(**{**arguments, "model": "EleutherAI/pythia-70m"})


def test_a_task_runs_on_a_checkpoint_of_the_demo(tmp_path: Path) -> None:
    copy = shutil.copytree(demo_path(), tmp_path / "step-1")
    args = AnsweredArgs(data="task:truth", model=str(copy))
    assert of(Answered, args) == []  # drawn by none here, and not refused
    told = json.loads((copy / "tokenizer.json").read_text())
    told["model"]["vocab"]["other"] = len(told["model"]["vocab"])
    (copy / "tokenizer.json").write_text(json.dumps(told))
    with pytest.raises(ToolInputError, match="is in the language of the demo model"):
        of(Answered, args)
    (copy / "tokenizer.json").unlink()
    with pytest.raises(ToolInputError, match="is in the language of the demo model"):
        of(Answered, args)


class Notes(Silent):
    """Keeps what is told while a tool runs."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def note(self, message: str) -> None:
        self.told.append(message)


@pytest.mark.parametrize("tool", ON_DATA, ids=lambda tool: tool.name)
def test_the_fewest_records_are_in_the_schema(tool: Tool[Any, Any]) -> None:
    fewest = tool.args.model_json_schema()["properties"]["data"]["fewest"]
    assert fewest == tool.args.fewest() >= 1


@pytest.mark.parametrize(("count", "told"), [(7, True), (8, False)])
def test_too_few_records_are_told_before_a_model_is_loaded(count: int, told: bool) -> None:
    pairs = [{**PAIR, "clean": f"a {i}"} for i in range(count)]
    for tool, data in [
        ("patch", pairs),
        ("ablate", pairs),
        ("lens", [{"prompt": each["clean"], "answer": "d"} for each in pairs]),
        (
            "steer",
            [{"positive": str(i), "negative": f"no {i}"} for i in range(9)]
            + [{"prompt": each["clean"]} for each in pairs],
        ),
    ]:
        notes = Notes()
        with pytest.raises(ModelError):
            execute(
                by_name(tool),
                {"data": data, "model": "/no/such/model"}
                | ({"component": "mlp"} if tool == "ablate" else {}),
                progress=notes,
            )
        said = "records given: 7; 8 or more are needed for a verdict: expect it to be inconclusive"
        assert notes.told == [said] * told, tool


@pytest.mark.parametrize("part", ["matplotlib", "sklearn", "safetensors"])
def test_a_missing_part_of_the_extra_is_told_before_the_work(
    part: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, part, None)
    with pytest.raises(
        MissingExtraError, match=rf"lens \({part} is missing\) needs the \[interp\]"
    ):
        LENS(data="task:truth", model="/no/such/model")


def test_steer_takes_one_task() -> None:
    with pytest.raises(ToolInputError, match="give one task, not task:sentiment and task:truth"):
        task.given(SteerArgs(data=["task:sentiment", "task:truth"]))


class Chatty:
    """A tokenizer with a template that writes the BOS."""

    chat_template = "there is one"

    def apply_chat_template(self, told: list[dict[str, str]], **_: Any) -> str:
        return "<s>" + "".join(f"[{m['role']}] {m['content']} " for m in told)


def test_messages_are_prompts_in_the_chat_template(monkeypatch: pytest.MonkeyPatch) -> None:
    said = [Message(role="user", content="hello")]
    assert rendered(Chatty(), said, "it") == "<s>[user] hello "
    opened: list[str] = []
    monkeypatch.setattr(records, "tokenizer_of", lambda name: opened.append(name) or Chatty())
    args = AnsweredArgs(data=[Record(messages=said, answer=each) for each in "xy"])
    assert of(Answered, args) == [Answered(prompt="<s>[user] hello ", answer=each) for each in "xy"]
    assert opened == ["demo"]
    with pytest.raises(ToolInputError, match="it has no chat template"):
        rendered(object(), said, "it")


def test_the_command_line_takes_a_task_a_file_or_records(tmp_path: Path) -> None:
    path = tmp_path / "texts.txt"
    path.write_text("the king saw\n")
    command = command_for(ACTIVATIONS)
    for option, value in (
        ("--data", str(path)),
        ("--data", '[{"text": "the king saw"}]'),
        ("--texts", "the king, saw "),
    ):
        done = CliRunner().invoke(command, [option, value, "--json"])
        assert json.loads(done.stdout)["texts"] == 1, done.output


def test_texts_under_an_old_name_are_not_altered() -> None:
    def texts(*given: str) -> list[str]:
        arguments = [part for each in given for part in ("--texts", each)]
        done = CliRunner().invoke(command_for(ACTIVATIONS), [*arguments, "--json"])
        assert done.exit_code == 0, done.output
        with safe_open(json.loads(done.stdout)["file"], framework="pt") as file:
            return list(json.loads(file.metadata()["texts"]))

    from safetensors import safe_open

    assert texts(" the king, the dog ") == [" the king, the dog "]
    assert texts("the king", "a, b") == ["the king", "a, b"]
    assert texts('["the king", "a, b"]') == ["the king", "a, b"]


def test_a_needed_argument_with_choices_names_them_and_no_other_does() -> None:
    """Of every tool, so that one which is added later does so too."""
    for tool in all_tools():
        needed = {name: f for name, f in tool.args.model_fields.items() if f.is_required()}
        if set(needed) <= {"data"}:
            continue
        given = {"data": [PAIR]} if "data" in needed else {}
        with pytest.raises(ToolInputError) as caught:
            validate(tool, given)
        for name, field in needed.items():
            if get_origin(field.annotation) is Literal:
                choices = ", ".join(get_args(field.annotation))
                assert f"{name}: give one of {choices}" in str(caught.value)
            elif name != "data":
                assert f"{name}: Field required" in str(caught.value)


def test_an_answer_that_is_the_wrong_one_too_is_refused() -> None:
    for wrong, refused in (("b", True), ("c", False)):
        args = AnsweredArgs(data=[Record(prompt="a", answer="b", wrong=wrong)])
        if refused:
            with pytest.raises(ToolInputError, match="answer and wrong are both 'b'"):
                answered(args)
        else:
            assert answered(args)[0].wrong == wrong
