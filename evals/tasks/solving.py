"""Running the synchronous engine inside Inspect's asynchronous solver, in a data folder of its own; arms by name."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from typing import TypeVar

from gadfly.errors import UsageError
from gadfly.evals.kit.place import own_home
from gadfly.evals.tasks.chat import InspectChat

Found = TypeVar("Found")
_home = contextlib.ExitStack()
_entered = False


async def engine(work: Callable[[InspectChat], Found]) -> Found:
    """``work`` in a thread, with the model under evaluation. All samples share one data folder."""
    global _entered
    if not _entered:
        _entered = True
        _home.enter_context(own_home())
    chat = InspectChat()
    return await asyncio.to_thread(work, chat)


def among(names: str | Sequence[str], known: Sequence[str]) -> list[str]:
    """Names as ``-T`` gives them: one, several with commas, or the list that Inspect makes of those. None is all.

    Raises:
        UsageError: one of them is not known.
    """
    if not names:
        return list(known)
    asked = names.split(",") if isinstance(names, str) else list(names)
    if unknown := [name for name in asked if name not in known]:
        raise UsageError(f"none is named {unknown[0]!r}; there are: {', '.join(known)}")
    return asked
