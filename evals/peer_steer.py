"""Steering beside repeng, on the same weights, the same prompts, the same vector and coefficient.

    python -m gadfly.evals.peer_steer [--model demo] [--layer N] [--device auto] [--python PATH] [--json]

Both add the vector to the output of one block, at every token that is not padding, of the prompt and of what is
generated: ``gadfly steer --layer N --positions all`` and ``ControlModel(model, [N])``. The prompts are of unequal
length and padded on the left. ``difference`` is the largest difference of a logit after the prompt; ``same_tokens``
the share of greedily generated tokens that agree. Speed is tokens a second of those generations, by the ``generate`` of
transformers under repeng, in the quickest round of each (see ``peer_patch``). repeng lives in an environment of its
own, made on first use.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from gadfly.errors import ToolInputError
from gadfly.evals.bench_steer import prompts
from gadfly.evals.peers.environment import REPENG, interpreter
from gadfly.evals.peers.running import SCRIPTS, ask, timed
from gadfly.evals.place import told
from gadfly.tools.checkpoints import locate
from gadfly.tools.generating import decode
from gadfly.tools.model import load
from gadfly.tools.steering.engine import adding, mean_norm
from gadfly.tools.steering.source import isotropic


def compare(
    name: str,
    layer: int | None,
    count: int,
    tokens: int,
    rounds: int,
    device: str,
    python: Path,
    dose: float = 0.5,
) -> dict[str, Any]:
    """Both ways of steering: differences, and seconds of the quickest round of each.

    Args:
        layer: after this one, from 0; None: the middle.
        dose: in units of the mean residual norm there.

    Raises:
        ToolInputError: no such layer.
        GadflyError: the peer failed.
    """
    import torch

    model = load(name, device=device)
    layer = model.num_layers // 2 if layer is None else layer
    if not 0 <= layer < model.num_layers:
        raise ToolInputError(f"no layer {layer}; {name} has 0 to {model.num_layers - 1}")
    texts = prompts(count)
    batch = model.batch(texts)
    coefficient = dose * mean_norm(model, texts, layer, 512)
    direction = isotropic(model.hidden_size, 1, 0)[0]
    vectors = (coefficient * direction).expand(count, -1)
    width = batch.ids.shape[1]

    def generated() -> list[list[int]]:
        with adding(model, layer, vectors, "all", width):
            return decode(model, batch, tokens)

    with model.working():
        plain = model.forward(batch).float().cpu()
    with adding(model, layer, vectors, "all", width):
        logits = model.forward(batch).float().cpu()
    made = torch.tensor(generated())
    assert made.shape == (count, tokens), "the model ended a text: times differ"

    taken = timed(generated, rounds)
    job = {
        "model": str(locate(name)), "device": str(model.device), "threads": torch.get_num_threads(), "rounds": rounds,
        "ids": batch.ids.tolist(), "mask": batch.mask.tolist(), "positions": batch.positions.tolist(),
        "layer": layer, "vector": direction.tolist(), "coefficient": coefficient, "tokens": tokens,
    }  # fmt: skip
    theirs = ask(REPENG.name, python, SCRIPTS / "repeng_steer.py", job)
    taken += timed(generated, rounds)
    seconds, their_seconds = min(taken), min(theirs["seconds"])
    return {
        "peer": REPENG.name,
        "version": theirs["version"],
        "model": name,
        "layer": layer,
        "prompts": count,
        "new_tokens": tokens,
        "difference": float((logits - torch.tensor(theirs["logits"])).abs().max()),
        "effect": float((logits - plain).abs().max()),
        "same_tokens": float((made == torch.tensor(theirs["texts"])).float().mean()),
        "seconds": seconds,
        "their_seconds": their_seconds,
        "tokens_per_second": count * tokens / seconds,
        "their_tokens_per_second": count * tokens / their_seconds,
        "ratio": their_seconds / seconds,
    }


def main() -> int:
    """The command line of the module docstring."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--model", default="demo", help="as for gadfly steer")
    parser.add_argument("--layer", type=int, help="after this one, from 0; default: the middle")
    parser.add_argument("--prompts", type=int, default=16)
    parser.add_argument("--tokens", type=int, default=24, help="new tokens of each text")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--python", type=Path, help="an interpreter that has repeng")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    python = args.python or interpreter(REPENG)
    found = compare(
        args.model, args.layer, args.prompts, args.tokens, args.rounds, args.device, python
    )
    if args.json:
        print(json.dumps(found, indent=1))
        return 0
    print(
        f"{found['model']}, after layer {found['layer']}, {found['prompts']} prompts: steered logits differ by at most "
        f"{found['difference']:.1e} (steering moves them by up to {found['effect']:.1f}), "
        f"{found['same_tokens']:.1%} of generated tokens agree; {found['tokens_per_second']:.0f} tokens/s beside "
        f"{found['their_tokens_per_second']:.0f} by {found['peer']} {found['version']}: {found['ratio']:.2f} times"
    )
    return 0


if __name__ == "__main__":
    sys.exit(told(main))
