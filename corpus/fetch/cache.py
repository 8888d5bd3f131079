"""Fetched bodies on disk, under ``GADFLY_HOME/fetched``: two files for each request, a body and its facts.

An entry that does not match its own hash is no entry. Leaves out when an entry is too old (``client``)
and ever removing one: the folder may be deleted at any time.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from gadfly import files, settings


@dataclass(frozen=True)
class Facts:
    """What was said along with a body. ``url`` is where it came from in the end, secrets removed."""

    url: str
    headers: dict[str, str]
    sha256: str
    checked: float
    """When the server last confirmed it, in seconds since 1970."""


class Cache:
    """Nothing is created before something is stored; a folder that cannot be written stores nothing."""

    def __init__(self, folder: Callable[[], Path] | Path | None = None) -> None:
        self._folder = folder if folder is not None else lambda: settings.home() / "fetched"

    def get(self, key: str) -> tuple[Facts, bytes] | None:
        """The entry of a key, if it is whole."""
        stem = self._stem(key)
        try:
            facts = Facts(**json.loads(stem.with_suffix(".json").read_bytes()))
            body = stem.with_suffix(".body").read_bytes()
        except (OSError, ValueError, TypeError):
            return None
        if hashlib.sha256(body).hexdigest() != facts.sha256:
            return None
        return facts, body

    def put(self, key: str, facts: Facts, body: bytes | None) -> None:
        """Store an entry; ``None`` keeps the body that is there and renews its facts."""
        stem = self._stem(key)
        try:
            stem.parent.mkdir(parents=True, exist_ok=True)
            if body is not None:
                files.write(stem.with_suffix(".body"), body)
            files.write(stem.with_suffix(".json"), json.dumps(asdict(facts)).encode())
        except OSError:  # a full or read-only disk costs the next run a download, no more
            return

    def _stem(self, key: str) -> Path:
        folder = self._folder() if callable(self._folder) else self._folder
        name = hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()
        return folder / name[:2] / name[2:40]
