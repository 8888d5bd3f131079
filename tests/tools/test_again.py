"""A run again: what it says of files that its arguments name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("torch")

from click.testing import CliRunner

from gadfly.agent.faces.cli.runs import rerun as command
from gadfly.tools.again import rerun
from gadfly.tools.inputs import hashes
from gadfly.tools.ledger import Ledger
from gadfly.tools.patching.arguments import PatchArgs
from gadfly.tools.registry import by_name

RECORD = {"prompt": "the capital of france is", "answer": "paris"}


def test_a_file_that_changed_since_the_run_is_named(tmp_path: Path) -> None:
    data = tmp_path / "prompts.jsonl"
    data.write_text(json.dumps(RECORD) + "\n")
    result = by_name("lens")(data=str(data))
    assert list(Ledger().get(result.run).environment["files"]) == [str(data)]
    assert rerun(result.run).environment_changed == {}
    data.write_text(json.dumps({**RECORD, "prompt": "the capital of japan is"}) + "\n")
    again = rerun(result.run)
    assert list(again.environment_changed) == [f"the file {data}"] and again.moved
    told = CliRunner().invoke(command, [result.run]).output
    assert f"the file {data} changed: " in " ".join(told.split())


def test_a_run_without_files_or_from_before_keeps_silent(tmp_path: Path) -> None:
    result = by_name("lens")(data=[RECORD])
    assert "files" not in Ledger().get(result.run).environment
    data = tmp_path / "prompts.jsonl"
    data.write_text(json.dumps(RECORD) + "\n")
    kept = Ledger().get(by_name("lens")(data=str(data)).run)
    before = kept.model_copy(update={"id": "r0000001", "environment": dict(kept.environment)})
    del before.environment["files"]
    Ledger().append(before)
    assert rerun(before.id).environment_changed == {}


def test_which_files_are_hashed(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    one.write_text("a")
    other.write_text("b")
    found = hashes(PatchArgs(data=[str(one), str(other), "task:truth", str(tmp_path / "none")]))
    assert list(found) == [str(one), str(other)] and len(set(found.values())) == 2
    assert hashes(PatchArgs(data="task:truth")) == hashes(PatchArgs(data=str(tmp_path))) == {}
