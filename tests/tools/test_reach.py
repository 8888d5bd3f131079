"""What a call reaches, told by the types of its arguments; and that every argument has said what it is."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any, get_args

import pytest

from gadfly.agent.faces.mcp import ledger
from gadfly.agent.faces.mcp.server import JOBS
from gadfly.agent.jobs.ask import ask
from gadfly.agent.jobs.redteam.attack import redteam
from gadfly.agent.jobs.review import ReviewArgs
from gadfly.tools.ablation import AblateArgs
from gadfly.tools.contract import ExperimentArgs, Tool
from gadfly.tools.features import SaeArgs
from gadfly.tools.inspecting import ActivationsArgs
from gadfly.tools.kernel import python
from gadfly.tools.reach import declared
from gadfly.tools.reached import Reached, home_ground, reached
from gadfly.tools.registry import all_tools

SPEAKS_OF = re.compile(
    r"(?<![a-z])(?:files?|paths?|folders?|director(?:y|ies)|repo(?:sitor(?:y|ies))?|models?|hub|urls?|weights|checkpoints?"
    r"|git|provider|ndif)(?![a-z])",
    re.IGNORECASE,
)
TOOLS: list[Tool[Any, Any]] = [
    *all_tools(),
    python,
    *JOBS,
    ask,
    redteam,
    ledger.runs,
    ledger.show_run,
    ledger.rerun,
]


def _texts(annotation: Any) -> bool:
    return annotation in (str, object, Any) or any(map(_texts, get_args(annotation)))


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.name)
def test_every_argument_that_speaks_of_a_place_says_what_it_is(tool: Tool[Any, Any]) -> None:
    """A new one is declared with a type of ``tools.reach``, ``PlainText`` where it leads nowhere."""
    said = declared(tool.args)
    for name, field in tool.args.model_fields.items():
        speaks = SPEAKS_OF.search(name.replace("_", " ")) or SPEAKS_OF.search(
            field.description or ""
        )
        if speaks and (_texts(field.annotation) or name == "remote"):
            assert name in said, f"{tool.name}: {name} speaks of {speaks[0]!r}"


@pytest.fixture(autouse=True)
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with a file, a hidden file and links that lead out; a secret beside it."""
    folder = tmp_path / "work"
    (folder / "data").mkdir(parents=True)
    (folder / ".git").mkdir()
    for name in ("data/texts.txt", ".env", ".git/config", "v.safetensors"):
        (folder / name).write_text("a\n")
    (tmp_path / "secret.txt").write_text("a\n")
    (tmp_path / "v.safetensors").write_text("a\n")
    (folder / "out.txt").symlink_to(tmp_path / "secret.txt")
    (folder / "up").symlink_to(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.chdir(folder)
    return folder


def of(kind: type[Any], **arguments: Any) -> list[Reached]:
    return reached(kind(**arguments), home_ground())


INSIDE = [
    "data/texts.txt",
    "./data/../data/texts.txt",
    "no-such-file",
    "data",
    "~nobody-of-this-name/x",
]
OUTSIDE = [
    "/etc/passwd",
    "../secret.txt",
    "data/../../secret.txt",
    "out.txt",
    "up/secret.txt",
    "~/x",
    "~root/x",
    "/proc/self/environ",
    "/dev/stdin",
    ".env",
    ".git/config",
    "a\0b",
]


@pytest.mark.parametrize("path", INSIDE)
def test_files_below_the_working_folder_reach_nothing(path: str, work: Path) -> None:
    assert of(ActivationsArgs, data=path) == []
    assert of(ActivationsArgs, data=str(work / path)) == []


@pytest.mark.parametrize("path", OUTSIDE)
def test_files_elsewhere_and_hidden_ones_are_read(path: str) -> None:
    (found,) = of(ActivationsArgs, data=path)
    assert (found.kind, found.argument) == ("read", "data")
    assert str(found).startswith("data reads ")


def test_the_place_that_is_named_is_the_real_one(tmp_path: Path) -> None:
    assert of(ActivationsArgs, data="out.txt")[0].what == str(tmp_path / "secret.txt")


@pytest.mark.parametrize("where", ["/", "user", "."])
def test_a_working_folder_that_holds_the_home_is_no_ground(
    where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "user").mkdir()
    monkeypatch.chdir(tmp_path / where)
    assert len(home_ground()) == 1
    assert of(ActivationsArgs, data="secret.txt")


def test_a_working_folder_that_is_gone_is_no_ground(work: Path) -> None:
    gone = work / "gone"
    gone.mkdir()
    os.chdir(gone)
    gone.rmdir()
    assert len(home_ground()) == 1
    os.chdir(work)


def hub_model(folder: Path, owner_name: str, files: dict[str, str]) -> None:
    place = folder / f"models--{owner_name.replace('/', '--')}"
    (place / "refs").mkdir(parents=True)
    (place / "refs" / "main").write_text("abc")
    for name, text in files.items():
        path = place / "snapshots" / "abc" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def test_models_by_where_they_are(tmp_path: Path, work: Path) -> None:
    hub_model(tmp_path / "hub", "a/whole", {"config.json": "{}", "model.safetensors": ""})
    hub_model(tmp_path / "hub", "gpt2", {"config.json": "{}", "model.safetensors": ""})
    hub_model(tmp_path / "hub", "a/config", {"config.json": "{}"})
    index = {"weight_map": {"x": "model-1.safetensors", "y": "model-2.safetensors"}}
    shards = {
        "config.json": "{}",
        "model.safetensors.index.json": json.dumps(index),
        "model-1.safetensors": "",
    }
    hub_model(tmp_path / "hub", "a/part", shards)
    (work / "mine").mkdir()
    for name in ("demo", "planted", "a/whole", "gpt2", "mine"):
        assert of(ExperimentArgs, model=name) == [], name
    for name in ("a/config", "a/part", "b/other", "other"):
        assert [each.kind for each in of(ExperimentArgs, model=name)] == ["fetch"], name
    for name in ("/models/x", "~/x", "../x", "up/hub"):
        assert [each.kind for each in of(ExperimentArgs, model=name)] == ["read"], name
    assert reached(ExperimentArgs(model="b/other"), home_ground(), known=["b/other"]) == []


def test_autoencoders_vectors_and_what_is_sent(tmp_path: Path, work: Path) -> None:
    hub_model(tmp_path / "hub", "a/saes", {"l3/cfg.json": "{}", "l3/sae_weights.safetensors": ""})
    assert of(SaeArgs, sae="a/saes/l3", data="task:x") == []
    for name in ("OWNER/REPO", "a/saes/l4", "demo"):
        assert [e.kind for e in of(SaeArgs, sae=name, data="task:x")] == ["fetch"], name
    assert [e.kind for e in of(SaeArgs, sae="/x/y", data="task:x")] == ["read"]
    assert of(SaeArgs, sae="data", data="task:x") == []

    def vector(name: str) -> list[Reached]:
        return of(AblateArgs, component="direction", data="task:x", vector=name)

    assert vector("r1234") == [] and vector("v.safetensors") == []
    for path in ("../v.safetensors", "up/v.safetensors", "/x.safetensors"):
        assert [each.kind for each in vector(path)] == ["read"], path

    assert [str(e) for e in of(ActivationsArgs, texts=["a"], remote=True)] == [
        "remote sends content to NDIF"
    ]
    assert of(ActivationsArgs, texts=["a"], remote=False) == []
    for llm, kinds in (
        ("offline", []),
        ("/x", ["send"]),
        ("/", ["send"]),
        ("local", []),
        ("local/demo", []),
        ("local/b/c", ["fetch"]),
        ("openai/gpt-5", ["send"]),
        ("anything", ["send"]),
    ):
        assert [each.kind for each in of(ReviewArgs, code="x", llm=llm)] == kinds, llm


def test_a_review_reads_below_its_folder_or_all_of_its_repository(
    tmp_path: Path, work: Path
) -> None:
    assert of(ReviewArgs, code="x") == []
    assert of(ReviewArgs, paths=["data"]) == []
    assert of(ReviewArgs, base="main") == []
    assert [e.argument for e in of(ReviewArgs, paths=["data", "/etc", "../x"])] == [
        "paths",
        "paths",
    ]
    assert of(ReviewArgs, paths=["texts.txt"], folder="data") == []
    assert {e.argument for e in of(ReviewArgs, diff="d", folder="..")} == {"diff", "folder"}
    # a repository that begins above the working folder, one whose history lies elsewhere, one that is a link
    os.chdir(work / "data")
    assert [each.argument for each in of(ReviewArgs, base="main")] == ["base", "base"]
    os.chdir(work)
    (work / ".git" / "config").unlink()
    (work / ".git").rmdir()
    (work / ".git").write_text(f"gitdir: {tmp_path / 'other'}\n")
    assert [each.what for each in of(ReviewArgs, base="main")] == [str(tmp_path / "other")]
    (work / ".git").unlink()
    (work / ".git").symlink_to(tmp_path / "user")
    assert [each.kind for each in of(ReviewArgs, base="main")] == ["read"]


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.name)
def test_what_is_left_at_its_default_reaches_nothing(tool: Tool[Any, Any]) -> None:
    for name in declared(tool.args):
        default = tool.args.model_fields[name].get_default()
        assert (
            default in (None, False, "", [], "demo", ".", "offline")
            or tool.args.model_fields[name].is_required()
        )
