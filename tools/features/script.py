"""The stand-alone repeat of an autoencoder's reconstruction: plain forwards, one text at a time."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from gadfly.tools.rows import special_ids
from gadfly.tools.scripting import as_literal, location

if TYPE_CHECKING:
    from gadfly.tools.features.analysis import Analysis
    from gadfly.tools.features.places import Place
    from gadfly.tools.model import LocalModel

_TEMPLATE = """\
# Fraction of variance unexplained, one text at a time. Needs: torch, transformers, safetensors.
import json
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

model = AutoModelForCausalLM.from_pretrained({where}, dtype=torch.{dtype}, use_safetensors=True,
                                             device_map={device!r}).eval()
w = {{name: tensor.float().to(model.device) for name, tensor in load_file({weights!r}).items()}}
KIND, K, NORM, SCALE = {kind!r}, {k}, {norm!r}, {scale!r}
MINUS_BIAS, BY_NORM, CENTRED, TRANSCODER = {minus}, {by_norm}, {centred}, {transcoder}
READ, READ_SIDE, WRITE, WRITE_SIDE = {read!r}, {read_side!r}, {write!r}, {write_side!r}
SPECIAL = {special}
TEXTS = json.loads({texts})


def reconstruct(x):
    raw, shift, back = x, 0.0, 1.0
    if CENTRED:
        shift = x.mean(-1, keepdim=True)
        x = x - shift
    if NORM == "layer_norm":
        mean, back = x.mean(-1, keepdim=True), x.std(-1, keepdim=True)
        x, shift = (x - mean) / (back + 1e-5), shift + mean
    elif NORM == "constant_norm_rescale":
        back = x.norm(dim=-1, keepdim=True) / x.shape[-1] ** 0.5
        x = x / back
    elif SCALE:
        x, back = x * SCALE, 1 / SCALE
    if MINUS_BIAS:
        x = x - w["b_dec"]
    size = w["W_dec"].norm(dim=-1)
    if KIND == "gated":
        on = x @ w["W_enc"] + w["b_gate"] > 0
        acts = on * (x @ (w["W_enc"] * w["r_mag"].exp()) + w["b_mag"]).relu()
    else:
        acts = (x @ w["W_enc"] + w["b_enc"]) * (size if BY_NORM else 1.0)
        if KIND == "topk":
            best = acts.topk(K, dim=-1)
            acts = torch.zeros_like(acts).scatter(-1, best.indices, best.values.relu())
        elif KIND == "jumprelu":
            limit = next(f(w[n]) for n, f in (("threshold", lambda t: t), ("log_threshold", torch.exp),
                                              ("topk_threshold", lambda t: t)) if n in w)
            acts = acts.relu() * (acts > limit)
        else:
            acts = acts.relu()
    out = (acts / size if BY_NORM else acts) * w.get("scaling_factor", 1.0) @ w["W_dec"] + w["b_dec"]
    if TRANSCODER:
        out = out * (back if SCALE else 1.0)
        return out + raw @ w["W_skip"].T if "W_skip" in w else out
    return out * back + shift


def keep(kept, name):
    def at_output(module, args, out):
        kept[name] = (out[0] if isinstance(out, tuple) else out)[0].float().to(model.device)
    def at_input(module, args, kwargs):
        kept[name] = (args[0] if args else kwargs["hidden_states"])[0].float().to(model.device)
    return at_output, at_input


read, there = [], []
for ids in TEXTS:
    kept, handles = {{}}, []
    for name, module, side in (("read", READ, READ_SIDE), ("there", WRITE, WRITE_SIDE)):
        at_output, at_input = keep(kept, name)
        part = model.get_submodule(module)
        handles.append(part.register_forward_hook(at_output) if side == "output"
                       else part.register_forward_pre_hook(at_input, with_kwargs=True))
    with torch.no_grad():
        model(torch.tensor([ids], device=model.device))
    for handle in handles:
        handle.remove()
    counted = torch.tensor([i not in SPECIAL for i in ids], device=model.device)
    read.append(kept["read"][counted])
    there.append(kept["there"][counted])
x, y = torch.cat(read), torch.cat(there)
with torch.no_grad():
    fvu = ((reconstruct(x) - y).square().sum() / (y - y.mean(0)).square().sum()).item()
print(f"fvu {{fvu:.6f}}   (Gadfly: {expected:.6f})")
"""


def script(
    model: LocalModel,
    a: Analysis,
    source: Place,
    target: Place,
    rows: list[list[int]],
    reference: str,
) -> str:
    """The script that recomputes the FVU; empty where the place is no plain input or output of a module."""
    from gadfly.tools.features.formats import weights_of

    names = {id(module): name for name, module in model.module.named_modules()}
    if source.without_gain or id(source.module) not in names or id(target.module) not in names:
        return ""
    spec = a.autoencoder.spec
    return _TEMPLATE.format(
        where=location(model),
        device=model.fingerprint["device"],
        dtype=str(model.fingerprint["dtype"]),
        weights=str(Path(weights_of(reference)).resolve()),
        kind=spec.activation,
        k=spec.k,
        norm=spec.normalisation,
        scale=spec.scaling if spec.normalisation == "expected_average_only_in" else None,
        minus=spec.subtract_bias,
        by_norm=spec.by_decoder_norm,
        centred=spec.centred,
        transcoder=spec.transcoder,
        read=names[id(source.module)],
        read_side=source.side,
        write=names[id(target.module)],
        write_side=target.side,
        special=sorted(special_ids(model)),
        texts=as_literal(rows),
        expected=a.fvu,
    )
