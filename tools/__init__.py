"""Doing: typed interpretability tools, the local model, the ledger of runs.

- ``contract``   what a tool's module imports      - ``base``         the types that a tool is made of
- ``runner``     running one                      - ``ledger``       the append-only record of runs
- ``registry``   the list of tools                - ``again``        running a recorded run again
- ``reach``      what an argument names           - ``reached``      what a call reads, fetches or sends
- ``model``      the local model, checked         - ``checkpoints``  where a model is: built in, a folder, the hub
- ``demo``       the packaged model               - ``planted``      one whose mechanism was written by hand

An experiment is a folder: ``patching``, ``probing``, ``steering``, ``ablation``, ``logit_lens``, ``patchscopes``,
``attribution``, ``attending``, ``features`` (sparse autoencoders), ``selftesting``. In each, ``analysis`` measures,
``verdict`` judges, ``report`` tells and fills ``script.py.j2``, the stand-alone repeat. Plain tools are modules:
``generating``, ``inspecting``; ``reading`` is over the corpus. ``review`` reads code by rules (its tool is
``review.tool.review``), ``kernel`` runs a model's Python where it can reach nothing. No other folder is named as its
tool, which would hide it.

Shared by experiments: ``records`` (the argument ``data``), ``given`` (files and objects against a model of records),
``capture`` (activations), ``vectors`` (directions as files), ``readout`` (residual to logits),
``rows`` (batches from ids), ``metrics`` (of patching and ablation), ``answered`` (prompts with answers), ``stats``,
``figures``, ``telling`` (values, controls, tables), ``templating`` (pages, scripts), ``scripting``, ``forecast`` (time
and memory), ``remote`` (NDIF), ``arrays`` (types).

The tools are importable from here (``from gadfly.tools import patch``); everything loads on first use.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gadfly.tools.again import rerun as rerun
    from gadfly.tools.ledger import Ledger as Ledger
    from gadfly.tools.metrics import metric as metric
    from gadfly.tools.model import LocalModel as LocalModel
    from gadfly.tools.model import load as load
    from gadfly.tools.registry import *  # noqa: F403


def __getattr__(name: str) -> Any:
    if not name.startswith("_") and find_spec(f"{__name__}.{name}") is None:
        from gadfly.tools.again import rerun
        from gadfly.tools.ledger import Ledger
        from gadfly.tools.metrics import metric
        from gadfly.tools.model import LocalModel, load
        from gadfly.tools.registry import all_tools

        public: dict[str, Any] = {each.name: each for each in all_tools()}
        public |= {each.__name__: each for each in (Ledger, LocalModel, load, metric, rerun)}
        if name in public:
            return public[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
