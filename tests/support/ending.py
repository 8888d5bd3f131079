"""Programs that get a signal at a chosen moment, and what is looked at when they have ended."""

from __future__ import annotations

import contextlib
import os
import pty
import secrets
import signal
import sqlite3
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from support.cli import GADFLY, surroundings

WRONG = ("Traceback", "terminate called", "Fatal", "Exception ignored", "Error", "exception")
SOON = 1.5  # seconds of its own that a program may take to end: 1 is promised, on a machine with a core to spare
_ON_ITS_WAY = 0.1  # seconds in which what was written before a signal is read
_MARK = "GADFLY_TEST_MARK"


@dataclass
class Ending:
    """How a program ended. ``seconds`` from the (first) signal; ``own`` without the time it waited for a core."""

    command: str
    moment: float
    signals: tuple[int, ...]
    code: int
    seconds: float
    own: float
    out: str
    err: str
    left: list[int] = field(default_factory=list)
    silent: bool = False
    """Whether it wrote nothing from a moment after the first signal on."""

    def problems(self, *, lines: int = 1) -> list[str]:
        """What is not as promised."""
        found = []
        if self.code != 128 + self.signals[0]:
            found.append(f"exit code {self.code}")
        if self.own > SOON:
            found.append(f"{self.seconds:.2f} s, {self.own:.2f} s of its own")
        found += [f"it says {word}" for word in WRONG if word in self.err + self.out]
        if self.err.count("gadfly: stopped") > lines:
            found.append("said twice")
        if self.left:
            found.append(f"children left: {self.left}")
        return [f"{self} {each}: {self.err[-600:]!r}" for each in found]

    def __str__(self) -> str:
        names = "+".join(signal.Signals(n).name for n in self.signals)
        return f"{self.command} {names} at {self.moment:.3f} s:"


class Started:
    """A running program, its output read all the time."""

    def __init__(
        self,
        arguments: list[str],
        home: Path,
        *,
        terminal: bool = False,
        program: list[str] | None = None,
        cwd: Path | None = None,
        stdin: int = subprocess.DEVNULL,
        **environment: str,
    ) -> None:
        self.mark = secrets.token_hex(8)
        self.arguments = arguments
        env = surroundings(home, **{_MARK: self.mark, "TERM": "xterm", **environment})
        line = [*(program or GADFLY), *arguments]
        self.said: dict[str, bytearray] = {"out": bytearray(), "err": bytearray()}
        self.master = -1
        if terminal:
            self.master, slave = pty.openpty()
            self.before = termios.tcgetattr(slave)
            self._slave = slave
            command = [sys.executable, "-c", _ON_A_TERMINAL, *line]
            ends = dict.fromkeys(("stdin", "stdout", "stderr"), slave)
            self.process = subprocess.Popen(
                command, **ends, env=env, cwd=cwd, start_new_session=True
            )
            sources = {"out": self.master}
        else:
            self.process = subprocess.Popen(
                line, stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env, cwd=cwd
            )
            assert self.process.stdout
            assert self.process.stderr
            sources = {"out": self.process.stdout.fileno(), "err": self.process.stderr.fileno()}
        self._readers = [
            threading.Thread(target=self._read, args=each, daemon=True) for each in sources.items()
        ]
        for reader in self._readers:
            reader.start()
        self.began = time.monotonic()

    def _read(self, name: str, source: int) -> None:
        with contextlib.suppress(OSError):
            while piece := os.read(source, 65536):
                self.said[name] += piece

    def text(self, name: str = "out") -> str:
        return self.said[name].decode("utf-8", "replace")

    def guarded(self, seconds: float = 20) -> None:
        """Wait until the first line of Gadfly ran: its handlers are there."""
        self.until(lambda: self._caught() >> (signal.SIGTERM - 1) & 1, seconds)
        self.began = time.monotonic()

    def until(self, reached: Callable[[], object], seconds: float = 60) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if reached():
                return
            if self.process.poll() is not None:
                raise AssertionError(
                    f"{self.arguments} ended with {self.process.returncode}: {self.said}"
                )
            time.sleep(0.002)
        raise AssertionError(f"{self.arguments}: not reached in {seconds} s: {self.said}")

    def _caught(self) -> int:
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
                if line.startswith("SigCgt"):
                    return int(line.split()[1], 16)
        return 0

    def signalled(self, *signals: int, gap: float = 0.02, patience: float = 30) -> Ending:
        """Send the signals, and wait for the end."""
        moment = time.monotonic() - self.began
        waited = _waited(self.process.pid)
        started = time.monotonic()
        last = waited
        heard: list[int] = []
        for index, number in enumerate(signals):
            if index:
                time.sleep(gap)
            self.process.send_signal(number)
        while self.process.poll() is None and time.monotonic() < started + patience:
            last = _waited(self.process.pid) or last
            if not heard and time.monotonic() > started + _ON_ITS_WAY:
                heard = [len(said) for said in self.said.values()]
            time.sleep(0.003)
        seconds = time.monotonic() - started
        late = self.process.poll() is None
        if late:
            self.process.kill()
        code = self.process.wait()
        for reader in self._readers:
            reader.join(0.5 if self.master >= 0 else 5)
        own = seconds - sum(max(0.0, last.get(t, 0.0) - waited.get(t, 0.0)) for t in last)
        said = self.text("out"), self.text("err"), marked(self.mark)
        taken = (-9, seconds, seconds) if late else (code, seconds, own)
        silent = bool(heard) and heard == [len(each) for each in self.said.values()]
        return Ending(" ".join(self.arguments), moment, signals, *taken, *said, silent=silent)

    def sane(self) -> list[str]:
        """What is wrong with the terminal that it leaves."""
        found = [] if termios.tcgetattr(self._slave) == self.before else ["its settings changed"]
        shown = self.text()
        if shown.rfind("\x1b[?25l") > shown.rfind("\x1b[?25h"):
            found.append("the cursor is hidden")
        if shown.rfind("\x1b[?1049h") > shown.rfind("\x1b[?1049l"):
            found.append("the other screen is on")
        if shown.rfind("\x1b[?2004h") > shown.rfind("\x1b[?2004l"):
            found.append("pastes are marked")
        return found

    def type(self, text: str) -> None:
        os.write(self.master, text.encode())

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        if self.master >= 0:
            os.close(self.master)
            os.close(self._slave)


