"""Many writers of one log, editors beside them, and kills at any moment: nothing is lost, nothing is half written."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from support.project import proposal

from gadfly.agent.sessions.projects import log
from gadfly.agent.sessions.projects.check import check
from gadfly.agent.sessions.projects.folder import start
from gadfly.agent.sessions.projects.state import load, save
from gadfly.errors import UsageError
from gadfly.tools.ledger import Ledger

_WRITER = """
import sys
from pathlib import Path
from gadfly.agent.sessions.projects import log
from gadfly.tools.ledger import Ledger

folder, name, count = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
ledger = Ledger()
print("ready", flush=True)
for number in range(count):
    if number % 4 == 3:
        seal = log.predict(folder, f"{name} {number} predicts at least 7", ledger)
        print(f"{name} {number} {seal.name}", flush=True)
    else:
        log.entry(folder, f"{name} {number} saw something", [], ledger)
        print(f"{name} {number}", flush=True)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return start(proposal(), tmp_path / "mine")


def writer(folder: Path, name: str, count: int) -> subprocess.Popen[str]:
    line = [sys.executable, "-c", _WRITER, str(folder), name, str(count)]
    return subprocess.Popen(line, stdout=subprocess.PIPE, text=True, env=dict(os.environ))


def said(text: str) -> list[str]:
    return re.findall(r"(w\d+ \d+) (?:saw|predicts)", text)


@pytest.mark.parametrize("writers", [2, pytest.param(4, marks=pytest.mark.slow)])
def test_writers_at_the_same_time_lose_nothing(folder: Path, writers: int) -> None:
    running = [writer(folder, f"w{number}", 40) for number in range(writers)]
    assert [each.wait(300) for each in running] == [0] * writers
    expected = {f"w{number} {entry}" for number in range(writers) for entry in range(40)}
    found = said(log.read(folder))
    assert set(found) == expected
    assert len(found) == len(expected)
    project = load(folder)
    assert [seal.name for seal in project.seals] == [f"P{n + 1}" for n in range(2 + 10 * writers)]
    assert project.broken() is None
    assert log.predictions(log.read(folder)) == {seal.name: seal.text for seal in project.seals}
    assert not list(folder.glob(".gadfly-part-*"))


def test_what_an_editor_saves_meanwhile_is_kept(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An editor takes no lock: it saves between the reading and the writing of an entry."""
    path, read = folder / "LOG.md", log.read
    saved = iter(["mine, in place\n", "mine, renamed\n"])

    def interrupted(where: Path) -> str:
        text = read(where)
        if line := next(saved, None):
            beside = where / "editors.tmp"
            beside.write_text(text + line)
            beside.replace(path) if "renamed" in line else path.write_text(text + line)
        return text

    monkeypatch.setattr(log, "read", interrupted)
    log.entry(folder, "and this", [], Ledger())
    text = read(folder)
    assert text.index("mine, in place") < text.index("mine, renamed") < text.index("and this")


def test_a_save_in_two_steps_is_waited_for(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some editors empty the file and fill it again."""
    monkeypatch.setattr(log, "_FRESH", 500_000_000)
    path, emptied = folder / "LOG.md", threading.Event()
    whole = path.read_text()

    def save_slowly() -> None:
        with path.open("w") as stream:
            emptied.set()
            time.sleep(0.05)
            stream.write(whole + "mine\n")

    editor = threading.Thread(target=save_slowly)
    editor.start()
    emptied.wait()
    log.entry(folder, "and this", [], Ledger())
    editor.join()
    assert log.read(folder).startswith(whole + "mine\n")
    assert "and this" in log.read(folder)


def test_a_log_with_other_line_ends_keeps_them(folder: Path) -> None:
    path = folder / "LOG.md"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n") + b"mine\r\n")
    log.predict(folder, "at least 7", Ledger())
    log.entry(folder, "x", [], Ledger())
    assert b"mine\r\n" in path.read_bytes()
    assert set(log.predictions(log.read(folder))) == {"P1", "P2", "P3"}
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(UsageError, match="UTF-8"):
        log.entry(folder, "x", [], Ledger())


def test_words_that_are_no_text_are_written_still(folder: Path) -> None:
    log.predict(folder, "at least 7 \udcff", Ledger())
    log.entry(folder, "half a \ud800 pair", [], Ledger())
    assert "half a ? pair" in log.read(folder)


@pytest.mark.parametrize("there", [False, True])
def test_a_kill_between_seal_and_line_is_mended(folder: Path, there: bool) -> None:
    log.predict(folder, "at least 7", Ledger())
    path, project = folder / "LOG.md", load(folder)
    if not there:
        path.write_text(path.read_text().replace("- P3: at least 7\n", ""))
    project.unwritten = ["P3"]
    save(folder, project)
    assert check(folder).questions == []
    assert log.predictions(log.read(folder))["P3"] == "at least 7"
    assert log.read(folder).count("P3") == 1
    assert load(folder).unwritten == []


def test_a_removed_line_is_not_put_back(folder: Path) -> None:
    log.predict(folder, "at least 7", Ledger())
    path = folder / "LOG.md"
    path.write_text(path.read_text().replace("- P3: at least 7\n", ""))
    log.entry(folder, "x", [], Ledger())
    assert "P3" not in log.read(folder)
    assert "P3 was removed" in check(folder).questions[0].text


@pytest.mark.slow
def test_kills_at_any_moment_leave_whole_files(folder: Path) -> None:
    chance, acknowledged = random.Random(0), []
    for number in range(30):
        running = writer(folder, f"w{number}", 1000)
        assert running.stdout is not None
        running.stdout.readline()
        time.sleep(chance.uniform(0, 0.4))
        running.send_signal(signal.SIGKILL)
        acknowledged += [" ".join(line.split()[:2]) for line in running.stdout.read().splitlines()]
        running.wait()
        json.loads((folder / "project.json").read_text())
        text = log.read(folder)
        assert set(acknowledged) <= set(said(text))
        assert not [q for q in check(folder).questions if q.level == "serious"]
        project = load(folder)
        assert project.broken() is None
        assert log.predictions(log.read(folder)) == {s.name: s.text for s in project.seals}
    assert len(acknowledged) > 10  # work was done between the kills, however busy the machine
    for part in folder.glob(".gadfly-part-*"):
        os.utime(part, (1, 1))
    log.entry(folder, "the end", [], Ledger())
    assert not list(folder.glob(".gadfly-part-*"))
