"""Where Gadfly keeps its data: the corpus index, the ledger of runs, figures, checkpoints.

``GADFLY_HOME`` names the folder; without it the platform's own user-data folder is used.
Nothing is created until something is written.
"""

from __future__ import annotations

import os
from pathlib import Path

from gadfly.errors import HomeError
from gadfly.settings import HOME, expanded, home

__all__ = ["expanded", "folder", "home"]


def folder(*parts: str) -> Path:
    """A folder below :func:`home`, created if missing and checked to be writable.

    Raises:
        HomeError: if it cannot be created or written.
    """
    path = home().joinpath(*parts)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise HomeError(_unwritable(path, error.strerror or str(error))) from error
    if not os.access(path, os.W_OK | os.X_OK):
        raise HomeError(_unwritable(path, "permission denied"))
    return path


def _unwritable(path: Path, reason: str) -> str:
    return f"cannot write to {path} ({reason}); set {HOME.variable} to a folder you can write to"
