"""What is known of a checkpoint's files: the hash of their weights, and which self-checks they passed.

Reading 16 GB at every load costs more than the load. What was found is kept below the data folder, one small JSON file
a checkpoint, by each file's name, size, times, inode and device: a file that changes in any of them is read again. A
record is written aside and renamed, so that processes beside this one, and a kill, never leave half of one; the last of
two writers wins, and the other computes once more. Leaves out models in memory, which have no files.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import time
from pathlib import Path
from typing import Any

from gadfly import files
from gadfly.errors import HomeError
from gadfly.settings import folder

_KEPT = ("config.json", "*.safetensors")
_SETTLED = 2.0  # seconds; a file that changed later could change again within one tick of its clock
Stamp = list[list[str | int]]


def stamp(place: Path) -> Stamp:
    """Name, size, times in nanoseconds, inode and device of the files that make a model what it is."""
    those = sorted(file for pattern in _KEPT for file in place.glob(pattern))
    told = [(file.name, file.stat()) for file in those]
    return [[n, s.st_size, s.st_mtime_ns, s.st_ctime_ns, s.st_ino, s.st_dev] for n, s in told]


class Known:
    """The record of the checkpoint in one folder. Opened before its weights are read; nothing is kept of files that
    change meanwhile.

    Args:
        hashed: what the hash is of: the files, or tensors of a precision.
    """

    def __init__(self, place: Path, hashed: str = "files") -> None:
        self._place = place
        self._stamp = stamp(place)
        self._path: Path | None = None
        with contextlib.suppress(
            HomeError
        ):  # a home that cannot be written costs time, not the load
            name = hashlib.sha256(os.fsencode(place.absolute()) + hashed.encode()).hexdigest()[:32]
            self._path = folder("models", "known") / f"{name}.json"
        self._found = self._read()

    @property
    def weights(self) -> str | None:
        """The hash of the weights, if these very files were hashed before."""
        found = self._found.get("weights")
        return found if isinstance(found, str) else None

    def passed(self, check: str) -> bool:
        """Whether these very files passed this check before."""
        return check in self._found.get("passed", [])

    def unchanged(self) -> bool:
        """Whether the files are still those that were there when the record was opened."""
        return stamp(self._place) == self._stamp

    def keep(self, *, weights: str | None = None, passed: str | None = None) -> None:
        """Remember the hash, or that a check was passed, or both."""
        if self._path is None or not self.unchanged() or self._young():
            return
        before = self._read()
        checks = [each for each in before.get("passed", []) if each != passed]
        found = {
            "files": self._stamp,
            "weights": weights or before.get("weights"),
            "passed": [*checks[-15:], passed] if passed else checks,
        }
        if found == self._found:
            return
        with contextlib.suppress(OSError):
            files.write(self._path, json.dumps(found))
        self._found = found

    def _young(self) -> bool:
        newest = max((max(int(each[2]), int(each[3])) for each in self._stamp), default=0)
        return newest / 1e9 > time.time() - _SETTLED

    def _read(self) -> dict[str, Any]:
        if self._path is None:
            return {}
        try:
            found = json.loads(self._path.read_text(encoding="utf-8"))
            whole = isinstance(found["passed"], list) and isinstance(found["weights"], str | None)
            return found if whole and found["files"] == self._stamp else {}
        except (OSError, ValueError, KeyError, TypeError):
            return {}


def hash_of_files(place: Path) -> str:
    """A hash over the bytes of all safetensors files of a folder."""
    digest = hashlib.sha256()
    for file in sorted(place.glob("*.safetensors")):
        with file.open("rb") as stream:
            hashlib.file_digest(stream, lambda: digest)
    return digest.hexdigest()[:16]
