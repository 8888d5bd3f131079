"""Every tool from its one declaration; errors as one line; results that fit."""

from __future__ import annotations

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from mcp import Client
from support.mcp import ERAS, TOOLS, talk

from gadfly.agent.faces.mcp.permits import Permits
from gadfly.agent.faces.mcp.server import build
from gadfly.corpus.tokens import count
from gadfly.tools.registry import all_tools

OWN = {
    "propose",
    "review",
    "runs",
    "show_run",
    "rerun",
    "start",
    "status",
    "result",
    "cancel",
    "more",
}


async def listed(client: Client) -> dict[str, Any]:
    return {tool.name: tool for tool in (await client.list_tools()).tools}


def call(name: str, arguments: dict[str, Any], mode: str = "auto") -> Any:
    return talk(build(TOOLS).server, lambda client: client.call_tool(name, arguments), mode)


@pytest.mark.parametrize("mode", ERAS)
def test_every_tool_of_the_registry_is_there(mode: str) -> None:
    found = talk(build().server, listed, mode)
    assert set(found) == {tool.name for tool in all_tools()} | OWN


def test_each_declaration_is_sound_and_short() -> None:
    for name, tool in talk(build().server, listed).items():
        for schema in (tool.input_schema, tool.output_schema):
            Draft202012Validator.check_schema(schema)
            assert schema["type"] == "object", name
            assert "prefixItems" not in json.dumps(schema), name
        assert 40 < len(tool.description) < 600, name
        for argument, about in tool.input_schema.get("properties", {}).items():
            assert about.get("description"), f"{name}: {argument} says nothing"
    whole = [tool.model_dump(mode="json") for tool in talk(build().server, listed).values()]
    for each in whole:
        each.pop("output_schema")
    assert count(json.dumps(whole)) < 12_000  # what a client spends before the first question


def test_annotations_are_honest() -> None:
    found = talk(build().server, listed)
    for tool in all_tools():
        hints = found[tool.name].annotations
        assert hints.read_only_hint is (tool.read_only and not tool.is_experiment), tool.name
        assert hints.destructive_hint is False
        assert hints.open_world_hint is False, tool.name  # nothing leaves without an option
    assert found["start"].annotations.read_only_hint is False
    assert found["review"].annotations.read_only_hint is True


@pytest.mark.parametrize(
    ("permits", "open_"),
    [
        (Permits(fetch=True), {"tokenize", "generate", "sae", "propose", "rerun", "start"}),
        (Permits(send=True), {"review", "propose", "activations", "rerun", "start"}),
    ],
)
def test_what_may_leave_is_neither_read_only_nor_closed(permits: Permits, open_: set[str]) -> None:
    found = talk(build(permits=permits).server, listed)
    for name in open_:
        hints = found[name].annotations
        assert hints.open_world_hint is True and hints.read_only_hint is False, name
    for name in {"search", "read", "runs", "status"} | (
        {"review"} if permits.fetch else {"model_info"}
    ):
        hints = found[name].annotations
        assert hints.open_world_hint is False and hints.read_only_hint is True, name


@pytest.mark.parametrize("mode", ERAS)
def test_a_result_is_structured_text_and_picture(mode: str) -> None:
    done = call("made", {}, mode)
    assert not done.is_error
    assert [each.type for each in done.content] == [
        "text",
        "image",
    ]  # the path that leads out is no picture
    told = json.loads(done.content[0].text)
    assert told["verdict"] == "not supported"
    assert told["values"] == {"effect": 0.12346}
    assert done.structured_content["values"] == {"effect": 0.123456789, "ratio": None}
    assert done.structured_content["reproduce"] == ""
    assert done.structured_content["run"].startswith("r")


