"""The one writer of files: whole or not at all, links and permissions kept, devices left alone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gadfly import files


def test_text_and_bytes_are_written_and_nothing_stays_beside(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    files.write(path, "één\r\n")
    assert path.read_bytes() == "één\r\n".encode()
    files.write(path, b"\xff")
    assert path.read_bytes() == b"\xff"
    assert [each.name for each in tmp_path.iterdir()] == ["a.txt"]


def test_a_link_stays_a_link_and_a_private_file_private(tmp_path: Path) -> None:
    path, link = tmp_path / "a.txt", tmp_path / "link"
    files.write(path, "1")
    umask = os.umask(0)
    os.umask(umask)
    assert path.stat().st_mode & 0o777 == 0o666 & ~umask
    path.chmod(0o600)
    link.symlink_to(path)
    files.write(link, "2")
    assert link.is_symlink()
    assert path.read_text() == "2"
    assert path.stat().st_mode & 0o777 == 0o600
    copy = tmp_path / "copy"
    files.write(copy, "3", like=path)
    assert copy.stat().st_mode & 0o777 == 0o600


def test_a_device_is_not_replaced(tmp_path: Path) -> None:
    link = tmp_path / "null"
    link.symlink_to(os.devnull)
    files.write(link, "gone")
    assert not Path(os.devnull).is_file()
    assert not list(Path(os.devnull).parent.glob(files.PART + "*"))


def test_what_cannot_be_written_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    files.write(path, "old")
    with pytest.raises(UnicodeEncodeError):
        files.write(path, "\ud800")
    with pytest.raises(OSError, match="directory"):
        files.write(tmp_path, "x")
    with pytest.raises(OSError, match="No such"):
        files.write(tmp_path / "none" / "a.txt", "x")
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    with pytest.raises(OSError, match="symbolic links"):
        files.write(loop, "x")
    assert path.read_text() == "old"
    assert sorted(each.name for each in tmp_path.iterdir()) == ["a.txt", "loop"]


def test_no_file_that_is_read_again_is_written_in_place() -> None:
    """Only what goes with this process may be, or is recorded last, as a run's artifacts are."""
    allowed = {
        "tools/review/reading/repository.py",
        "agent/critic/repro.py",
        "tools/kernel/__init__.py",
        "tools/kernel/process.py",
    }
    root = Path(__file__).parents[1]
    found = {
        str(path.relative_to(root))
        for folder in ("agent", "corpus", "evals/peers", "tools/kernel", "tools/review")
        for path in (root / folder).rglob("*.py")
        if ".write_text(" in path.read_text(encoding="utf-8")
        or ".write_bytes(" in path.read_text(encoding="utf-8")
    }
    assert found <= allowed


@pytest.mark.slow
def test_a_kill_leaves_the_old_or_the_new(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    code = (
        "import sys, pathlib; from gadfly import files\n"
        "p = pathlib.Path(sys.argv[1]); print('ready', flush=True)\n"
        "while True:\n    files.write(p, 'a' * 3_000_000); files.write(p, 'b' * 3_000_000)"
    )
    for number in range(20):
        running = subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE)
        assert running.stdout is not None
        running.stdout.readline()
        time.sleep(0.02 + number * 0.003)
        running.send_signal(signal.SIGKILL)
        running.wait()
        text = path.read_text()
        assert len(text) == 3_000_000
        assert len(set(text)) == 1
    parts = [each for each in tmp_path.iterdir() if each != path]
    files.sweep(tmp_path)
    assert all(each.exists() for each in parts)
    for each in parts:
        os.utime(each, (1, 1))
    files.sweep(tmp_path)
    assert [each.name for each in tmp_path.iterdir()] == ["a.txt"]
