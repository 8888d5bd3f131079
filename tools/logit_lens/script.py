"""The stand-alone repeat of a lens result: plain transformers forwards, one prompt at a time, no Gadfly."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gadfly.tools.readout import readout
from gadfly.tools.scripting import as_literal, location

if TYPE_CHECKING:
    from gadfly.tools.logit_lens.analysis import Analysis
    from gadfly.tools.model import LocalModel

_TEMPLATE = """\
# The target's mean log-probability after one layer, one prompt at a time. Needs: torch, nnterp.
import json
import torch
from nnterp import StandardizedTransformer

model = StandardizedTransformer({where}, device_map={device!r}, dtype=torch.{dtype}, dispatch=True)
LAYER, SCALE, CAP = {layer}, {scale!r}, {cap!r}
# Each unit: the token ids of the prompt, and the id that should follow.
UNITS = json.loads({units})

block, norm, head = model.layers[LAYER]._module, model.ln_final._module, model.lm_head._module
total = 0.0
for ids, target in UNITS:
    kept = []
    handle = block.register_forward_hook(lambda m, a, out: kept.append(out[0] if isinstance(out, tuple) else out))
    with torch.no_grad():
        model._model(torch.tensor([ids], device=model._model.device))
        handle.remove()
        logits = head(norm(kept[0][0, -1])).float() * SCALE  # the final norm once, on the block's own output
        if CAP:
            logits = (logits / CAP).tanh() * CAP
    total += logits.log_softmax(-1)[target].item()
print(f"log-probability {{total / len(UNITS):.6f}}   (Gadfly: {expected:.6f})")
"""


def script(model: LocalModel, a: Analysis) -> str:
    """The script that recomputes the mean log-probability of the target after the reported layer."""
    end = readout(model)
    return _TEMPLATE.format(
        where=location(model),
        device=model.fingerprint["device"],
        dtype=str(model.fingerprint["dtype"]),
        layer=a.chosen - 1,
        scale=end.scale,
        cap=end.cap,
        units=as_literal([[unit.ids, unit.target] for unit in a.units]),
        expected=float(a.logp[a.chosen].mean()),
    )
