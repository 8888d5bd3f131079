"""The stand-alone repeat of a patchscope result: plain forwards, one prompt at a time, no Gadfly."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gadfly.tools.scripting import as_literal, location

if TYPE_CHECKING:
    from gadfly.tools.model import LocalModel
    from gadfly.tools.patchscopes import PatchscopeArgs
    from gadfly.tools.patchscopes.analysis import Analysis
    from gadfly.tools.patchscopes.target import Target

_TEMPLATE = """\
# The answer's mean log-probability with one layer's state put into the target. Needs: torch, nnterp.
import json
import torch
from nnterp import StandardizedTransformer

model = StandardizedTransformer({where}, device_map={device!r}, dtype=torch.{dtype}, dispatch=True)
FROM, INTO, BACK = {layer}, {into}, {back}
TARGET, SLOT = {target}, {slot}
# Each unit: the token ids of the prompt, and the id of its answer.
UNITS = json.loads({units})


def run(ids, layer, hook):
    handle = model.layers[layer]._module.register_forward_hook(hook)
    with torch.no_grad():
        logits = model._model(torch.tensor([ids], device=model._model.device)).logits[0, -1]
    handle.remove()
    return logits.float().log_softmax(-1)


total = 0.0
for ids, answer in UNITS:
    kept = []
    run(ids, FROM, lambda m, a, out: kept.append((out[0] if isinstance(out, tuple) else out)[0, BACK].clone()))

    def put(m, a, out):
        (out[0] if isinstance(out, tuple) else out)[0, SLOT] = kept[0]
        return out

    total += run(TARGET, INTO, put)[answer].item()
print(f"log-probability {{total / len(UNITS):.6f}}   (Gadfly: {expected:.6f})")
"""


def script(model: LocalModel, target: Target, a: Analysis, args: PatchscopeArgs) -> str:
    """The script that recomputes the mean log-probability of the answer at the reported layer."""
    return _TEMPLATE.format(
        where=location(model),
        device=model.fingerprint["device"],
        dtype=str(model.fingerprint["dtype"]),
        layer=a.chosen,
        into=a.chosen if args.into is None else args.into,
        back=args.back,
        target=target.ids,
        slot=target.slot,
        units=as_literal([[unit.ids, unit.target] for unit in a.units]),
        expected=float(a.logp[a.chosen].mean()),
    )
