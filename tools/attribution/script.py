"""The stand-alone repeat of an attribution: the component's output through the frozen norm, one prompt at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gadfly.tools.attribution.parts import heads_of
from gadfly.tools.readout import readout
from gadfly.tools.scripting import as_literal, location

if TYPE_CHECKING:
    from gadfly.tools.attribution.analysis import Analysis
    from gadfly.tools.model import LocalModel

_TEMPLATE = """\
# What one component writes to the answer directly, one prompt at a time. Needs: torch, nnterp.
import json
import torch
from nnterp import StandardizedTransformer

model = StandardizedTransformer({where}, device_map={device!r}, dtype=torch.{dtype}, dispatch=True)
KIND, LAYER, HEAD, HEADS, SCALE = {kind!r}, {layer}, {head}, {heads}, {scale!r}
# Each prompt: token ids, the answer's id, the wrong answer's id or null.
PROMPTS = json.loads({prompts})

norm, unembed = model.ln_final._module, model.lm_head._module
block = model.layers[max(LAYER, 0)]._module
attention, mlp = model.layers[max(LAYER, 0)].self_attn._module, model.layers[max(LAYER, 0)].mlp._module
projection = next((getattr(attention, n) for n in ("o_proj", "c_proj", "dense", "out_proj", "wo")
                   if hasattr(attention, n)), None)
first = lambda out: out[0] if isinstance(out, tuple) else out
last, kept = {{}}, {{}}


def keep(name, pick):
    def hook(module, args, *out):
        kept[name] = pick(args, out)
    return hook


def derivative(f, x, part):
    # A norm whose scale is held at its value for x, applied to one part of x.
    centred = isinstance(f, torch.nn.LayerNorm)
    eps = getattr(f, "eps", None) or getattr(f, "variance_epsilon", 0.0)
    mean = x.mean() if centred else 0.0
    scale = ((x - mean).square().mean() + eps).rsqrt()
    ones = torch.ones_like(x, device=f.weight.device)
    gain = (f.weight if centred else f(ones) * (1 + eps) ** 0.5).cpu()
    return (part - (part.mean() if centred else 0.0)) * scale * gain


total = 0.0
for ids, answer, wrong in PROMPTS:
    posts = {{}}
    handles = [
        model.layers[0]._module.register_forward_pre_hook(keep("start", lambda a, o: a[0])),
        attention.register_forward_hook(keep("attention", lambda a, o: first(o[0]))),
        mlp.register_forward_hook(keep("mlp", lambda a, o: first(o[0]))),
        norm.register_forward_pre_hook(keep("end", lambda a, o: a[0])),
    ]
    if projection is not None:
        handles.append(projection.register_forward_pre_hook(keep("heads", lambda a, o: a[0])))
    for child in block.children():  # a norm that stands between a sublayer and the stream (Gemma, OLMo 2)
        if "norm" in type(child).__name__.lower():
            handles.append(child.register_forward_pre_hook(lambda m, a: posts.update(
                {{w: m for w in ("attention", "mlp") if kept.get(w) is a[0]}})))
    kept.clear()
    with torch.no_grad():
        model._model(torch.tensor([ids], device=model._model.device))
        for handle in handles:
            handle.remove()
        at = {{name: value[0, -1].float().cpu() for name, value in kept.items()}}
        if KIND == "embedding":
            part = at["start"]
        elif KIND == "head":
            size = at["heads"].numel() // HEADS
            weight = projection.weight if isinstance(projection, torch.nn.Linear) else projection.weight.T
            cut = slice(HEAD * size, (HEAD + 1) * size)
            part = weight[:, cut].float().cpu() @ at["heads"][cut]
        else:
            part = at[KIND]
        source = "attention" if KIND == "head" else KIND
        if source in posts:
            part = derivative(posts[source], at[source], part)
        direction = unembed.weight[answer].float().cpu()
        if wrong is not None:
            direction = direction - unembed.weight[wrong].float().cpu()
        total += (derivative(norm, at["end"], part) @ direction).item() * SCALE
print(f"contribution {{total / len(PROMPTS):.6f}}   (Gadfly: {expected:.6f})")
"""


def script(model: LocalModel, a: Analysis) -> str:
    """The script that recomputes the reported component's mean contribution over all prompts.

    Empty for a learned position embedding or the token's beside one, which the script does not separate.
    """
    part = a.parts[a.chosen]
    if part.name in ("token embedding", "position embedding"):
        return ""
    return _TEMPLATE.format(
        where=location(model),
        device=model.fingerprint["device"],
        dtype=str(model.fingerprint["dtype"]),
        kind=part.kind,
        layer=part.layer,
        head=part.head or 0,
        heads=heads_of(model),
        scale=readout(model).scale,
        prompts=as_literal([[q.ids, q.answer, q.wrong] for q in a.questions]),
        expected=float(a.mean[a.chosen]),
    )
