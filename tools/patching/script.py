"""The stand-alone repeat of a patching result: plain nnterp and PyTorch, one forward a pair, no Gadfly.

It computes the mediating cell's mean effect over all pairs the slow and obvious way, so that a reader can check
the number without trusting this package's engine.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gadfly.tools.patching.sites import ports
from gadfly.tools.scripting import as_literal, location, metric_function

if TYPE_CHECKING:
    from gadfly.tools.model import LocalModel
    from gadfly.tools.patching import PatchArgs
    from gadfly.tools.patching.analysis import Analysis
    from gadfly.tools.patching.pairs import PromptPair

_TEMPLATE = '''\
# Activation patching of one cell, one pair at a time. Needs: torch, nnterp.
from __future__ import annotations

import json
import torch
from nnterp import StandardizedTransformer

model = StandardizedTransformer({where}, device_map={device!r}, dtype=torch.{dtype}, dispatch=True)
tokenizer = model.tokenizer
DENOISING = {denoising}
# {site} of layer {layer}: which module, its input or its output, which slice of the last dimension.
MODULE, ENTERING, PART = {module!r}, {entering}, slice({start}, {stop})
# Each pair: clean, corrupt, the answers' token ids, the positions patched (in tokens of the prompt).
PAIRS = json.loads({pairs})

part = model._model.get_submodule(MODULE)


def last_logits(prompt):
    with torch.no_grad():
        return model._model(**tokenizer(prompt, return_tensors="pt").to(model._model.device)).logits[0, -1].float()


def watch(change):
    """Put ``change`` of the hidden states in their place."""
    def entering(module, args):
        return (change(args[0]), *args[1:])

    def leaving(module, args, out):  # attention returns a tuple
        return (change(out[0]), *out[1:]) if isinstance(out, tuple) else change(out)

    return part.register_forward_pre_hook(entering) if ENTERING else part.register_forward_hook(leaving)


{metric_function}

moved = total = 0.0
for pair in PAIRS:
    clean = last_logits(pair["clean"])
    top = metric(clean, pair, clean)
    bottom = metric(last_logits(pair["corrupt"]), pair, clean)
    donor, receiver = ("clean", "corrupt") if DENOISING else ("corrupt", "clean")
    kept = []
    handle = watch(lambda hidden: kept.append(hidden.clone()) or hidden)
    last_logits(pair[donor])
    handle.remove()

    def put(hidden):
        changed = hidden.clone()
        for position in pair["positions"]:
            changed[0, position, PART] = kept[0][0, position, PART]
        return changed

    handle = watch(put)
    patched = metric(last_logits(pair[receiver]), pair, clean)
    handle.remove()
    moved += patched - bottom if DENOISING else top - patched
    total += top - bottom
print(f"effect {{moved / total:.6f}}   (Gadfly: {expected:.6f})")
'''


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
            listed.append({
                "clean": pair.clean, "corrupt": pair.corrupt,
                "answer": model.answer_id(pair.answer), "wrong": model.answer_id(pair.wrong),
                "positions": positions,
            })  # fmt: skip
    port = ports(model, args.site)[layer]
    part = port.parts[target.part or 0]
    module = next(name for name, each in model.module.named_modules() if each is port.module)
    return _TEMPLATE.format(
        where=location(model),
        metric_function=metric_function(args.metric),
        module=module,
        entering=port.entering,
        start=part.start,
        stop=part.stop,
        device=model.fingerprint["device"],
        dtype=str(model.fingerprint["dtype"]),
        layer=layer,
        site=args.site,
        denoising=a.denoising is not None,
        pairs=as_literal(listed),
        expected=float(a.main.mean[a.chosen]),
    )
