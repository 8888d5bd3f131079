"""One program in the sandbox: started, watched from outside, ended whole.

``enter`` lets it start no other process. What no limit of a process bounds, the memory in use with the files that lie
in memory and the threads, is counted from outside; where it is too much, the sandbox's first process is killed and the
kernel ends everything inside. Leaves out what is said to the program.
"""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from gadfly.tools.kernel import sandbox
from gadfly.tools.kernel.sandbox import Limits

_EVERY = 0.05  # seconds between two counts
_START = 20.0  # seconds after which a sandbox that cannot be looked into is ended
_SAID = 20_000  # bytes kept of what a program says of its errors
_INODE = 1024  # bytes of memory that an empty file takes
# Where memory runs out before the count, the kernel ends this program before any other.
_FIRST_TO_GO = 'echo 1000 2>/dev/null >/proc/self/oom_score_adj; exec "$@"'


class _Use(NamedTuple):
    threads: int
    memory: int


class Box:
    """A running program. ``ended_by`` says which limit it broke."""

    def __init__(
        self,
        program: Sequence[str],
        readable: Sequence[Path],
        environment: dict[str, str],
        limits: Limits,
        *,
        stdin: int = subprocess.DEVNULL,
        stdout: int = subprocess.DEVNULL,
    ) -> None:
        """Start it; ``stderr`` is a pipe. Raises OSError if that is not possible."""
        self._line = sandbox.command(program, readable, environment, limits)
        self._limits = limits
        free = sandbox.free_memory() * 3 // 4
        self._memory = min(limits.memory or free, free)
        self._inside: Path | None = None
        self.ended_by = ""
        started: Future[subprocess.Popen[bytes]] = Future()
        # The thread starts it too: the program dies with the thread that started it, not only with this process.
        threading.Thread(target=self._live, args=(started, stdin, stdout), daemon=True).start()
        self.process = started.result()

    @property
    def running(self) -> bool:
        return self.process.poll() is None

    def last_words(self) -> str:
        """Why it ended, in one line."""
        self._end()
        assert self.process.stderr is not None
        os.set_blocking(self.process.stderr.fileno(), False)
        said = b""
        with suppress(OSError):
            said = os.read(self.process.stderr.fileno(), _SAID)
        words = " ".join(said.decode("utf-8", "replace").split())[:200]
        return (
            f"stopped: {self.ended_by}"
            if self.ended_by
            else f"the process ended{words and f' ({words})'}"
        )

    def finished(self, seconds: float) -> tuple[int, str] | None:
        """Wait: the exit code and the last line on ``stderr``; None if it takes longer."""
        assert self.process.stderr is not None
        pipe, deadline, said = self.process.stderr.fileno(), time.monotonic() + seconds, b""
        with selectors.DefaultSelector() as ready:
            ready.register(pipe, selectors.EVENT_READ)
            while (left := deadline - time.monotonic()) > 0:
                if ready.select(left):
                    chunk = os.read(pipe, 65536)
                    if not chunk:
                        break
                    said = (said + chunk)[-_SAID:]
        try:
            code = self.process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            return None
        lines = said.decode("utf-8", "replace").strip().splitlines()
        return code, self.ended_by or (lines[-1][:200] if lines else "")

    def close(self) -> None:
        """End everything inside."""
        self._end()
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()

    def _end(self) -> None:
        self._kill()
        self.process.wait()

    def _live(self, started: Future[subprocess.Popen[bytes]], stdin: int, stdout: int) -> None:
        # bubblewrap itself gets no key either: the code can read the environment of its parent.
        environment = {"PATH": os.environ.get("PATH", "/usr/bin:/bin")}
        try:
            process = subprocess.Popen(
                ["/bin/sh", "-c", _FIRST_TO_GO, "sh", *self._line],
                env=environment,
                bufsize=0,
                stdin=stdin,
                stdout=stdout,
                stderr=subprocess.PIPE,
            )
        except BaseException as error:
            started.set_exception(error)
            return
        self.process = process
        started.set_result(process)
        begun = time.monotonic()
        while process.poll() is None:
            self.ended_by = self._excess(late=time.monotonic() - begun > _START)
            if self.ended_by:
                self._kill()
                return
            time.sleep(_EVERY)

    def _excess(self, late: bool) -> str:
        try:
            use = self._use()
        except (FileNotFoundError, ProcessLookupError):  # something in there has just ended
            return "it cannot be watched here" if late and self._inside is None else ""
        except (OSError, ValueError, IndexError) as error:
            return f"it cannot be watched here ({error})"
        if use is None:
            return "it cannot be watched here" if late else ""
        if use.threads > self._limits.threads:
            return f"it ran {use.threads} threads, at most {self._limits.threads} are allowed"
        if use.memory > self._memory:
            return f"it took {_gib(use.memory)} GiB of memory, at most {_gib(self._memory)} are allowed"
        return ""

    def _use(self) -> _Use | None:
        """What everything inside uses; None before there is an inside."""
        first = self._first()
        if first is None:
            return None
        root = Path(f"/proc/{first}/root")
        if self._inside is None:
            # Until bubblewrap has changed its root, this is the host's.
            if _link(root / "proc/1/ns/pid") != _link(Path(f"/proc/{first}/ns/pid")):
                return None
            self._inside = root
        page = os.sysconf("SC_PAGE_SIZE")
        threads = used = 0
        for name in filter(str.isdigit, os.listdir(root / "proc")):  # noqa: PTH208
            fields = (root / "proc" / name / "stat").read_bytes().rpartition(b")")[2].split()
            threads += int(fields[17])
            used += int(fields[21]) * page
        for place in sandbox.IN_MEMORY:
            held = os.statvfs(f"{root}{place}")
            used += (held.f_blocks - held.f_bfree) * held.f_frsize
            used += (held.f_files - held.f_ffree) * _INODE
        return _Use(threads, used)

    def _first(self) -> int | None:
        """The first process inside, as the host counts."""
        pid = self.process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_bytes().split()
        return int(children[0]) if children else None

    def _kill(self) -> None:
        with suppress(OSError, ValueError):
            if self.process.poll() is None and (first := self._first()) is not None:
                os.kill(first, signal.SIGKILL)
        self.process.kill()


def _link(path: Path) -> str | None:
    try:
        return os.readlink(path)  # noqa: PTH115
    except OSError:
        return None


def _gib(size: int) -> str:
    return f"{size / (1 << 30):.1f}"
