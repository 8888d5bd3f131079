"""Steering beside repeng, on the same weights, the same prompts, the same vector and coefficient.

    python -m gadfly.evals.bench.peer_steer [--model demo] [--layer N] [--device auto] [--python PATH] [--json]

Both add the vector to the output of one block, at every token that is not padding, of the prompt and of what is
generated: ``gadfly steer --layer N --positions all`` and ``ControlModel(model, [N])``. The prompts are of unequal
length and padded on the left. ``difference`` is the largest difference of a logit after the prompt; ``same_tokens``
the share of greedily generated tokens that agree. Speed is tokens a second of those generations, by the ``generate`` of
transformers under repeng, in the quickest round of each (see ``peer_patch``). repeng lives in an environment of its
own, made on first use.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gadfly.errors import UsageError
from gadfly.evals.bench.steer import prompts as texts_for
from gadfly.evals.kit.script import script
from gadfly.evals.peers.environment import REPENG
from gadfly.evals.peers.running import beside
from gadfly.tools.generating import decode
from gadfly.tools.model import load
from gadfly.tools.steering.engine import adding
from gadfly.tools.steering.source import isotropic
from gadfly.tools.steering.working import unit

_DOSE = 0.5  # in units of the median residual norm there


def measure(
    model: str = "demo",
    layer: int | None = None,
    prompts: int = 16,
    tokens: int = 24,
    rounds: int = 5,
    device: str = "auto",
    python: Path | None = None,
) -> dict[str, Any]:
    """Both ways of steering: differences, and seconds of the quickest round of each.

    Args:
        model: as for gadfly steer
        layer: after this one, from 0; default: the middle
        tokens: new tokens of each text
        python: an interpreter that has repeng

    Raises:
        UsageError: no such layer.
        GadflyError: the peer failed.
    """
    import torch

    loaded = load(model, device=device)
    layer = loaded.num_layers // 2 if layer is None else layer
    if not 0 <= layer < loaded.num_layers:
        raise UsageError(f"no layer {layer}; {model} has 0 to {loaded.num_layers - 1}")
    texts = texts_for(prompts)
    batch = loaded.batch(texts)
    coefficient = _DOSE * unit(loaded, texts, texts, layer, 512).size
    direction = isotropic(loaded.hidden_size, 1, 0)[0]
    vectors = (coefficient * direction).expand(prompts, -1)
    width = batch.ids.shape[1]

    def generated() -> list[list[int]]:
        with adding(loaded, layer, vectors, "all", width):
            return decode(loaded, batch, tokens)

    with loaded.working():
        plain = loaded.forward(batch).float().cpu()
    with adding(loaded, layer, vectors, "all", width):
        logits = loaded.forward(batch).float().cpu()
    made = torch.tensor(generated())
    assert made.shape == (prompts, tokens), "the model ended a text: times differ"

    job: dict[str, Any] = {"rounds": rounds, "tokens": tokens}
    job |= {"layer": layer, "coefficient": coefficient, "vector": direction.tolist()}
    job |= {name: getattr(batch, name).tolist() for name in ("ids", "mask", "positions")}
    theirs, about = beside(REPENG, "repeng_steer", python, loaded, job, generated)
    return {
        **about,
        "layer": layer,
        "prompts": prompts,
        "new_tokens": tokens,
        "difference": float((logits - torch.tensor(theirs["logits"])).abs().max()),
        "effect": float((logits - plain).abs().max()),
        "same_tokens": float((made == torch.tensor(theirs["texts"])).float().mean()),
        "tokens_per_second": prompts * tokens / about["seconds"],
        "their_tokens_per_second": prompts * tokens / about["their_seconds"],
    }


if __name__ == "__main__":
    script(measure)
