"""The sandboxed Python process: started with the first execution, kept for the next, killed when it takes too long."""

from __future__ import annotations

import atexit
import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
import time
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from gadfly.agent.kernel import sandbox
from gadfly.corpus.progress import Progress
from gadfly.errors import ToolInputError

_FILE_BYTES = 1 << 30
_MEMORY_BYTES = 64 << 30  # of address space: torch alone maps some ten gigabytes
_CPU_SECONDS = 4 * 3600
_RESULTS = 50  # earlier runs at hand


class Done(NamedTuple):
    """One execution. ``error`` is a traceback, or why it was stopped."""

    output: str
    value: str
    error: str
    numbers: dict[str, float]
    seconds: float


class Kernel:
    """One process. Calls come one after the other (the toolbox queues them)."""

    def __init__(self, model: str) -> None:
        self._model = model
        self._process: subprocess.Popen[str] | None = None
        self._answers: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._shared = Path(tempfile.mkdtemp(prefix="gadfly-kernel-"))
        atexit.register(self.close)

    def run(self, code: str, seconds: float, progress: Progress) -> Done:
        """Execute code; variables of earlier executions are there.

        Raises:
            ToolInputError: there is no sandbox; nothing ran.
        """
        if reason := sandbox.missing():
            raise ToolInputError(reason)
        started = time.monotonic()
        process = self._started()
        assert process.stdin is not None
        try:
            process.stdin.write(json.dumps({"code": code}) + "\n")
            process.stdin.flush()
            answer = self._wait(seconds, progress)
        except BrokenPipeError:
            answer = None
        except BaseException:
            self.close()  # a stopped turn must not leave its code running
            raise
        taken = time.monotonic() - started
        if answer is None:
            late = taken >= seconds
            self.close()
            why = f"stopped after {seconds:.0f} s" if late else "the process ended"
            return Done(
                "", "", f"{why}; the sandbox was restarted, its variables are gone", {}, taken
            )
        return Done(
            answer["output"], answer["value"], answer["error"],
            {str(k): float(v) for k, v in answer["numbers"].items()}, taken,
        )  # fmt: skip

    def close(self) -> None:
        """End the process; the next execution starts another."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _wait(self, seconds: float, progress: Progress) -> dict[str, Any] | None:
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            progress.advance(0)  # raises Cancelled where the turn was stopped
            try:
                line = self._answers.get(timeout=min(left, 0.25))
            except queue.Empty:
                continue
            return None if line is None else json.loads(line)
        return None

    def _started(self) -> subprocess.Popen[str]:
        if self._process is not None and self._process.poll() is None:
            return self._process
        limits, readable = self._prepare()
        worker = Path(__file__).with_name("worker.py")
        environment = {
            "HF_HUB_OFFLINE": "1", "HF_HOME": str(_hub().parent), "GADFLY_HOME": f"{sandbox.SCRATCH}/home",
            "OMP_NUM_THREADS": "4",
            "PYTHONPATH": sandbox.python_path(),
        }  # fmt: skip
        line = sandbox.command([sys.executable, "-u", str(worker)], readable, environment)
        # bubblewrap itself gets no key either: the code can read the environment of its parent.
        self._process = subprocess.Popen(
            line,
            env={"PATH": os.environ.get("PATH", "/usr/bin:/bin")},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self._answers = queue.SimpleQueue()
        threading.Thread(target=_read, args=(self._process, self._answers), daemon=True).start()
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(limits) + "\n")
        return self._process

    def _prepare(self) -> tuple[dict[str, Any], list[Path]]:
        """What the worker is told, and what it may read."""
        from gadfly.tools.checkpoints import locate
        from gadfly.tools.ledger import Ledger

        ledger = Ledger()
        runs = {r.id: r.result.model_dump(mode="json") for r in ledger.recent(_RESULTS) if r.result}
        results = self._shared / "results.json"
        results.write_text(json.dumps(runs), encoding="utf-8")
        artifacts = ledger.artifacts("shared").parent
        where = locate(self._model)
        limits = {
            "file_bytes": _FILE_BYTES, "memory_bytes": 0 if Path("/dev/nvidiactl").exists() else _MEMORY_BYTES,
            "cpu_seconds": _CPU_SECONDS, "model": self._model, "results": str(results), "artifacts": str(artifacts),
        }  # fmt: skip
        readable = [self._shared, artifacts, _hub()]
        return limits, readable + ([where] if isinstance(where, Path) else [])


@cache
def kernel(model: str) -> Kernel:
    """The process for a model, one for each in this program."""
    return Kernel(model)


def _hub() -> Path:
    """The folder of downloaded weights. Not its parent: the hub's token lies there."""
    return Path(os.environ.get("HF_HOME", "~/.cache/huggingface")).expanduser() / "hub"


def _read(process: subprocess.Popen[str], answers: queue.SimpleQueue[str | None]) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        answers.put(line)
    answers.put(None)
