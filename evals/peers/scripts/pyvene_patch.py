"""Interchange interventions with pyvene, one forward for each cell. ``gadfly.evals.bench.peer_patch`` starts it.

pyvene has no mapping for Qwen3, whose modules are named as Qwen2's are: it is given that one. The clean activations are
collected once, by pyvene, and handed to every cell; giving it the clean prompts each time would run them each time.
"""

# mypy: ignore-errors
from importlib.metadata import version

import wire  # first: it takes stdout away from what is imported next

# isort: split
import pyvene
import torch
from pyvene.models.intervenable_modelcard import type_to_dimension_mapping, type_to_module_mapping
from transformers import Qwen2ForCausalLM

job = wire.job()
model = wire.model(job)
if model.config.model_type == "qwen3":
    for mapping in (type_to_module_mapping, type_to_dimension_mapping):
        mapping[type(model)] = mapping[Qwen2ForCausalLM]
clean, corrupt, answer, wrong = wire.tensors(job, "clean", "corrupt", "answer", "wrong")
rows = torch.arange(len(clean), device=job["device"])
layers, length = model.config.num_hidden_layers, clean.shape[1]


def hooked(where, kind):
    config = pyvene.IntervenableConfig(where, kind)
    return pyvene.IntervenableModel(config, model=model)


def at(layer, units=1):
    where = {"layer": layer, "component": "block_output", "unit": "pos"}
    return {**where, "max_number_of_units": units}


def sweep(donor):
    found = []
    for layer in range(layers):
        exchanged = hooked([at(layer)], pyvene.VanillaIntervention)
        (key,) = exchanged.interventions
        for position in range(length):
            _, out = exchanged(
                {"input_ids": corrupt},
                unit_locations={"sources->base": position},
                source_representations={key: donor[layer][:, position : position + 1]},
            )
            logits = out.logits[:, -1].float()
            found.append((logits[rows, answer] - logits[rows, wrong]).cpu())
    return torch.stack(found)


with torch.inference_mode():
    everywhere = [[list(range(length))] * len(clean)] * layers
    collected = hooked([at(layer, length) for layer in range(layers)], pyvene.CollectIntervention)
    (_, donor), out = collected({"input_ids": clean}, unit_locations={"base": everywhere})
    logits = model(input_ids=clean).logits[:, -1]
    effects, taken = wire.timed(lambda: sweep(donor), job["rounds"])

wire.answer(
    {
        "version": version("pyvene"),
        "effects": effects.tolist(),
        "logits": logits.float().cpu().tolist(),
        "seconds": taken,
    }
)
