"""Running ``gadfly`` as a user does: a process of its own with a data folder of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

GADFLY = [sys.executable, "-m", "gadfly"]


def surroundings(home: Path, **more: str) -> dict[str, str]:
    """The environment of a test process. Search goes by words: embedding everything takes minutes."""
    return {**os.environ, "GADFLY_HOME": str(home), "GADFLY_EMBEDDER": "none", **more}


def gadfly(
    *arguments: str,
    home: Path,
    stdin: str | None = None,
    cwd: Path | None = None,
    **environment: str,
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*GADFLY, *arguments],
        capture_output=True,
        text=True,
        input=stdin,
        stdin=None if stdin is not None else subprocess.DEVNULL,
        env=surroundings(home, **environment),
        cwd=cwd,
        timeout=300,
    )
