"""How the cost of a patching sweep grows: measured seconds beside the formula, one dimension at a time.

    python -m gadfly.evals.scaling [--device cpu] [--rounds 3] [--quick] [--json] [--no-write]

A sweep patches every (layer, position) of every pair. A cell at layer l runs only the layers after it, so that
``pairs * positions * layers * (layers - 1) / 2`` rows pass a layer, beside the plain forwards of both prompts. A row of
T tokens costs ``T * (2 * weights of the layer + 4 * T * width of its heads)`` operations there, and once the
unembedding. The model is a Qwen3 with random weights, which is as good for timing as trained ones. ``slope`` is the
exponent of a straight line through the points on log axes: of the measured seconds, and of the formula over the same
points. Where the measured one is smaller, fixed costs still take a part of the time.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gadfly.evals.bench_patch import engine
from gadfly.evals.bench_probe import random_model
from gadfly.evals.place import own_home, told, write
from gadfly.evals.scaling_lines import slope
from gadfly.tools.patching.engine import capture
from gadfly.tools.patching.pairs import PromptPair, prepare

_HEAD = 64


@dataclass(frozen=True)
class Sweep:
    """The size of a sweep. ``positions`` counts the words of a prompt; the tokens follow."""

    layers: int = 6
    positions: int = 12
    pairs: int = 4
    width: int = 256


GRIDS: dict[str, Sequence[int]] = {
    "layers": (4, 6, 8, 12, 16),
    "positions": (8, 12, 16, 24, 32),
    "pairs": (2, 4, 8, 16),
    "width": (128, 256, 384, 512, 768),
}


def operations(sweep: Sweep, tokens: int, targets: int, vocabulary: int) -> float:
    """Floating-point operations of a sweep by the formula of the module docstring."""
    d, heads = sweep.width, sweep.width
    kv = max(1, sweep.width // 128) * _HEAD
    weights = d * heads + 2 * d * kv + heads * d + 3 * d * 3 * d
    row = tokens * (2 * weights + 4 * tokens * heads)
    layers = sweep.layers
    passes = sweep.pairs * (targets * layers * (layers - 1) / 2 + 2 * layers)
    return float(passes * row + sweep.pairs * targets * layers * 2 * d * vocabulary)


def timed(sweep: Sweep, device: str, rounds: int) -> dict[str, float]:
    """Seconds of one sweep, the quickest of the rounds, and its operations by the formula."""
    from gadfly.tools.demo.words import NAMES

    model = random_model(sweep.layers, sweep.width, device)
    rng = np.random.default_rng(0)
    # Words of one token each, so that positions are what was asked for.
    names = [name for name in NAMES if len(model.ids(f"{name} {name}")) == len(model.ids(name)) + 1]
    made = []
    for _ in range(sweep.pairs):
        words = [str(word) for word in rng.choice(names, sweep.positions)]
        answer, wrong, other = (str(word) for word in rng.choice(names, 3, replace=False))
        # Differ in the first word: a position before the first difference cannot matter and is not swept.
        clean, corrupt = [answer, *words[1:]], [other, *words[1:]]
        made.append(
            PromptPair(clean=" ".join(clean), corrupt=" ".join(corrupt), answer=answer, wrong=wrong)
        )
    pairs = prepare(model, made)
    donor, _ = capture(model, pairs.clean, "residual")
    engine(model, pairs, donor, 512)
    seconds = []
    for _ in range(rounds):
        began = time.perf_counter()
        engine(model, pairs, donor, 512)
        if device.startswith("cuda"):
            import torch

            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - began)
    tokens, targets = pairs.corrupt.ids.shape[1], len(pairs.targets)
    return {
        "seconds": min(seconds), "tokens": float(tokens), "cells": float(sweep.layers * targets),
        "operations": operations(sweep, tokens, targets, len(model.tokenizer)),
    }  # fmt: skip


def measure(
    device: str = "cpu", rounds: int = 3, grids: dict[str, Sequence[int]] | None = None
) -> dict[str, Any]:
    """For each dimension its points, and both slopes."""
    found: dict[str, Any] = {
        "device": device,
        "rounds": rounds,
        "at": vars(Sweep()),
        "dimensions": {},
    }
    with own_home():
        for name, grid in (grids or GRIDS).items():
            points = [
                {name: size, **timed(replace(Sweep(), **{name: size}), device, rounds)}
                for size in grid
            ]
            found["dimensions"][name] = {
                "points": points,
                "slope": slope([p[name] for p in points], [p["seconds"] for p in points]),
                "formula": slope([p[name] for p in points], [p["operations"] for p in points]),
            }
            print(f"{name}: done", file=sys.stderr)
    every = [p for each in found["dimensions"].values() for p in each["points"]]
    found["operations_per_second"] = statistics.median(
        p["operations"] / p["seconds"] for p in every
    )
    return found


def table(found: dict[str, Any]) -> str:
    """The measurement as text."""
    lines = [
        f"a sweep of {found['at']}, one dimension at a time, on {found['device']}, quickest of {found['rounds']}"
    ]
    for name, each in found["dimensions"].items():
        points = "  ".join(f"{p[name]}: {p['seconds']:.3f} s" for p in each["points"])
        lines.append(
            f"  {name:10} exponent {each['slope']:.2f} (formula {each['formula']:.2f})   {points}"
        )
    lines.append(
        f"  {found['operations_per_second'] / 1e9:.1f} billion operations a second (median of all points)"
    )
    return "\n".join(lines)


def main() -> int:
    """The command line of the module docstring."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--quick", action="store_true", help="the two smallest sizes of each dimension"
    )
    parser.add_argument("--no-write", action="store_true", help="leave evals/results as it is")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    grids = {name: grid[:2] for name, grid in GRIDS.items()} if args.quick else GRIDS
    found = measure(args.device, args.rounds, grids)
    if not args.no_write and not args.quick:
        print(f"written to {write('scaling', found, device=args.device)}", file=sys.stderr)
    print(json.dumps(found, indent=1) if args.json else table(found))
    return 0


if __name__ == "__main__":
    sys.exit(told(main))
