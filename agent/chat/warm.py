"""Loading what the first turn needs while the researcher reads and types: the prompt comes first."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module

_ALWAYS = ("gadfly.agent.loop", "langgraph.graph", "langgraph.checkpoint.sqlite", "gadfly.corpus")


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
        # Before litellm: its price list ships with the package and must not be fetched.
        os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
        for name in (*_ALWAYS, *(("litellm",) if engine != OFFLINE else ())):
            import_module(name)
