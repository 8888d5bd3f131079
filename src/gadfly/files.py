"""Writing a file whole or not at all, and its size before it is read.

A reader never sees half of a file, and a process killed in the middle never leaves one.

Covers kills, not power cuts: nothing waits for the disk. Leaves out who may write at the same time.
"""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from gadfly.errors import HomeError

PART = ".gadfly-part-"  # how the name of a file begins that is being written
_OLD = 600.0  # seconds; no writer takes that long


def too_big(path: Path, most: int) -> str:
    """What to say of a file of more than ``most`` bytes, else an empty text. Raises OSError if there is none."""
    size = path.stat().st_size
    return f"{size / 1e6:.0f} MB, and at most {most // 10**6} MB are read" if size > most else ""


def write(path: Path, content: str | bytes, *, like: Path | None = None) -> None:
    """Write beside the file and move over it. A link stays a link; a device or pipe is written as it is.

    Args:
        content: text is written as UTF-8, its line ends as they are.
        like: whose permissions it gets; by default those of the file it replaces.

    Raises:
        OSError: it cannot be written; what was there is there still.
    """
    data = content.encode("utf-8") if isinstance(content, str) else content
    try:
        target = path.resolve()
    except RuntimeError:
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path)) from None
    if target.exists() and not target.is_file():  # /dev/stdout must not become a file
        target.write_bytes(data)
        return
    like = like or target
    beside = target.with_name(PART + secrets.token_hex(6))
    # Private until its permissions are copied: it may hold what the old file hides.
    mode = 0o600 if like.exists() else 0o666
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data)
        if mode == 0o600:
            shutil.copymode(like, beside)
        beside.replace(target)
    except BaseException:
        with suppress(OSError):
            beside.unlink()
        raise


def keep(path: Path, content: str) -> None:
    """As :func:`write`, for a file of Gadfly's own. Raises HomeError if it cannot be written."""
    with kept(path):
        write(path, content)


@contextmanager
def kept(path: Path) -> Iterator[None]:
    """Around what writes ``path`` or below it. Raises HomeError if that is not possible."""
    try:
        yield
    except OSError as error:
        raise HomeError(f"cannot write {path} ({error.strerror or error})") from error


def sweep(folder: Path) -> None:
    """Remove what killed writers left. What is young may be somebody's work of this moment."""
    for part in folder.glob(PART + "*"):
        with suppress(OSError):
            if time.time() - part.stat().st_mtime > _OLD:
                part.unlink()
