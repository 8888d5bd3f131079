"""A server reads below its folder, fetches nothing and sends nothing, unless it was started with the option."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from mcp import Client
from support.mcp import ERAS, command, talk

from gadfly.agent.faces.cli.mcp import mcp
from gadfly.agent.faces.mcp.permits import Permits
from gadfly.agent.faces.mcp.server import JOBS, build
from gadfly.tools.contract import Verdict
from gadfly.tools.ledger import Ledger, Run, now
from gadfly.tools.patching import PatchResult
from gadfly.tools.registry import all_tools

SECRET = "a secret that no client may see"
BUGGY = f"import torch\n\n\ndef f(model, x):\n    return model(x).logits[:, -1]  # {SECRET}\n"


@pytest.fixture(autouse=True)
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "work"
    folder.mkdir()
    (folder / "own.py").write_text(BUGGY)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "secret.py").write_text(BUGGY)
    (tmp_path / "elsewhere" / "texts.txt").write_text(SECRET)
    (folder / "link.py").symlink_to(tmp_path / "elsewhere" / "secret.py")
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    monkeypatch.chdir(folder)
    return folder


def call(
    name: str, arguments: dict[str, Any], permits: Permits | None = None, mode: str = "auto"
) -> Any:
    server = build(permits=permits).server
    return talk(server, lambda client: client.call_tool(name, arguments), mode)


def refusal(done: Any) -> str:
    assert done.is_error
    (content,) = done.content
    assert SECRET not in content.text and "\n" not in content.text
    return str(content.text)


READS = [
    ("review", {"paths": ["../elsewhere/secret.py"]}),
    ("review", {"paths": ["{out}/secret.py"]}),
    ("review", {"paths": ["link.py"]}),
    ("review", {"paths": ["secret.py"], "folder": "{out}"}),
    ("review", {"paths": '["{out}/secret.py"]'}),
    ("review", {"diff": "--- a/secret.py\n+++ b/secret.py\n", "folder": "{out}"}),
    ("review", {"base": "HEAD", "folder": "{out}"}),
    ("activations", {"texts_file": "{out}/texts.txt"}),
    ("activations", {"texts_file": "/proc/self/environ"}),
    ("probe", {"data": "{out}/texts.txt"}),
    ("probe", {"data": [{"text": "a", "label": 1}, "{out}/texts.txt"]}),
    ("patch", {"pairs_file": "{out}/texts.txt"}),
    ("lens", {"prompts_file": "{out}/texts.txt"}),
    ("steer", {"behaviour": "sentiment", "neutral_file": "{out}/texts.txt"}),
    ("sae", {"sae": "{out}", "texts_file": "{out}/texts.txt"}),
    ("model_info", {"model": "{out}"}),
]


def placed(value: Any, out: str) -> Any:
    if isinstance(value, dict):
        return {key: placed(each, out) for key, each in value.items()}
    if isinstance(value, list):
        return [placed(each, out) for each in value]
    return value.replace("{out}", out) if isinstance(value, str) else value


@pytest.mark.parametrize("mode", ERAS)
def test_what_lies_elsewhere_is_not_read(mode: str, work: Path) -> None:
    calls = [(name, placed(given, str(work.parent / "elsewhere"))) for name, given in READS]

    async def conversation(client: Client) -> list[tuple[str, Any]]:
        done = [(name, await client.call_tool(name, given)) for name, given in calls]
        started = [{"tool": name, "arguments": given} for name, given in calls]
        return done + [
            (str(each["tool"]), await client.call_tool("start", each)) for each in started
        ]

    done = talk(build().server, conversation, mode)
    assert len(done) == 2 * len(READS)
    for name, each in done:
        said = refusal(each)
        assert said.startswith(f"{name}: ") and "outside the working folder" in said
        assert said.endswith("adds a folder with: gadfly mcp --allow FOLDER")
    assert Ledger().recent() == []


def test_a_folder_that_was_added_is_read(work: Path) -> None:
    permits = Permits(folders=(Path("..") / "elsewhere",))
    done = call("review", {"paths": ["../elsewhere/secret.py", "own.py"]}, permits)
    assert not done.is_error
    assert refusal(call("review", {"paths": ["../other.py"]}, permits))


def test_a_folder_with_a_link_in_it_is_read_without_it(work: Path) -> None:
    done = call("review", {"paths": ["."]})
    assert not done.is_error
    assert done.structured_content["read"]["files"] == 1


@pytest.mark.parametrize(
    ("name", "arguments", "option"),
    [
        ("sae", {"sae": "OWNER/REPO", "behaviour": "capital-of"}, "--allow-fetch"),
        ("model_info", {"model": "owner/model"}, "--allow-fetch"),
        ("tokenize", {"model": "owner/model", "texts": ["a"]}, "--allow-fetch"),
        ("propose", {"model": "owner/model"}, "--allow-fetch"),
        ("review", {"code": "x = 1", "llm": "openai/gpt-5"}, "--allow-send"),
        ("propose", {"llm": "openai/gpt-5"}, "--allow-send"),
        ("activations", {"texts": ["a"], "model": "demo", "remote": True}, "--allow-send"),
    ],
)
def test_nothing_is_fetched_or_sent(name: str, arguments: dict[str, Any], option: str) -> None:
    said = refusal(call(name, arguments))
    assert said.endswith(f"Whoever starts it adds that with: gadfly mcp {option}")
    permits = Permits(fetch=option == "--allow-fetch", send=option == "--allow-send")
    tool = next(each for each in [*JOBS, *all_tools()] if each.name == name)
    permits.check(tool, tool.args(**arguments))


def test_a_model_that_the_server_was_told_to_load_is_no_question(work: Path) -> None:
    folder = str(work.parent / "elsewhere")
    done = call("model_info", {"model": folder}, Permits(models=frozenset([folder])))
    assert "holds no model" in done.content[0].text


def test_a_run_that_read_elsewhere_is_not_run_again(work: Path) -> None:
    """The researcher typed that path himself, in the terminal; a client did not."""
    result = PatchResult(headline="h", verdict=Verdict.INCONCLUSIVE, why="w")
    arguments = {"pairs_file": str(work.parent / "elsewhere" / "texts.txt")}
    run = Run(
        id="r12345678",
        tool="patch",
        status="done",
        started=now(),
        seconds=1,
        arguments=arguments,
        environment={},
        result=result,
    )
    Ledger().append(run)
    assert "data reads" in refusal(call("rerun", {"run": "r1234"}))


def test_the_options_reach_the_server(tmp_path: Path, work: Path) -> None:
    async def conversation(client: Client) -> Any:
        tools = {each.name: each for each in (await client.list_tools()).tools}
        done = await client.call_tool("review", {"paths": [str(tmp_path / "elsewhere")]})
        return tools["review"].annotations, done

    hints, done = talk(
        command(tmp_path / "home", "--allow", str(tmp_path / "elsewhere"), "--allow-send"),
        conversation,
    )
    assert not done.is_error and hints.open_world_hint is True and hints.read_only_hint is False
    wrong = CliRunner().invoke(mcp, ["--allow", str(tmp_path / "nowhere")])
    assert wrong.exit_code == 2 and "does not exist" in wrong.stderr


def test_a_text_that_begins_like_json_stays_text() -> None:
    assert not call("review", {"code": "[1, 2]"}).is_error
