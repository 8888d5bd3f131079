"""The stand-alone repeat of a patching result: plain nnterp and PyTorch, one forward a pair, no Gadfly.

It computes the mediating cell's mean effect over all pairs the slow and obvious way, so that a reader can check
the number without trusting this package's engine.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gadfly.tools.model import LocalModel
    from gadfly.tools.patching import PatchArgs
    from gadfly.tools.patching.analysis import Analysis
    from gadfly.tools.patching.pairs import PromptPair

_TEMPLATE = '''\
# Activation patching of one cell, one pair at a time. Needs: torch, nnterp.
import json
import torch
from nnterp import StandardizedTransformer

model = StandardizedTransformer({where}, device_map={device!r}, dtype=torch.{dtype}, dispatch=True)
tokenizer = model.tokenizer
LAYER, SITE, METRIC, DENOISING = {layer}, {site!r}, {metric!r}, {denoising}
# Each pair: clean, corrupt, the answers' token ids, the positions patched (in tokens of the prompt).
PAIRS = json.loads("""{pairs}""")

block = model.layers[LAYER]
part = {{"residual": block, "attention": block.self_attn, "mlp": block.mlp}}[SITE]._module


def last_logits(prompt):
    with torch.no_grad():
        return model._model(**tokenizer(prompt, return_tensors="pt").to(model._model.device)).logits[0, -1].float()


def hidden(out):  # attention returns a tuple
    return out[0] if isinstance(out, tuple) else out


def metric(logits, pair, clean):
    if METRIC == "logit_difference":
        return (logits[pair["answer"]] - logits[pair["wrong"]]).item()
    logs = logits.log_softmax(-1)
    if METRIC == "probability":
        return logs[pair["answer"]].exp().item()
    target = clean.log_softmax(-1)
    return -(target.exp() * (target - logs)).sum().item()


moved = total = 0.0
for pair in PAIRS:
    clean = last_logits(pair["clean"])
    top = metric(clean, pair, clean)
    bottom = metric(last_logits(pair["corrupt"]), pair, clean)
    donor, receiver = ("clean", "corrupt") if DENOISING else ("corrupt", "clean")
    kept = []
    handle = part.register_forward_hook(lambda m, a, out: kept.append(hidden(out).clone()))
    last_logits(pair[donor])
    handle.remove()

    def put(module, args, out):
        changed = hidden(out).clone()
        changed[0, pair["positions"]] = kept[0][0, pair["positions"]]
        return (changed, *out[1:]) if isinstance(out, tuple) else changed

    handle = part.register_forward_hook(put)
    patched = metric(last_logits(pair[receiver]), pair, clean)
    handle.remove()
    moved += patched - bottom if DENOISING else top - patched
    total += top - bottom
print(f"effect {{moved / total:.6f}}   (Gadfly: {expected:.6f})")
'''


def script(model: LocalModel, args: PatchArgs, pairs: list[PromptPair], a: Analysis) -> str:
    """The script that recomputes the mediating cell over all pairs."""
    layer, target = a.cell(a.chosen)
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
    where = repr(model.name)
    if model.name == "demo":
        where = '__import__("gadfly.tools.demo", fromlist=["x"]).demo_path().as_posix()'
    text = json.dumps(listed, indent=1).replace("\\", "\\\\")
    return _TEMPLATE.format(
        where=where,
        device=str(model.fingerprint["device"]),
        dtype=str(model.fingerprint["dtype"]),
        layer=layer,
        site=args.site,
        metric=args.metric,
        denoising=a.denoising is not None,
        pairs=text.replace('"""', '\\"\\"\\"'),
        expected=float(a.main.mean[a.chosen]),
    )
