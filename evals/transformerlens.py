"""Agreement with TransformerLens, and speed beside it, on the same weights and the same pairs.

    python -m gadfly.evals.transformerlens [--model demo] [--behaviour capital-of] [--python PATH] [--json]

TransformerLens and nnterp do not live in one environment, so it gets its own, made on first use (torch is downloaded
again: some minutes). ``--python`` names an interpreter that has it already. Every (layer, position) cell of the
residual stream is patched by both, denoising; ``difference`` is the largest difference of a logit difference.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections import Counter
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import gadfly
from gadfly.errors import GadflyError
from gadfly.evals.bench_patch import engine
from gadfly.home import folder
from gadfly.tools.checkpoints import locate
from gadfly.tools.model import load
from gadfly.tools.patching.engine import capture
from gadfly.tools.patching.pairs import PromptPair, prepare

_SCRIPT = Path(gadfly.__file__).parent / "evals" / "peers" / "transformer_lens_patch.py"
_PEER = "transformer-lens==4.3.0"


def environment() -> Path:
    """The interpreter of an environment with TransformerLens, made if missing."""
    place = folder("peers") / "transformer-lens"
    python = place / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    ready = place / "ready"
    if not ready.exists():
        print(f"setting up {place} (once) ...", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", str(place)], check=True)
        for package in (f"torch=={version('torch').split('+')[0]}", _PEER):
            subprocess.run([str(python), "-m", "pip", "install", "--quiet", package], check=True)
        ready.touch()
    return python


def compare(
    name: str, behaviour: str, n: int, rounds: int, device: str, python: Path
) -> dict[str, Any]:
    """Both sweeps; the largest differences of effects and of clean logits, and seconds of each."""
    import torch

    from gadfly.tools.demo.behaviours import BEHAVIOURS

    model = load(name, device=device)
    made = [
        PromptPair(clean=p.clean, corrupt=p.corrupt, answer=p.answer, wrong=p.wrong)
        for p in BEHAVIOURS[behaviour].pairs(4 * n)
    ]
    # Of one length, so that the comparison is not about padding.
    lengths = [len(model.ids(pair.clean)) for pair in made]
    common = Counter(lengths).most_common(1)[0][0]
    chosen = [pair for pair, length in zip(made, lengths, strict=True) if length == common][:n]
    pairs = prepare(model, chosen)
    donor, clean = capture(model, pairs.clean, "residual")
    ours = partial(engine, model, pairs, donor, 512)
    effects = ours().reshape(-1, len(pairs))
    taken = []
    for _ in range(rounds):
        started = time.perf_counter()
        ours()
        taken.append(time.perf_counter() - started)
    job = {
        "model": str(locate(name)), "device": str(model.device), "threads": torch.get_num_threads(), "rounds": rounds,
        "clean": pairs.clean.ids.tolist(), "corrupt": pairs.corrupt.ids.tolist(),
        "answer": pairs.answer.tolist(), "wrong": pairs.wrong.tolist(),
    }  # fmt: skip
    done = subprocess.run(
        [str(python), str(_SCRIPT)], input=json.dumps(job), capture_output=True, text=True
    )
    if done.returncode:
        raise GadflyError(f"TransformerLens failed: {done.stderr.strip().splitlines()[-1]}")
    theirs = json.loads(done.stdout[done.stdout.index("{") :])
    spread = float(effects.std())
    return {
        "model": name,
        "cells": len(effects),
        "pairs": len(pairs),
        "transformer_lens": theirs["version"],
        "difference": float((effects - torch.tensor(theirs["effects"])).abs().max()),
        "spread": spread,
        "logit_difference": float(
            (clean.float().cpu() - torch.tensor(theirs["logits"])).abs().max()
        ),
        "seconds": statistics.median(taken),
        "their_seconds": theirs["seconds"],
        "ratio": theirs["seconds"] / statistics.median(taken),
    }


def main() -> None:
    """The command line of the module docstring."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--model", default="demo", help="as for gadfly patch")
    parser.add_argument("--behaviour", default="capital-of")
    parser.add_argument("--n", type=int, default=16, help="pairs")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--python", type=Path, help="an interpreter that has TransformerLens")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    python = args.python or environment()
    found = compare(args.model, args.behaviour, args.n, args.rounds, args.device, python)
    if args.json:
        print(json.dumps(found, indent=1))
        return
    print(
        f"{found['cells']} cells x {found['pairs']} pairs of {found['model']}: effects differ by at most "
        f"{found['difference']:.1e} logits (their spread is {found['spread']:.1f}); TransformerLens "
        f"{found['transformer_lens']} takes {found['ratio']:.1f} times as long "
        f"({found['their_seconds']:.2f} s, {found['seconds']:.2f} s)"
    )


if __name__ == "__main__":
    main()
