"""Doing: typed interpretability tools, the local model, the ledger of runs.

- ``contract``   what a tool is and returns       - ``runner``    running one, and re-running a recorded run
- ``registry``   the list of tools                - ``ledger``    the append-only record of runs
- ``model``      the local model, checked         - ``stats``     intervals, tests, false discovery rate
- ``patching``   activation patching              - ``reading``   search, read and check_quote over the corpus
- ``demo``       the packaged demo model and its behaviours

The tools themselves are importable from here (``from gadfly.tools import patch``); everything loads on first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gadfly.tools.ledger import Ledger as Ledger
    from gadfly.tools.model import LocalModel as LocalModel
    from gadfly.tools.model import load as load
    from gadfly.tools.patching import patch as patch
    from gadfly.tools.probing import probe as probe
    from gadfly.tools.runner import rerun as rerun

_HOME = {
    "Ledger": "ledger",
    "LocalModel": "model",
    "load": "model",
    "patch": "patching",
    "probe": "probing",
    "rerun": "runner",
}

__all__ = ["Ledger", "LocalModel", "load", "patch", "rerun"]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
