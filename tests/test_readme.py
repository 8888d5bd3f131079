"""Every command of the README runs, with the files it speaks of; every make target it names exists."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support.cli import gadfly, surroundings

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
LINES = [line.strip() for line in README.splitlines() if line.startswith("    ")]
COMMANDS = [line for line in LINES if line.startswith("gadfly ")]
MAKES = re.findall(r"`?\bmake ([a-z]+)\b", README)
PYTHON = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """A folder with the files that the README's examples name."""
    pytest.importorskip("torch")
    from gadfly.tools.demo import demo_path
    from gadfly.tools.demo.behaviours import BEHAVIOURS

    shutil.copytree(demo_path(), tmp_path / "my-checkpoint")
    pairs = [
        {"clean": p.clean, "corrupt": p.corrupt, "answer": p.answer, "wrong": p.wrong}
        for p in BEHAVIOURS["capital-of"].pairs(8)
    ]
    (tmp_path / "pairs.jsonl").write_text("\n".join(map(json.dumps, pairs)))
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "one.md").write_text("# One\n\nA note about the residual stream.\n")
    (tmp_path / "probe.py").write_text(
        "import torch\n\n\ndef last(hidden, mask):\n    return hidden[:, -1]\n", encoding="utf-8"
    )
    (tmp_path / "paper.md").write_text("# Paper\n\nA paper about attention heads.\n")
    return tmp_path


def test_there_is_something_to_check() -> None:
    assert len(COMMANDS) >= 8
    assert PYTHON
    assert {"ask", "test"} <= set(MAKES)
    assert "TRANSCRIPT" not in README


@pytest.mark.parametrize("command", COMMANDS)
def test_command(command: str, desk: Path, ready: Path) -> None:
    arguments = shlex.split(command, comments=True)[1:]
    done = gadfly(*arguments, home=ready, cwd=desk)
    assert done.returncode == 0, done.stderr
    assert (done.stdout + done.stderr).strip()


@pytest.mark.parametrize("code", PYTHON)
def test_python(code: str, desk: Path, ready: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=surroundings(ready),
        cwd=desk,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


@pytest.mark.parametrize("target", sorted(set(MAKES)))
def test_make_target_exists(target: str) -> None:
    done = subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_pictures_are_there() -> None:
    for path in re.findall(r"!\[[^\]]*\]\(([^)]+)\)", README):
        assert (ROOT / path).is_file()
