"""The stand-alone repeat of a probe: plain transformers-style forwards, one text at a time, no Gadfly."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gadfly.tools.scripting import location

if TYPE_CHECKING:
    from gadfly.tools.model import LocalModel
    from gadfly.tools.probing import ProbeArgs

_TEMPLATE = """\
# The probe's score on its test texts, one text at a time. Needs: torch, nnterp, safetensors.
import json
import torch
from nnterp import StandardizedTransformer
from safetensors.torch import load_file

FOLDER, LAYER, SITE, POSITION = {folder!r}, {layer}, {site!r}, {position!r}
model = StandardizedTransformer({where}, device_map={device!r}, dtype=torch.{dtype}, dispatch=True)
block = model.layers[LAYER]
part = {{"residual": block, "attention": block.self_attn, "mlp": block.mlp}}[SITE]._module
probe = load_file(FOLDER + "/probe.safetensors")
right = []
for line in open(FOLDER + "/test.jsonl"):
    item, kept = json.loads(line), []
    handle = part.register_forward_hook(lambda m, a, out: kept.append(out[0] if isinstance(out, tuple) else out))
    with torch.no_grad():
        model._model(**model.tokenizer(item["text"], return_tensors="pt").to(model._model.device))
    handle.remove()
    hidden = kept[0][0].double().cpu()
    vector = hidden.mean(0) if POSITION == "mean" else hidden[-1 if POSITION == "last" else int(POSITION)]
    score = vector @ probe["weight"] + probe["bias"]
    right.append((score > 0).item() == (item["label"] == 1))
print(f"accuracy {{sum(right) / len(right):.6f}}   (Gadfly: {expected:.6f})")
"""


def script(model: LocalModel, args: ProbeArgs, folder: str, layer: int, expected: float) -> str:
    """The script that recomputes the test accuracy from the run's artifacts."""
    return _TEMPLATE.format(
        folder=folder,
        layer=layer,
        site=args.site,
        position=args.position,
        where=location(model),
        device=model.fingerprint["device"],
        dtype=str(model.fingerprint["dtype"]),
        expected=expected,
    )
