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

import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from gadfly.evals.bench.patch import engine
from gadfly.evals.kit.models import of_size
from gadfly.evals.kit.place import own_home
from gadfly.evals.kit.rates import slope
from gadfly.evals.kit.script import script
from gadfly.evals.kit.timing import timed
from gadfly.evals.report.sections import text
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


def point(sweep: Sweep, device: str, rounds: int) -> dict[str, float]:
    """Seconds of one sweep, the quickest of the rounds, and its operations by the formula."""
    from gadfly.tools.demo.words import NAMES

    model = of_size(sweep.layers, sweep.width, device)
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
    work = partial(engine, model, pairs, donor, 512)
    work()
    taken = min(timed(work, rounds))
    tokens, targets = pairs.corrupt.ids.shape[1], len(pairs.targets)
    cost = operations(sweep, tokens, targets, len(model.tokenizer))
    cells = float(sweep.layers * targets)
    return {"seconds": taken, "tokens": float(tokens), "cells": cells, "operations": cost}


def measure(device: str = "cpu", rounds: int = 3, quick: bool = False) -> dict[str, Any]:
    """For each dimension its points, and both slopes.

    Args:
        quick: the two smallest sizes of each dimension
    """
    dimensions: dict[str, Any] = {}
    with own_home():
        for name, grid in GRIDS.items():
            points = [
                {name: size, **point(replace(Sweep(), **{name: size}), device, rounds)}
                for size in (grid[:2] if quick else grid)
            ]
            dimensions[name] = {
                "points": points,
                "slope": slope([p[name] for p in points], [p["seconds"] for p in points]),
                "formula": slope([p[name] for p in points], [p["operations"] for p in points]),
            }
            print(f"{name}: done", file=sys.stderr)
    every = [p["operations"] / p["seconds"] for d in dimensions.values() for p in d["points"]]
    return {
        "device": device,
        "rounds": rounds,
        "at": vars(Sweep()),
        "dimensions": dimensions,
        "operations_per_second": statistics.median(every),
    }


if __name__ == "__main__":
    script(measure, partial(text, "scaling"), result="scaling", parts=["quick"])
