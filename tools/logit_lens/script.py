"""The stand-alone repeat of a lens result: plain transformers forwards, one prompt at a time, no Gadfly."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gadfly.tools import scripting
from gadfly.tools.readout import readout

if TYPE_CHECKING:
    from gadfly.tools.logit_lens.analysis import Analysis
    from gadfly.tools.model import LocalModel


def script(model: LocalModel, a: Analysis) -> str:
    """The script that recomputes the mean log-probability of the target after the reported layer."""
    end = readout(model)
    return scripting.script(
        model,
        "logit_lens",
        layer=a.chosen - 1,
        scale=end.scale,
        cap=end.cap,
        units=[[unit.ids, unit.target] for unit in a.units],
        expected=float(a.logp[a.chosen].mean()),
    )
