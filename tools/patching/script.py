"""The stand-alone repeat of a patching result: plain nnterp and PyTorch, one forward a pair, no Gadfly.

It computes the mediating cell's mean effect over all pairs the slow and obvious way, so that a reader can check
the number without trusting this package's engine.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gadfly.tools import scripting
from gadfly.tools.patching.sites import ports

if TYPE_CHECKING:
    from gadfly.tools.model import LocalModel
    from gadfly.tools.patching.analysis import Analysis
    from gadfly.tools.patching.arguments import PatchArgs
    from gadfly.tools.patching.pairs import PromptPair


def script(model: LocalModel, args: PatchArgs, pairs: list[PromptPair], a: Analysis) -> str:
    """The script that recomputes the mediating cell over all pairs."""
    layer, target = a.cells[a.chosen].layer, a.cells[a.chosen].target
    mask = target.mask.cpu()
    length = mask.shape[1]
    listed = []
    for row, pair in enumerate(pairs):
        padding = length - len(model.ids(pair.clean))
        positions = [int(p) - padding for p in mask[row].nonzero().squeeze(-1)]
        if positions:
            listed.append(
                {
                    "clean": pair.clean,
                    "corrupt": pair.corrupt,
                    "answer": model.answer_id(pair.answer),
                    "wrong": model.answer_id(pair.wrong),
                    "positions": positions,
                }
            )
    port = ports(model, args.site)[layer]
    part = port.parts[target.part or 0]
    module = next(name for name, each in model.module.named_modules() if each is port.module)
    return scripting.script(
        model,
        "patching",
        metric_function=scripting.metric_function(args.metric),
        module=module,
        entering=port.entering,
        start=part.start,
        stop=part.stop,
        layer=layer,
        site=args.site,
        denoising=a.denoising is not None,
        pairs=listed,
        expected=float(a.main.mean[a.chosen]),
    )
