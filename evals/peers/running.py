"""Asking a peer: one of ``scripts`` runs in its environment, job as JSON on stdin, answer as JSON on stdout."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gadfly
from gadfly.errors import GadflyError

# By way of the package, so that it is found where the repository's folders are links.
SCRIPTS = Path(gadfly.__file__).parent / "evals" / "peers" / "scripts"


def ask(name: str, python: Path, script: Path, job: dict[str, Any]) -> dict[str, Any]:
    """The script's answer. Python's own variables (PYTHONPATH and the like) do not reach it.

    Raises:
        GadflyError: no such interpreter, or the script failed or answered something else than JSON.
    """
    command = [str(python), "-E", "-s", str(script)]
    try:
        done = subprocess.run(command, input=json.dumps(job), capture_output=True, text=True)
    except OSError as error:
        raise GadflyError(
            f"{name}: cannot run {python} ({error.strerror}); --python names an interpreter"
        ) from None
    if done.returncode:
        said = done.stderr.strip().splitlines() or [f"it ended with status {done.returncode}"]
        raise GadflyError(f"{name} failed: {said[-1]}")
    try:
        answer = json.loads(done.stdout)
        assert isinstance(answer, dict)
    except (ValueError, AssertionError):
        raise GadflyError(f"{name} answered no JSON object: {done.stdout[:80]!r}") from None
    return answer


def timed(work: Callable[[], object], rounds: int) -> list[float]:
    """Seconds of each round of our own work, which must end on the CPU, so that nothing is left to wait for."""
    taken = []
    for _ in range(rounds):
        started = time.perf_counter()
        work()
        taken.append(time.perf_counter() - started)
    return taken