_ON_A_TERMINAL = (
    "import fcntl, os, sys, termios\n"
    "fcntl.ioctl(0, termios.TIOCSCTTY, 0)\n"
    "os.execv(sys.argv[1], sys.argv[1:])"
)


@contextlib.contextmanager
def running(*arguments: str, home: Path, **how: object) -> Iterator[Started]:
    started = Started(list(arguments), home, **how)  # type: ignore[arg-type]
    try:
        yield started
    finally:
        started.close()


def _waited(process: int) -> dict[str, float]:
    """For how long each thread was ready and had no core, in seconds."""
    found = {}
    with contextlib.suppress(OSError, ValueError):
        for task in Path(f"/proc/{process}/task").iterdir():
            with contextlib.suppress(OSError, ValueError, IndexError):
                found[task.name] = int((task / "schedstat").read_text().split()[1]) / 1e9
    return found


def marked(mark: str) -> list[int]:
    """Processes that carry the mark of a program in their environment."""
    found = []
    wanted = f"{_MARK}={mark}".encode()
    for each in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):
            if wanted in each.read_bytes() and not _zombie(each.parent):
                found.append(int(each.parent.name))
    return found


def _zombie(folder: Path) -> bool:
    return (folder / "stat").read_text().rpartition(")")[2].split()[0] == "Z"


def databases(home: Path) -> list[str]:
    """What is wrong with the SQLite files of a data folder: damage, or a lock that is still held."""
    found = []
    for path in home.rglob("*.sqlite*"):
        if path.name.endswith(("-wal", "-shm", "-journal")):
            continue
        with contextlib.closing(sqlite3.connect(path, timeout=0)) as db:
            try:
                said = db.execute("PRAGMA integrity_check").fetchone()[0]
                db.execute("BEGIN IMMEDIATE")
                db.execute("ROLLBACK")
            except sqlite3.Error as error:
                said = str(error)
        if said != "ok":
            found.append(f"{path.name}: {said}")
    return found
