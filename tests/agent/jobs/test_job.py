"""One declaration: what the command line, an MCP client and Python take of a job is the same."""

from __future__ import annotations

import asyncio
from typing import Any

import click
import pytest

from gadfly.agent.faces.cli.main import gadfly
from gadfly.agent.faces.mcp.server import build
from gadfly.agent.jobs.ask import ask
from gadfly.agent.jobs.job import Job
from gadfly.agent.jobs.propose.job import propose
from gadfly.agent.jobs.redteam.attack import redteam
from gadfly.agent.jobs.review import review
from gadfly.errors import ToolInputError
from gadfly.tools.contract import Tool
from gadfly.tools.reading import search
from gadfly.tools.registry import by_name

# The command of each, and the arguments that it takes in another way than as an option.
COMMANDS: list[tuple[str, Tool[Any, Any], set[str]]] = [
    ("ask", ask, {"question", "context"}),
    ("review", review, {"code", "paths", "diff", "folder"}),
    ("propose", propose, {"notes"}),
    ("redteam", redteam, {"text"}),
    ("corpus search", search, {"query"}),
]


def command(path: str) -> click.Command:
    found: Any = gadfly
    for name in path.split():
        found = found.get_command(click.Context(found), name)
    assert isinstance(found, click.Command)
    return found


@pytest.mark.parametrize(
    ("path", "declared", "otherwise"), COMMANDS, ids=[each[0] for each in COMMANDS]
)
def test_every_argument_is_an_option_with_its_words(
    path: str, declared: Tool[Any, Any], otherwise: set[str]
) -> None:
    options = {each.name: each for each in command(path).params if isinstance(each, click.Option)}
    for name, field in declared.args.model_fields.items():
        if name not in otherwise:
            assert (options[name].help or "").startswith(field.description or ""), name


def test_a_client_gets_the_same_arguments_and_no_llm_of_ours_unasked() -> None:
    listed = {each.name: each for each in asyncio.run(build().server.list_tools())}
    for each in (review, propose, search):
        properties = listed[each.name].input_schema["properties"]
        assert properties.keys() <= each.args.model_fields.keys()
        for name, about in properties.items():
            field = each.args.model_fields[name]
            assert about["description"] == field.description
            if name != "llm" and not field.is_required():
                assert about.get("default") == field.default
        if isinstance(each, Job):
            assert properties["llm"]["default"] == "offline"


def test_the_agent_may_review_by_the_rules_alone() -> None:
    tool = by_name("review")
    assert "llm" not in tool.args.model_fields
    assert issubclass(review.args, tool.args)


def test_python_takes_arguments_by_name_or_in_order_and_a_model_as_an_object() -> None:
    with pytest.raises(ToolInputError, match=r"days: .* less than or equal to 5 \(got 9\)"):
        propose("probing", days=9)
    with pytest.raises(ToolInputError, match="llm: a model's name is a text, not 3"):
        redteam("A text.", llm=3)
    assert redteam("A text.", llm="offline").dollars == 0.0
