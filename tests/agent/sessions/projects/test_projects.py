"""A project from start to retrospective; what check asks when things were bent."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from support.cli import gadfly, surroundings
from support.project import proposal

from gadfly.agent.jobs.propose.proposal import keep
from gadfly.agent.sessions.projects import log
from gadfly.agent.sessions.projects.check import check, retro, retro_page
from gadfly.agent.sessions.projects.folder import NOTEBOOK, start
from gadfly.agent.sessions.projects.state import load, save
from gadfly.errors import UsageError
from gadfly.tools.contract import Control, Result, Verdict
from gadfly.tools.ledger import Ledger, Run, new_id, now


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return start(proposal(), tmp_path / "mine")


def ran(verdict: Verdict = Verdict.SUPPORTED, controls: bool = True, **more: Any) -> str:
    run_id = new_id()
    status = more.pop("status", "done")
    result = Result(
        headline="It is 0.61.",
        verdict=verdict,
        why="w",
        values={"effect": 0.6123},
        controls=[Control(name="placebo", value=0.01, meaning="m")] if controls else [],
    )
    Ledger().append(
        Run(
            id=run_id,
            tool=more.pop("tool", "patch"),
            status=status,
            started=now(),
            seconds=2.0,
            arguments={"model": "demo", **more},
            environment={},
            result=result if status == "done" else None,
            error=None if status == "done" else "it broke",
        )
    )
    return run_id


def kinds(folder: Path, **more: Any) -> list[tuple[str, str]]:
    return [(q.kind, q.level) for q in check(folder, **more).questions]


def texts(folder: Path, kind: str, **more: Any) -> str:
    return "\n".join(q.text for q in check(folder, **more).questions if q.kind == kind)


def test_the_folder_is_whole(folder: Path) -> None:
    names = {path.name for path in folder.rglob("*")}
    assert {"README.md", NOTEBOOK, "LOG.md", "WRITEUP.md", "project.json"} <= names
    readme = (folder / "README.md").read_text(encoding="utf-8")
    assert "## Time boxes" in readme
    assert "Stop at hour 1.6 if" in readme
    assert [seal.name for seal in load(folder).seals] == ["P1", "P2"]
    example = json.loads(
        (folder / "data/indirect-object.pairs.example.jsonl").read_text().splitlines()[0]
    )
    assert set(example) == {"clean", "corrupt", "answer", "wrong"}
    with pytest.raises(UsageError, match="there already"):
        start(proposal(), folder)


def test_what_the_user_writes_stays_as_it_is(folder: Path) -> None:
    said = r"@name expects $\hat{y}_{i}$ in [0.1, 0.2] (#12, https://arxiv.org/abs/2502.03407)"
    log.predict(folder, said, Ledger())
    assert f": {said}\n" in (folder / "LOG.md").read_text(encoding="utf-8")
    assert "&#" not in (folder / "README.md").read_text(encoding="utf-8")


def test_the_notebook_is_valid(folder: Path) -> None:
    book = json.loads((folder / NOTEBOOK).read_text(encoding="utf-8"))
    assert (book["nbformat"], book["nbformat_minor"]) == (4, 5)
    assert len({cell["id"] for cell in book["cells"]}) == len(book["cells"])
    for cell in book["cells"]:
        assert set(cell) >= {"cell_type", "metadata", "source", "id"}
        if cell["cell_type"] == "code":
            assert (cell["outputs"], cell["execution_count"]) == ([], None)
            compile(cell["source"], "cell", "exec")


@pytest.mark.slow
def test_the_notebooks_cells_run(folder: Path) -> None:
    book = json.loads((folder / NOTEBOOK).read_text(encoding="utf-8"))
    code = "\n\n".join(cell["source"] for cell in book["cells"] if cell["cell_type"] == "code")
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=folder,
        env=surroundings(Path(os.environ["GADFLY_HOME"])),
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("supported:") == 3  # the pilot and two more seeds
    assert "set it to google/gemma-3-270m-pt" in done.stdout
    assert len(Ledger().recent()) == 3


def test_a_fresh_project_is_asked_for_predictions_only(folder: Path) -> None:
    assert kinds(folder) == [("predictions", "ask")]


def test_a_changed_prediction_is_seen(folder: Path) -> None:
    log.predict(folder, "at least seven of 10 agree", Ledger())
    assert kinds(folder) == []
    path = folder / "LOG.md"
    path.write_text(path.read_text().replace("seven of 10", "four of 10"))
    found = check(folder)
    assert "P3 was changed after it was sealed" in found.questions[0].text
    assert found.questions[0].evidence == [
        "sealed: at least seven of 10 agree",
        "now: at least four of 10 agree",
    ]


def test_a_removed_and_a_smuggled_prediction_are_seen(folder: Path) -> None:
    log.predict(folder, "at least 7 agree", Ledger())
    path = folder / "LOG.md"
    text = path.read_text()
    path.write_text(text.replace("- P3: at least 7 agree", "- P9: I always said 4"))
    told = texts(folder, "predictions")
    assert "P3 was removed" in told
    assert "P9 was never sealed" in told


def test_edited_seals_break_the_chain(folder: Path) -> None:
    log.predict(folder, "at least 7 agree", Ledger())
    project = load(folder)
    project.seals[1].text = "False if: never"
    save(folder, project)
    path = folder / "LOG.md"
    path.write_text(path.read_text().replace(proposal().draft.negative, "never"))
    assert "The seals were edited: P2" in texts(folder, "predictions")


def test_a_prediction_after_the_run_is_asked_about(folder: Path) -> None:
    ran()
    log.predict(folder, "it is 0.61", Ledger())
    assert "P3 was sealed after 1 runs" in texts(folder, "predictions")


def test_a_prediction_without_a_number_is_asked_about(folder: Path) -> None:
    log.predict(folder, "it will work", Ledger())
    assert "holds a number" in texts(folder, "predictions")


def test_runs_are_noted_once_and_failures_too(folder: Path) -> None:
    one, two = ran(), ran(status="failed")
    assert texts(folder, "runs").count("\n") == 1
    written, noted = log.entry(folder, "patched", [], Ledger())
    assert [run.id for run in noted] == [one, two]
    assert f"{two} patch: failed. it broke" in written
    assert texts(folder, "runs") == ""
    assert log.entry(folder, "thought", [], Ledger())[1] == []


def test_best_of_n_is_seen(folder: Path) -> None:
    ids = [ran(Verdict.NOT_SUPPORTED, seed=seed) for seed in range(4)]
    best = ran(seed=9)
    (folder / "WRITEUP.md").write_text(f"The site restores 0.61 ({best}), more than the placebo.")
    log.entry(folder, f"tried {' '.join(ids)}", [], Ledger())
    found = [q for q in check(folder).questions if q.kind == "best-of-n"]
    assert len(found) == 1
    assert found[0].level == "serious"
    assert (
        "ran 5 times on demo (changing seed); 1 are shown, 1 of all were supported" in found[0].text
    )
    (folder / "WRITEUP.md").write_text(f"Five seeds: {' '.join([*ids, best])}.")
    assert texts(folder, "best-of-n") == ""


def test_a_used_run_without_a_control_is_seen(folder: Path) -> None:
    bare = ran(controls=False)
    log.entry(folder, "patched", [], Ledger())
    assert f"Run {bare} is used and recorded no control" in texts(folder, "control")


def test_numbers_and_claims_of_the_writeup(folder: Path) -> None:
    good = ran()
    bad = ran(Verdict.NOT_SUPPORTED)
    log.entry(folder, "patched", [], Ledger())
    (folder / "WRITEUP.md").write_text(
        f"The effect is 0.612 ({good}) and 0.777 elsewhere.\n\nWe found a head that confirms it ({bad}).\n"
    )
    assert "1 numbers of WRITEUP.md match no run" in texts(folder, "numbers")
    assert f"the verdict of run {bad} is not supported" in texts(folder, "verdict")


def test_hours_that_passed_in_silence(folder: Path) -> None:
    late = load(folder).started + timedelta(hours=30)
    told = texts(folder, "time", at=late)
    assert "Hours to stop at have passed" in told
    assert "speaks of no control" in texts(folder, "control", at=late)
    log.entry(folder, "kill criterion 1 holds not; random control run", [], Ledger())
    assert texts(folder, "time", at=late) == ""
    over = load(folder).started + timedelta(days=5)
    assert "The box of 16 hours ended" in texts(folder, "time", at=over)


def test_working_hours_are_eight_a_day(folder: Path) -> None:
    project = load(folder)
    for passed, hour in ((0, 0), (3, 3), (20, 8), (25, 9), (47, 16)):
        assert project.hour(project.started + timedelta(hours=passed)) == hour


def test_retro_counts_what_happened(folder: Path) -> None:
    ran()
    ran(Verdict.NOT_SUPPORTED)
    ran(status="cancelled")
    log.entry(folder, "patched", [], Ledger())
    found = retro(folder)
    assert found.verdicts == {"supported": 1, "not supported": 1, "cancelled": 1}
    assert (found.entries, found.runs, found.machine_seconds) == (1, 3, 6.0)
    text = retro_page(found)
    assert "P1 (" in text
    assert "What would have halved the time" in text


def test_a_log_that_lost_its_section_loses_nothing_else(folder: Path) -> None:
    path = folder / "LOG.md"
    path.write_text("my own words\n")
    with pytest.raises(UsageError, match="has lost its section"):
        log.predict(folder, "at least 7", Ledger())
    assert path.read_text() == "my own words\n"
    assert len(load(folder).seals) == 2


def test_on_the_command_line(tmp_path: Path) -> None:
    home = Path(os.environ["GADFLY_HOME"])
    keep(proposal())
    mine = str(tmp_path / "cli")
    done = gadfly("project", "start", proposal().id, "--folder", mine, "--json", home=home)
    assert done.returncode == 0, done.stderr
    assert NOTEBOOK in json.loads(done.stdout)["files"]
    said = gadfly("project", "log", "began", "--predict", "at least 7", "--folder", mine, home=home)
    assert said.returncode == 0, said.stderr
    assert "P3 sealed" in said.stdout
    asked = gadfly("project", "check", "--folder", mine, "--json", home=home)
    assert json.loads(asked.stdout)["questions"] == []
    back = gadfly("project", "retro", "--folder", mine, home=home)
    assert (Path(mine) / "RETRO.md").read_text(encoding="utf-8") == back.stdout
    for arguments in (
        ("start", "p00000000"),
        ("start", "../x"),
        ("check", "--folder", str(tmp_path)),
        ("log",),
    ):
        bad = gadfly("project", *arguments, home=home)
        assert bad.returncode == 2
        assert "Traceback" not in bad.stderr
