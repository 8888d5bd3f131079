"""The logit lens beside one plain forward over the same prompts: processor time, ratios within one run.

    python -m gadfly.evals.bench.lens [--model demo] [--rounds 5] [--json]

``lens`` is everything that its verdict rests on: every layer of every prompt unembedded, other targets, shuffled text.
Figures and the grid of the first prompt are left out. ``forward`` is transformers' own call, which gives the logits of
every position; ``last`` is ours, which gives those of the last. With a large vocabulary unembedding is most of both:
one forward unembeds each position once, the lens each layer of the last one.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from statistics import median
from typing import Any

from gadfly.corpus.progress import Silent
from gadfly.evals.bench.patch import CAPITALS
from gadfly.evals.kit.place import processor
from gadfly.evals.kit.script import script
from gadfly.tools.logit_lens.analysis import analyse, make_units
from gadfly.tools.model import load
from gadfly.tools.readout import readout

_TEMPLATES = {
    "short": "The capital of {} is",
    "long": "I have been told many times that the capital city of {} is called",
}


def measure(model: str = "demo", rounds: int = 5) -> dict[str, Any]:
    """Median seconds of 16 prompts of each length, and the ratios of the lens to both forwards.

    Args:
        model: as for gadfly lens
        rounds: of each, after one that is not measured
    """
    loaded = load(model, device="cpu")
    end = readout(loaded)
    found: dict[str, Any] = {"model": model, "machine": processor(), "rounds": rounds}
    for name, template in _TEMPLATES.items():
        rows = [loaded.ids(template.format(country)) for country, _ in CAPITALS]
        targets = [loaded.ids(f" {city}")[-1] for _, city in CAPITALS]
        batch, units = loaded.batch_of(rows), make_units(loaded, rows, targets, 0)
        how = partial(analyse, loaded, end, seed=0, max_tokens=8192, progress=Silent())
        ways: dict[str, Callable[[], Any]] = {
            "forward": partial(loaded.logits, batch),
            "last": partial(loaded.forward, batch),
            "lens": partial(how, units),
        }
        taken: dict[str, list[float]] = {way: [] for way in ways}
        for _ in range(rounds + 1):
            for way, work in ways.items():
                with loaded.working():
                    began = time.process_time()
                    work()
                    taken[way].append(time.process_time() - began)
        seconds = {way: median(each[1:]) for way, each in taken.items()}
        found[name] = {
            "tokens": max(map(len, rows)),
            "seconds": seconds,
            "times_forward": seconds["lens"] / seconds["forward"],
            "times_last": seconds["lens"] / seconds["last"],
        }
    return found


if __name__ == "__main__":
    script(measure)
