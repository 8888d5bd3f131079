"""The stand-alone repeat of a steering result: plain nnterp and PyTorch, one prompt at a time, no cache, no Gadfly.

It recomputes the headline effect the slow and obvious way: with the whole text again at every token, so that a reader
can check the number without trusting this package's cached engine.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gadfly.tools.generating import row_seed, stop_ids
from gadfly.tools.scripting import as_literal, location

if TYPE_CHECKING:
    from gadfly.tools.model import LocalModel
    from gadfly.tools.steering import SteerArgs
    from gadfly.tools.steering.analysis import Analysis
    from gadfly.tools.steering.task import Task

_TEMPLATE = """\
# The effect of one steering vector at one dose, one prompt at a time, no cache. Needs: torch, nnterp, safetensors.
import json
import re
import torch
from nnterp import StandardizedTransformer
from safetensors.torch import load_file

model = StandardizedTransformer({where}, device_map={device!r}, dtype=torch.{dtype}, dispatch=True)
FOLDER, LAYER, POSITIONS, METRIC = {folder!r}, {layer}, {positions!r}, {metric!r}
LENGTH = {length!r}  # dose {dose:.4g} times the mean residual norm
WORDS, MAX_TOKENS, TEMPERATURE, STOPS = {words!r}, {max_tokens}, {temperature}, {stops}
# Each prompt with the ids of the tokens to move towards and away from, and the seed of its sampling.
PROMPTS = json.loads({prompts})

vector = load_file(FOLDER + "/direction.safetensors")["direction"] * LENGTH


def logits_after(ids, prompt_length, steered):
    first = {{"all": 0, "last": prompt_length - 1, "generated": prompt_length}}[POSITIONS]

    def add(module, args, out):
        hidden = (out[0] if isinstance(out, tuple) else out).clone()
        hidden[:, first:] += vector.to(hidden.device, hidden.dtype)
        return (hidden, *out[1:]) if isinstance(out, tuple) else hidden

    handle = model.layers[LAYER]._module.register_forward_hook(add) if steered else None
    with torch.no_grad():
        found = model._model(torch.tensor([ids], device=model._model.device), use_cache=False).logits[0, -1].float()
    if handle is not None:
        handle.remove()
    return found.cpu()


def measure(item, steered):
    ids = list(model.tokenizer(item["prompt"])["input_ids"])
    prompt_length = len(ids)
    if METRIC != "words":
        logits = logits_after(ids, prompt_length, steered)
        if METRIC == "probability":
            return logits.softmax(-1)[sorted(set(item["towards"]))].sum().item()
        return (logits[item["towards"]].mean() - logits[item["away"]].mean()).item()
    generator = torch.Generator().manual_seed(item["seed"])
    for _ in range(MAX_TOKENS):
        logits = logits_after(ids, prompt_length, steered)
        if TEMPERATURE:
            drawn = torch.rand(len(logits), generator=generator).clamp(1e-20, 1 - 1e-7)
            logits = logits / TEMPERATURE - torch.log(-torch.log(drawn))
        token = int(logits.argmax())
        if token in STOPS:
            break
        ids.append(token)
    text = model.tokenizer.decode(ids[prompt_length:])
    return float(any(re.search(r"(?<!\\w)" + re.escape(w) + r"(?!\\w)", text, re.IGNORECASE) for w in WORDS))


effect = sum(measure(item, True) - measure(item, False) for item in PROMPTS) / len(PROMPTS)
print(f"effect {{effect:.6f}}   (Gadfly: {expected:.6f})")
"""


def script(model: LocalModel, args: SteerArgs, task: Task, a: Analysis, folder: str) -> str:
    """The script that recomputes the effect at the chosen dose over all prompts."""
    prompts = [
        {
            "prompt": prompt,
            "towards": task.towards[i],
            "away": task.away[i],
            "seed": row_seed(args.seed, i),
        }
        for i, prompt in enumerate(task.prompts)
    ]
    return _TEMPLATE.format(
        where=location(model),
        device=model.fingerprint["device"],
        dtype=str(model.fingerprint["dtype"]),
        folder=folder,
        layer=a.source.layer,
        positions=args.positions,
        metric=task.metric,
        dose=a.evidence.dose,
        length=a.evidence.dose * a.norm,
        words=task.words,
        max_tokens=args.max_tokens,
        temperature=args.temperature,
        stops=sorted(stop_ids(model)),
        prompts=as_literal(prompts),
        expected=a.evidence.effect,
    )
