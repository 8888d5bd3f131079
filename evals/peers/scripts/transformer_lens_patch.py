"""Residual patching with TransformerLens, one forward for each cell. ``gadfly.evals.bench.peer_patch`` starts it."""

# mypy: ignore-errors
from importlib.metadata import version

import wire  # first: it takes stdout away from what is imported next

# isort: split
import torch
from transformer_lens.model_bridge import TransformerBridge

job = wire.job()
model = TransformerBridge.boot_transformers(job["model"], device=job["device"], dtype=torch.float32)
clean, corrupt, answer, wrong = wire.tensors(job, "clean", "corrupt", "answer", "wrong")
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
    effects, taken = wire.timed(lambda: sweep(donor), job["rounds"])

wire.answer(
    {
        "version": version("transformer-lens"),
        "effects": effects.tolist(),
        "logits": logits[:, -1].float().cpu().tolist(),
        "seconds": taken,
    }
)
