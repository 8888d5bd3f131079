"""What the stand-alone scripts of the tools share: where the model is, its metric, and the number to come out.

Each script is a template, ``script.py.j2`` in the tool's folder; ``report`` there says what goes into its slots.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gadfly.tools import metrics, templating
from gadfly.tools.checkpoints import BUILT_IN
from gadfly.tools.model import LocalModel

_TOOLS = Path(__file__).resolve().parent


def script(model: LocalModel, tool: str, /, *, expected: float, **values: Any) -> str:
    """The script of the tool in the folder ``tool``: its template with the model, what was found, and ``values``."""
    return templating.text(
        _TOOLS / tool / "script.py.j2",
        where=location(model),
        device=model.identity["device"],
        dtype=model.identity["dtype"],
        expected=f"{expected:.6f}",
        **values,
    )


def location(model: LocalModel) -> str:
    """A Python expression that names the model for ``from_pretrained``."""
    if model.name in BUILT_IN:
        module, function = BUILT_IN[model.name]
        return f'__import__("{module}", fromlist=["x"]).{function}().as_posix()'
    return repr(model.name)


def metric_function(name: str) -> str:
    """The named metric and ``metric(logits [vocabulary], pair, clean)``, a number. Needs postponed annotations."""
    return f"""\
{metrics.source(name)}


def metric(logits, pair, clean):
    answer, wrong = (torch.tensor(pair[key], device=logits.device) for key in ("answer", "wrong"))
    return {name}(logits, answer, wrong, clean).item()
"""
