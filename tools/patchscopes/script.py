"""The stand-alone repeat of a patchscope result: plain forwards, one prompt at a time, no Gadfly."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gadfly.tools import scripting

if TYPE_CHECKING:
    from gadfly.tools.model import LocalModel
    from gadfly.tools.patchscopes.analysis import Analysis
    from gadfly.tools.patchscopes.arguments import PatchscopeArgs
    from gadfly.tools.patchscopes.target import Target


def script(model: LocalModel, target: Target, a: Analysis, args: PatchscopeArgs) -> str:
    """The script that recomputes the mean log-probability of the answer at the reported layer."""
    return scripting.script(
        model,
        "patchscopes",
        layer=a.chosen,
        into=a.chosen if args.into is None else args.into,
        back=args.back,
        target=target.ids,
        slot=target.slot,
        units=[[unit.ids, unit.target] for unit in a.units],
        expected=float(a.logp[a.chosen].mean()),
    )
