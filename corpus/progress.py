"""How long work reports itself, so that any face can show it. Leaves out how it looks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol


class Progress(Protocol):
    """One task at a time: ``start``, any number of ``advance``, ``finish``; ``note`` at any time."""

    def start(self, label: str, total: int | None = None) -> None: ...

    def advance(self, n: int = 1) -> None: ...

    def finish(self) -> None: ...

    def note(self, message: str) -> None: ...


class Silent:
    """Shows nothing: for libraries and tests."""

    def start(self, label: str, total: int | None = None) -> None: ...

    def advance(self, n: int = 1) -> None: ...

    def finish(self) -> None: ...

    def note(self, message: str) -> None: ...


@contextmanager
def running(progress: Progress, label: str, total: int | None = None) -> Iterator[None]:
    """One task while the block runs, finished however the block ends."""
    progress.start(label, total)
    try:
        yield
    finally:
        progress.finish()
