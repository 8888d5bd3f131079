"""Steered logits and steered generation with repeng. ``gadfly.evals.bench.peer_steer`` starts it.

repeng adds the vector to the output of a block, at every token that is not padding: where Gadfly adds it with
``positions=all``. Generation is the ``generate`` of transformers, as in repeng's own examples.
"""

# mypy: ignore-errors
from importlib.metadata import version

import wire  # first: it takes stdout away from what is imported next

# isort: split
import numpy as np
import torch
from repeng import ControlModel, ControlVector

job = wire.job()
model = wire.model(job)
ids, mask, positions = wire.tensors(job, "ids", "mask", "positions")
layer = job["layer"]
steered = ControlModel(model, [layer])
direction = np.array(job["vector"], dtype=np.float32)
steered.set_control(
    ControlVector(model_type=model.config.model_type, directions={layer: direction}),
    job["coefficient"],
)


def generated():
    count = {"max_new_tokens": job["tokens"], "min_new_tokens": job["tokens"]}
    how = {**count, "do_sample": False, "pad_token_id": 0}
    made = steered.generate(input_ids=ids, attention_mask=mask, **how)
    return made[:, ids.shape[1] :]


with torch.inference_mode():
    logits = steered(input_ids=ids, attention_mask=mask, position_ids=positions).logits[:, -1]
    texts, taken = wire.timed(generated, job["rounds"])

wire.answer(
    {
        "version": version("repeng"),
        "logits": logits.float().cpu().tolist(),
        "texts": texts.tolist(),
        "seconds": taken,
    }
)
