"""The sandboxed Python process: started with the first execution, kept for the next, killed when it takes too long.

What comes back is taken for what it is: lines that the code may have written itself. A line counts only if it carries
the id of this call and has the form of an answer; any other is dropped.
"""

from __future__ import annotations

import atexit
import json
import math
import os
import secrets
import selectors
import shutil
import subprocess
import sys
import tempfile
import time
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from gadfly import leaving
from gadfly.corpus.progress import Progress
from gadfly.errors import ToolInputError
from gadfly.settings import HOME
from gadfly.tools.checkpoints import hub, locate
from gadfly.tools.kernel import sandbox
from gadfly.tools.kernel.box import Box
from gadfly.tools.kernel.sandbox import Limits

_RESULTS = 50  # earlier runs at hand
_LONGEST = 32 << 20  # bytes of one answer
_NUMBERS = 1000
_AT_ONCE = 1 << 16  # bytes read or written in one step


class Done(NamedTuple):
    """One execution. ``error`` is a traceback, or why it was stopped."""

    output: str
    value: str
    error: str
    numbers: dict[str, float]
    seconds: float


class Kernel:
    """One process. Calls come one after the other (the toolbox queues them)."""

    def __init__(self, model: str, limits: Limits | None = None) -> None:
        gpu = Path("/dev/nvidiactl").exists()  # its driver maps more than any limit would allow
        self._limits = limits or Limits(address=0 if gpu else Limits.address)
        self._model = model
        self._box: Box | None = None
        self._lines = _Lines()
        self._shared = Path(tempfile.mkdtemp(prefix="gadfly-kernel-"))
        atexit.register(self._forget)  # in a user's program
        leaving.closing(self._forget)  # in ours, which ends without exit handlers

    def run(self, code: str, seconds: float, progress: Progress) -> Done:
        """Execute code; variables of earlier executions are there.

        Raises:
            ToolInputError: there is no sandbox; nothing ran.
        """
        if reason := sandbox.missing():
            raise ToolInputError(reason)
        started, lost = time.monotonic(), self._lost()
        try:
            box = self._box or self._start()
            call = secrets.token_hex(8)
            request = json.dumps({"id": call, "code": code}).encode() + b"\n"
            answer = self._exchange(box, request, call, started + seconds, progress)
        except OSError as error:
            self.close()
            raise ToolInputError(
                f"the sandbox did not start ({error.strerror or error})"
            ) from error
        except BaseException:
            self.close()  # a stopped turn must not leave its code running
            raise
        taken = time.monotonic() - started
        if answer is not None:
            return answer._replace(output=lost + answer.output, seconds=taken)
        late = box.running and taken >= seconds
        why = f"stopped after {seconds:.0f} s" if late else box.last_words()
        self.close()
        return Done("", "", f"{why}; the sandbox was restarted, its variables are gone", {}, taken)

    def close(self) -> None:
        """End the process; the next execution starts another."""
        if self._box is not None:
            self._box.close()
            self._box = None

    def _forget(self) -> None:
        self.close()
        shutil.rmtree(self._shared, ignore_errors=True)

    def _lost(self) -> str:
        """What to say first where the process ended between two calls."""
        if self._box is None or self._box.running:
            return ""
        why = self._box.last_words()
        self.close()
        return f"[since the last call: {why}; the variables are gone]\n"

    def _exchange(
        self, box: Box, request: bytes, call: str, deadline: float, progress: Progress
    ) -> Done | None:
        """Send a request and wait for its answer; None where the process ended, or time ran out."""
        assert box.process.stdin is not None
        assert box.process.stdout is not None
        to, back = box.process.stdin.fileno(), box.process.stdout.fileno()
        pending = memoryview(request)
        with selectors.DefaultSelector() as ready:
            ready.register(back, selectors.EVENT_READ)
            ready.register(to, selectors.EVENT_WRITE)
            while (left := deadline - time.monotonic()) > 0:
                progress.advance(0)  # raises Cancelled where the turn was stopped
                for key, _ in ready.select(min(left, 0.25)):
                    if key.fd == to:
                        try:
                            pending = pending[os.write(to, pending[:_AT_ONCE]) :]
                        except BrokenPipeError:
                            return None
                        if not pending:
                            ready.unregister(to)
                        continue
                    chunk = os.read(back, _AT_ONCE)
                    if not chunk:
                        return None
                    for line in self._lines.fed(chunk):
                        # Half a request must not be left in the way of the next one.
                        if not pending and (answer := _answer(line, call)) is not None:
                            return answer
        return None

    def _start(self) -> Box:
        told, readable = self._prepare()
        worker = str(Path(__file__).with_name("worker.py"))
        environment = {
            "HF_HUB_OFFLINE": "1",
            "HF_HUB_CACHE": str(hub()),
            HOME.variable: f"{sandbox.SCRATCH}/home",
            "OMP_NUM_THREADS": "4",
            "PYTHONPATH": sandbox.python_path(),
        }
        program = [sys.executable, "-u", worker, json.dumps(told)]
        pipe = subprocess.PIPE
        box = Box(program, readable, environment, self._limits, stdin=pipe, stdout=pipe)
        for end in (box.process.stdin, box.process.stdout):
            assert end is not None
            os.set_blocking(end.fileno(), False)
        self._box, self._lines = box, _Lines()
        return box

    def _prepare(self) -> tuple[dict[str, Any], list[Path]]:
        """What the worker is told, and what it may read."""
        from gadfly.tools.ledger import Ledger

        ledger = Ledger()
        runs = {r.id: r.result.model_dump(mode="json") for r in ledger.recent(_RESULTS) if r.result}
        results = self._shared / "results.json"
        results.write_text(json.dumps(runs), encoding="utf-8")
        artifacts = ledger.artifacts("shared").parent
        where = locate(self._model)
        told = {"model": self._model, "results": str(results), "artifacts": str(artifacts)}
        readable = [self._shared, artifacts, hub()]  # not the hub's parent: its token lies there
        return told, readable + ([where] if isinstance(where, Path) else [])


class _Lines:
    """Cuts what arrives into lines. One that is too long to be an answer is dropped while it comes."""

    def __init__(self) -> None:
        self._held = bytearray()
        self._dropping = False

    def fed(self, chunk: bytes) -> list[bytes]:
        *ends, rest = chunk.split(b"\n")
        whole = []
        for end in ends:
            if not self._dropping and len(self._held) + len(end) <= _LONGEST:
                whole.append(bytes(self._held) + end)
            self._held.clear()
            self._dropping = False
        if self._dropping or len(self._held) + len(rest) > _LONGEST:
            self._held.clear()
            self._dropping = True
        else:
            self._held += rest
        return whole


def _answer(line: bytes, call: str) -> Done | None:
    """The answer to a call, if the line is one."""
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict) or found.get("id") != call:
        return None
    texts = [found.get(name) for name in ("output", "value", "error")]
    numbers = found.get("numbers")
    if not all(isinstance(text, str) for text in texts) or not isinstance(numbers, dict):
        return None
    if len(numbers) > _NUMBERS or not all(_is_number(value) for value in numbers.values()):
        return None
    output, value, error = (_text(str(text)) for text in texts)
    kept = {_text(name)[:200]: float(number) for name, number in numbers.items()}
    return Done(output, value, error, kept, 0.0)


def _is_number(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:
        return False


def _text(text: str) -> str:
    """Without halves of characters, which no file and no database takes."""
    return text.encode("utf-8", "replace").decode("utf-8")


@cache
def kernel(model: str) -> Kernel:
    """The process for a model, one for each in this program."""
    return Kernel(model)
