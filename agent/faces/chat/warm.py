"""Loading what the first turn needs while the researcher reads and types: the prompt comes first."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress


def starter(engine: str) -> Callable[[], None]:
    """What a prompt runs once it is up; only the first time counts."""
    thread = threading.Thread(target=_load, args=[engine], name="warm", daemon=True)

    def start() -> None:
        if thread.ident is None:
            thread.start()

    return start


def _load(engine: str) -> None:
    from gadfly.agent.llm.choose import OFFLINE

    with suppress(Exception):  # an error belongs to the turn that meets it
        import langgraph.checkpoint.sqlite
        import langgraph.graph  # noqa: F401

        import gadfly.agent.turn.loop
        import gadfly.corpus  # noqa: F401

        if engine != OFFLINE:
            from gadfly.agent.llm.provider import preload

            preload()
