"""Doing: typed interpretability tools, the local model, the ledger of runs.

- ``contract``   what a tool is and returns       - ``runner``       running one, and re-running a recorded run
- ``registry``   the list of tools                - ``ledger``       the append-only record of runs
- ``model``      the local model, checked         - ``checkpoints``  where a model is: built in, a folder, the hub
- ``demo``       the packaged model               - ``planted``      one whose mechanism was written by hand

An experiment is a folder: ``patching``, ``probing``, ``steering``, ``ablation``, ``logit_lens``, ``patchscopes``,
``attribution``, ``attending``, ``features`` (sparse autoencoders), ``selftesting``. In each, ``analysis`` measures,
``verdict`` judges, ``report`` tells and ``script`` writes the stand-alone repeat. Plain tools are modules:
``generating``, ``inspecting``; ``reading`` is over the corpus. ``review`` reads code by rules (its tool is
``review.tool.review``), ``kernel`` runs a model's Python where it can reach nothing. No other folder is named as its
tool, which would hide it.

Shared by experiments: ``capture`` (activations), ``vectors`` (directions as files), ``readout`` (residual to logits),
``rows`` (batches from ids), ``metrics`` (of patching and ablation), ``answered`` (prompts with answers), ``stats``,
``figures``, ``telling`` (values, controls, tables), ``templating`` (pages, scripts), ``scripting``, ``forecast`` (time
and memory), ``remote`` (NDIF).

The tools are importable from here (``from gadfly.tools import patch``); everything loads on first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gadfly.tools.ablation import ablate as ablate
    from gadfly.tools.attending import attention as attention
    from gadfly.tools.attribution import attribute as attribute
    from gadfly.tools.features import sae as sae
    from gadfly.tools.generating import generate as generate
    from gadfly.tools.inspecting import activations as activations
    from gadfly.tools.inspecting import model_info as model_info
    from gadfly.tools.inspecting import tokenize as tokenize
    from gadfly.tools.ledger import Ledger as Ledger
    from gadfly.tools.logit_lens import lens as lens
    from gadfly.tools.metrics import metric as metric
    from gadfly.tools.model import LocalModel as LocalModel
    from gadfly.tools.model import load as load
    from gadfly.tools.patching import patch as patch
    from gadfly.tools.patchscopes import patchscope as patchscope
    from gadfly.tools.probing import probe as probe
    from gadfly.tools.runner import rerun as rerun
    from gadfly.tools.selftesting import selftest as selftest
    from gadfly.tools.steering import steer as steer

_NOT_TOOLS = {
    "Ledger": "ledger",
    "LocalModel": "model",
    "load": "model",
    "metric": "metrics",
    "rerun": "runner",
}


def __getattr__(name: str) -> Any:
    if name in _NOT_TOOLS:
        return getattr(import_module(f"{__name__}.{_NOT_TOOLS[name]}"), name)
    from gadfly.tools.registry import by_name, names

    if name in names():
        return by_name(name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
