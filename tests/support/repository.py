"""A git repository made in a folder: files in, commits out."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

_WHO = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
for _role in ("AUTHOR", "COMMITTER"):
    _WHO |= {f"GIT_{_role}_NAME": "A", f"GIT_{_role}_EMAIL": "a@example.org"}
    _WHO[f"GIT_{_role}_DATE"] = "2026-01-01T00:00:00Z"


class Repository:
    """A repository whose branch ``main`` is there from the start."""

    def __init__(self, path: Path) -> None:
        path.mkdir(parents=True, exist_ok=True)
        self.path = path
        self.git("init", "--quiet", "--initial-branch=main")

    def git(self, *arguments: str) -> str:
        return self.bytes(*arguments).decode("utf-8", "replace")

    def bytes(self, *arguments: str) -> bytes:
        return subprocess.run(
            ["git", "-C", str(self.path), *arguments],
            capture_output=True,
            check=True,
            env={**os.environ, **_WHO},
        ).stdout

    def commit(self, files: dict[str, str | bytes | None], message: str = "work") -> str:
        """Writes files (None deletes one), commits, and returns the commit."""
        for name, content in files.items():
            path = self.path / name
            if content is None:
                path.unlink()
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", message)
        return self.git("rev-parse", "HEAD").strip()

    def move(self, old: str, new: str) -> None:
        (self.path / new).parent.mkdir(parents=True, exist_ok=True)
        self.git("mv", old, new)
