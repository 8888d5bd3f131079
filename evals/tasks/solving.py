"""Running the synchronous engine inside Inspect's asynchronous solver, in a data folder of its own."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import TypeVar

from gadfly.evals.place import own_home
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
