"""Residual patching with TransformerLens, one forward for each cell: job as JSON on stdin, effects on stdout.

Runs in an environment that has TransformerLens and no Gadfly; ``gadfly.evals.transformerlens`` starts it.
"""

# mypy: ignore-errors
import json
import sys
import time
from importlib.metadata import version

import torch
from transformer_lens.model_bridge import TransformerBridge

job = json.load(sys.stdin)
torch.set_num_threads(job["threads"])
model = TransformerBridge.boot_transformers(job["model"], device=job["device"], dtype=torch.float32)
clean = torch.tensor(job["clean"], device=job["device"])
corrupt = torch.tensor(job["corrupt"], device=job["device"])
answer = torch.tensor(job["answer"], device=job["device"])
wrong = torch.tensor(job["wrong"], device=job["device"])
rows = torch.arange(len(clean), device=job["device"])
layers, length = model.cfg.n_layers, clean.shape[1]


def sweep(donor):
    found = []
    for layer in range(layers):
        for position in range(length):

            def put(hidden, hook, layer=layer, at=position):
                hidden = hidden.clone()
                hidden[:, at] = donor[layer][:, at]
                return hidden

            logits = model.run_with_hooks(
                corrupt, fwd_hooks=[(f"blocks.{layer}.hook_resid_post", put)]
            )[:, -1].float()
            found.append((logits[rows, answer] - logits[rows, wrong]).cpu())
    return torch.stack(found)


with torch.inference_mode():
    names = [f"blocks.{layer}.hook_resid_post" for layer in range(layers)]
    logits, cache = model.run_with_cache(clean, names_filter=names)
    donor = [cache[name].clone() for name in names]
    effects = sweep(donor)
    taken = []
    for _ in range(job["rounds"]):
        started = time.perf_counter()
        sweep(donor)
        taken.append(time.perf_counter() - started)

json.dump(
    {
        "version": version("transformer-lens"),
        "effects": effects.tolist(),
        "logits": logits[:, -1].float().cpu().tolist(),
        "seconds": sorted(taken)[len(taken) // 2],
    },
    sys.stdout,
)
