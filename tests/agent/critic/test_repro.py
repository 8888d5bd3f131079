"""The reproduction: a script that tells the code from its repair. Nothing runs without a sandbox."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from support.critic import critic, entry, task

from gadfly.agent.critic import repro
from gadfly.agent.jobs.review import review_material
from gadfly.tools.kernel import sandbox
from gadfly.tools.review.reading.material import Material, text_file
from gadfly.tools.review.report import Remark

CODE = "def mean(kept, effects):\n    return sum(kept) / len(effects)\n"
WRONG = entry("    return sum(kept) / len(effects)", "divides by all effects")
FIX = {"fix": "f", "replacement": "    return sum(kept) / len(kept)"}
SCRIPT = "```python\nimport subject\nassert subject.mean([1, 3], [1, 3, 5, 7]) == 2\n```"


def found(script: str, fix: dict[str, Any] = FIX) -> tuple[Remark, list[str]]:
    model = critic(lambda _, __: [WRONG], fix=fix, repro=script)
    report = review_material(
        Material("a test", [text_file("x.py", CODE)]),
        llm=model,
        framings=["neutral"],
        reproduce=True,
    )
    return report.findings[0], [task(messages) for messages in model.seen]


@pytest.fixture
def boxless(monkeypatch: pytest.MonkeyPatch) -> None:
    """The commands without the walls around them, for code that these tests wrote themselves."""
    monkeypatch.setattr(sandbox, "missing", lambda: "")
    monkeypatch.setattr(sandbox, "command", lambda program, *_: list(program))


def test_without_a_sandbox_nothing_runs_and_the_remark_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sandbox, "missing", lambda: "no sandbox: bubblewrap is not installed")
    monkeypatch.setattr(subprocess, "Popen", lambda *_, **__: pytest.fail("something was run"))
    remark, tasks = found(SCRIPT)
    assert remark.evidence == "argued"
    assert "bubblewrap is not installed" in remark.note
    assert "repro" not in tasks


@pytest.mark.usefixtures("boxless")
def test_fails_as_it_is_and_passes_repaired() -> None:
    remark, _ = found(SCRIPT)
    assert remark.evidence == "reproduced"
    assert "import subject" in remark.repro


@pytest.mark.usefixtures("boxless")
@pytest.mark.parametrize(
    "script",
    [
        "import subject\nassert subject.mean([1], [1]) == 1",  # passes on both
        "import subject\nassert False",  # fails on both
        "import subject\nraise ValueError  # assert",
        "import subject, inspect\nassert 'len(kept)' in inspect.getsource(subject)",
        "import subject\nassert 'len(kept)' in open(subject.__file__).read()",
        "import subject\nsubject.mean([1], [1])",
        "not python (",
        "",
    ],
)
def test_anything_else_stays_argued(script: str) -> None:
    remark, _ = found(script)
    assert remark.evidence == "argued"
    assert "not reproduced" in remark.note
    assert remark.repro == ""


@pytest.mark.usefixtures("boxless")
def test_without_a_repair_there_is_nothing_to_compare() -> None:
    remark, tasks = found(SCRIPT, {"fix": "f", "replacement": None})
    assert "not tried" in remark.note
    assert "repro" not in tasks


@pytest.mark.skipif(bool(sandbox.missing()), reason="bubblewrap does not work here")
def test_in_the_real_sandbox(tmp_path: Path) -> None:
    assert found(SCRIPT)[0].evidence == "reproduced"
    out = tmp_path / "escaped"
    ran = repro._run(
        f"import subject\nassert subject.x\nfrom pathlib import Path\nPath({str(out)!r}).touch()",
        "x = 1",
    )
    assert ran is not None
    assert ran[0] != 0
    assert not out.exists()
    ran = repro._run("import socket\nsocket.create_connection(('127.0.0.1', 9), 1)", "")
    assert ran is not None
    assert ran[0] != 0
    assert sys.executable