@pytest.mark.parametrize("mode", ERAS)
@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        ("echo", {"txt": "a"}, "echo: unknown argument 'txt' (valid: text, words)"),
        ("echo", {"text": 3}, "echo: text: Input should be a valid string"),
        ("breaks", {"text": "refuse"}, "no model here; use demo"),
        ("review", {}, "review: nothing was given; give exactly one of code, paths, diff, base"),
        ("show_run", {"run": "nope"}, "no run 'nope' in the ledger; 'gadfly runs' lists them"),
        ("start", {"tool": "paint"}, "start: no tool 'paint'; there are: wait, echo"),
        ("status", {"job": "j1"}, "no job 'j1'; there are: none since the server started"),
        ("more", {"result": "p1", "page": 1}, "no long result 'p1' is kept any more"),
    ],
)
def test_an_error_is_one_line_with_the_way_out(
    mode: str, name: str, arguments: dict[str, Any], said: str
) -> None:
    done = call(name, arguments, mode)
    assert done.is_error
    assert done.content[0].text.startswith(said)
    assert "\n" not in done.content[0].text


def test_a_bug_is_named_as_one_and_the_server_lives_on() -> None:
    async def conversation(client: Client) -> tuple[Any, Any]:
        return await client.call_tool("breaks", {}), await client.call_tool("echo", {"text": "on"})

    broken, after = talk(build(TOOLS).server, conversation)
    assert broken.is_error and "breaks broke (RuntimeError: a bug)" in broken.content[0].text
    assert after.structured_content["text"] == "on"


def test_lists_sent_as_text_are_read() -> None:
    assert call("echo", {"words": '["a", "b"]'}).structured_content["text"] == "a b"
    assert call("echo", {"text": '["a"]'}).structured_content["text"] == '["a"]'
    started = call("start", {"tool": "echo", "arguments": '{"text": "b"}'})
    assert started.structured_content["state"] in ("queued", "running", "done")


def test_a_long_result_is_cut_and_can_be_read_on() -> None:
    async def conversation(client: Client) -> tuple[Any, str, Any]:
        first = await client.call_tool("made", {"rows": 3000})
        name = first.content[1].text.split('result="')[1].split('"')[0]
        whole, page, pages = first.content[0].text, 1, 99
        while page < pages:
            page += 1
            more = await client.call_tool("more", {"result": name, "page": page})
            pages = more.structured_content["pages"]
            whole += more.content[0].text
            assert count(more.content[0].text) <= 10_000
        beyond = await client.call_tool("more", {"result": name, "page": pages + 1})
        return first, whole, beyond

    first, whole, beyond = talk(build(TOOLS).server, conversation)
    assert count(first.content[0].text) <= 10_000
    assert count(json.dumps(first.structured_content)) <= 10_000
    assert first.structured_content["verdict"] == "not supported"
    assert 10 < len(first.structured_content["table"]["rows"]) < 3000
    rows = json.loads(whole)["table"]["rows"]
    assert len(rows) == 3000 and rows[2999][0].startswith("row 2999 ")
    assert beyond.is_error and "has pages 1 to" in beyond.content[0].text


def test_the_review_takes_text_and_names_the_line() -> None:
    code = (
        "import torch\n"
        "def last(model, tokenizer, prompts):\n"
        "    tokenizer.padding_side = 'right'\n"
        "    batch = tokenizer(prompts, return_tensors='pt', padding=True)\n"
        "    return model(**batch).logits[:, -1]\n"
    )
    report = call("review", {"code": code}).structured_content
    assert [each["start_line"] for each in report["findings"]] == [5]
    assert report["findings"][0]["evidence"] == "static"
    assert report["read"]["model"] is None  # no key was asked for
    clean = json.loads(call("review", {"code": "x = 1\n"}).content[0].text)
    assert clean["findings"] == []  # that nothing was found is said


def test_the_ledger_through_tools() -> None:
    async def conversation(client: Client) -> list[Any]:
        run = (await client.call_tool("made", {})).structured_content["run"]
        lines = (await client.call_tool("runs", {"tool": "made"})).structured_content["runs"]
        assert [(each["run"], each["verdict"]) for each in lines] == [(run, "not supported")]
        shown = await client.call_tool("show_run", {"run": run})
        assert [each.type for each in shown.content] == ["text", "image"]
        return [run, shown.structured_content]

    run, shown = talk(build(TOOLS).server, conversation)
    assert shown["id"] == run
    assert shown["result"]["reproduce"] == "print('the same')"
