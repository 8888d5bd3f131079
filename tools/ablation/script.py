"""The stand-alone repeat of an ablation: plain nnterp and PyTorch, one forward a prompt, no Gadfly.

It reads the reference prompts again, makes the replacement anew and computes the mean effect over all pairs the slow
and obvious way, so that a reader can check the number without trusting this package's engine.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from gadfly.tools.ablation.analysis import Directional, Subject
from gadfly.tools.ablation.components import head_count
from gadfly.tools.ablation.fill import donors
from gadfly.tools.scripting import as_literal, location, metric_function

if TYPE_CHECKING:
    from gadfly.tools.ablation import AblateArgs
    from gadfly.tools.model import LocalModel
    from gadfly.tools.patching.pairs import Prepared, PromptPair

_TEMPLATE = '''\
# The effect of one ablation, one prompt at a time. Needs: torch, nnterp, safetensors.
from __future__ import annotations

import json
import torch
from nnterp import StandardizedTransformer
from safetensors.torch import load_file

model = StandardizedTransformer({where}, device_map={device!r}, dtype=torch.{dtype}, dispatch=True)
FOLDER, HOW, HEADS = {folder!r}, {how!r}, {heads}
PARTS = {parts!r}  # (kind, layer, head)
# Each pair: clean, corrupt, the answers' token ids, and for resampling the prompt and the tokens it takes from.
PAIRS = json.loads({pairs})
REFERENCE = json.loads({reference})
direction = load_file(FOLDER + "/direction.safetensors")["direction"] if PARTS[0][0] == "residual" else None


def place(part):
    block = model.layers[part[1]]
    if part[0] == "residual":
        return block._module
    if part[0] == "mlp":
        return block.mlp._module
    attention = block.self_attn._module
    names = ("o_proj", "c_proj", "dense", "out_proj", "wo")  # a head is a slice of what goes into it
    return attention if part[0] == "attention" else next(getattr(attention, n) for n in names if hasattr(attention, n))


def columns(part, width):
    size = width // HEADS if part[0] == "head" else width
    return slice(part[2] * size, (part[2] + 1) * size) if part[0] == "head" else slice(0, width)


def forward(prompt, part_hook=None):
    """Logits after the prompt; part_hook(part, tensor [tokens, width]) sees every part and may give another."""
    handles = []
    for part in PARTS if part_hook else []:
        def before(module, args, part=part):
            changed = part_hook(part, args[0][0])
            return None if changed is None else (changed[None], *args[1:])

        def after(module, args, out, part=part):
            changed = part_hook(part, out[0][0] if isinstance(out, tuple) else out[0])
            if changed is None:
                return None
            return (changed[None], *out[1:]) if isinstance(out, tuple) else changed[None]

        module = place(part)
        handles.append(
            module.register_forward_pre_hook(before) if part[0] == "head" else module.register_forward_hook(after)
        )
    with torch.no_grad():
        inputs = model.tokenizer(prompt, return_tensors="pt").to(model._model.device)
        logits = model._model(**inputs, use_cache=False).logits[0, -1].float()
    for handle in handles:
        handle.remove()
    return logits


def read(prompt):
    """What stands at each part: the slice of a head, the output of a sublayer, or the coordinate of the direction."""
    kept = {{}}

    def keep(part, tensor):
        here = tensor[:, columns(part, tensor.shape[-1])].clone()
        kept[part] = here if direction is None else here.float() @ direction.to(here.device)

    forward(prompt, keep)
    return kept


read_all = [read(prompt) for prompt in REFERENCE] if HOW == "mean" else []
first = {{part: torch.stack([r[part][0].float() for r in read_all]).mean(0) for part in PARTS}} if read_all else {{}}
rest = {{part: torch.cat([r[part][1:].float() for r in read_all]).mean(0) for part in PARTS}} if read_all else {{}}


def ablated(pair):
    given = read(pair["donor"]) if HOW == "resample" else None

    def put(part, tensor):
        tensor, here = tensor.clone(), columns(part, tensor.shape[-1])
        now = tensor[:, here] if direction is None else tensor.float() @ direction.to(tensor.device)
        new = torch.zeros_like(now)
        if HOW == "mean":
            new[0], new[1:] = first[part], rest[part]
        elif HOW == "resample":
            new = given[part][pair["takes"]]
        if direction is None:
            tensor[:, here] = new
            return tensor
        return (tensor.float() + (new - now)[:, None] * direction.to(tensor.device)).to(tensor.dtype)

    return forward(pair["clean"], put)


{metric_function}

removed = total = 0.0
for pair in PAIRS:
    clean = forward(pair["clean"])
    top = metric(clean, pair, clean)
    removed += top - metric(ablated(pair), pair, clean)
    total += top - metric(forward(pair["corrupt"]), pair, clean)
print(f"effect {{removed / total:.6f}}   (Gadfly: {expected:.6f})")
'''


def script(
    model: LocalModel,
    args: AblateArgs,
    pairs: Sequence[PromptPair],
    prepared: Prepared,
    subject: Subject,
    reference: Sequence[str],
    folder: str,
    expected: float,
) -> str:
    """The script that recomputes the effect over all pairs."""
    batch = model.batch(reference)
    row, column = donors(prepared.clean, batch, args.seed)
    width, other = prepared.clean.ids.shape[1], batch.ids.shape[1]
    listed = []
    for i, pair in enumerate(pairs):
        item: dict[str, object] = {
            "clean": pair.clean, "corrupt": pair.corrupt,
            "answer": int(prepared.answer[i]), "wrong": int(prepared.wrong[i]),
        }  # fmt: skip
        if args.fill == "resample":
            length = prepared.clean.lengths[i]
            donor = int(row[i, -1])
            item["donor"] = reference[donor]
            padding = other - batch.lengths[donor]
            item["takes"] = [int(c) - padding for c in column[i, width - length :]]
        listed.append(item)
    if isinstance(subject, Directional):
        parts: list[tuple[str, int, int]] = [("residual", layer, -1) for layer in subject.layers]
    else:
        parts = [(part.kind, part.layer, part.head) for part in subject]
    return _TEMPLATE.format(
        where=location(model),
        metric_function=metric_function(args.metric),
        device=model.fingerprint["device"],
        dtype=str(model.fingerprint["dtype"]),
        folder=folder,
        how=args.fill,
        heads=head_count(model) if args.component == "head" else 1,
        parts=parts,
        pairs=as_literal(listed),
        reference=as_literal(list(reference) if args.fill == "mean" else []),
        expected=expected,
    )
