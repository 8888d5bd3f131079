"""Finished runs of a long measurement in a file, a line each: what was stopped goes on where it was.

A run is found again under the model's fingerprint, the version of the code (the package's and a hash of the tool's own
folder, of the self-test's and of what they import), the tool and the seed. A line is written when its run has
ended, so a stop loses at most the run that was under way; half a line is no run.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from pathlib import Path
from typing import Any

from gadfly import __version__, tools
from gadfly.tools.base import Declaration

_IMPORTED = re.compile(r"from gadfly\.tools\.([\w.]+) import")
_READ = (".py", ".toml")


def code_of(tool: Declaration[Any, Any]) -> str:
    """What decides the outcome of a tool, as a short hash: its folder, the self-test's, and all that they import."""
    root = Path(tools.__file__).parent
    own = str(tool.function.__module__).removeprefix("gadfly.tools.")
    waiting, seen = [own, "selftesting.nulls", "selftesting.report"], dict[Path, bytes]()
    while waiting:
        place = root / waiting.pop().replace(".", "/")
        for file in place.glob("*") if place.is_dir() else [place.with_suffix(".py")]:
            if file in seen or file.suffix not in _READ or not file.is_file():
                continue
            seen[file] = file.read_bytes()
            # A test of another tool is not part of this one's: the self-test names them all.
            if file.parent.name != "selftesting" or file.stem not in ("cases", "report"):
                waiting += _IMPORTED.findall(seen[file].decode())
    digest = hashlib.sha256(__version__.encode())
    for file in sorted(seen):
        digest.update(str(file.relative_to(root)).encode() + seen[file])
    return digest.hexdigest()[:16]


def of_model(fingerprint: dict[str, Any]) -> str:
    """A model by what decides its outcomes: weights, configuration, precision and device, not its name."""
    told = [str(fingerprint.get(name)) for name in ("weights", "config", "dtype", "device")]
    return " ".join(told)


class Kept:
    """The runs of one file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._runs: dict[str, dict[str, Any]] = {}
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        for line in text.splitlines():
            try:
                run = json.loads(line)
                self._runs[run["key"]] = run
            except (ValueError, KeyError, TypeError):
                continue  # the line that was being written when the machine stopped
        # What comes next must not join half a line.
        self._torn = bool(text) and not text.endswith("\n")

    def __len__(self) -> int:
        return len(self._runs)

    def find(self, *key: object) -> dict[str, Any] | None:
        """A finished run."""
        return self._runs.get(_key(key))

    def add(self, *key: object, **outcome: object) -> dict[str, Any]:
        """Keep a run for good: it is on the disk when this returns."""
        name = _key(key)
        run: dict[str, Any] = {"key": name, **outcome}
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(("\n" if self._torn else "") + json.dumps(run) + "\n")
            file.flush()
            os.fsync(file.fileno())
        self._torn = False
        self._runs[name] = run
        return run


def _key(key: tuple[object, ...]) -> str:
    return " | ".join(str(part) for part in key)
