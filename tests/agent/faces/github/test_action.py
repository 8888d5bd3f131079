"""The composite action: what it may do, and the command that it runs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[4]
ACTION: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text())
GUIDE = (ROOT / "docs" / "action.md").read_text()
STEPS = ACTION["runs"]["steps"]


def test_it_is_composite_and_names_every_input() -> None:
    assert ACTION["runs"]["using"] == "composite"
    used = {
        name
        for step in STEPS
        for value in step.get("env", {}).values()
        for name in re.findall(r"inputs\.([\w-]+)", value)
    }
    assert used == set(ACTION["inputs"])
    for name, told in ACTION["inputs"].items():
        assert len(told["description"]) > 20
        assert f"`{name}`" in GUIDE


def test_nothing_is_interpolated_into_a_script() -> None:
    for step in STEPS:
        assert "${{" not in step.get("run", "")


def test_it_does_not_run_where_the_pull_request_may_lie() -> None:
    scripts = [step for step in STEPS if "run" in step]
    assert len(scripts) == 2
    for step in scripts:
        assert step["working-directory"] == "${{ runner.temp }}"
        assert step["env"]["PYTHONSAFEPATH"] == "1"
    assert not any("checkout" in step.get("uses", "") for step in STEPS)


def test_it_installs_the_base_alone() -> None:
    install = next(step["run"] for step in STEPS if step.get("name", "").startswith("Install"))
    assert '"$ACTION/.ci/dependencies" gadfly-venv\n' in install  # no extra: no torch
    assert '--no-deps --no-build-isolation "$ACTION"\n' in install


def test_the_workflow_of_the_guide_asks_for_little() -> None:
    flow = yaml.safe_load(re.findall(r"```yaml\n(.*?)```", GUIDE, re.DOTALL)[0])
    assert list(flow[True]) == ["pull_request"]  # YAML reads "on" as true
    assert flow["permissions"] == {"contents": "read", "pull-requests": "write"}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, "--rules-only"),
        (
            {"LLM": "openai/x y; rm -rf ~", "FAIL_ON": "error"},
            "--llm|openai/x y; rm -rf ~|--budget|1.0|--fail-on|error",
        ),
    ],
)
def test_the_command(tmp_path: Path, given: dict[str, str], expected: str) -> None:
    fake = tmp_path / "gadfly-venv" / "bin" / "gadfly"
    fake.parent.mkdir(parents=True)
    fake.write_text('#!/bin/sh\nIFS="|"; printf "%s" "$*"\n')
    fake.chmod(0o755)
    done = subprocess.run(
        ["bash", "-e", "-c", STEPS[-1]["run"]],
        cwd=tmp_path,
        env={
            "PATH": os.environ["PATH"],
            "GITHUB_REPOSITORY": "a/b",
            "PULL_REQUEST": "3",
            "LLM": "",
            "BUDGET": "1.0",
            "FAIL_ON": "",
            "MAX_INLINE": "5",
            **given,
        },
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == f"review|--pr|a/b#3|--format|github|--max-inline|5|{expected}"


def test_the_base_install_reviews_without_the_heavy_libraries(tmp_path: Path) -> None:
    """What a CI job installs has no torch; here an import of it, or of its kind, fails."""
    (tmp_path / "x.py").write_text("import torch\n")
    code = (
        "import sys\n"
        "for name in ('torch', 'nnterp', 'nnsight', 'transformers', 'sklearn', 'scipy'): sys.modules[name] = None\n"
        "from gadfly.agent.faces.cli.main import run\n"
        "import gadfly.agent.faces.github.pull_request\n"
        "run(['review', 'x.py', '--rules-only'])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "Nothing found" in done.stdout
