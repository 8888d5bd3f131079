"""Activation patching beside TransformerLens and pyvene, on the same weights and the same pairs.

    python -m gadfly.evals.peer_patch [--peer transformer-lens,pyvene] [--model demo] [--behaviour capital-of] [--json]

Every (layer, position) cell of the residual stream is patched by both, denoising. ``difference`` is the largest
difference of a logit difference, ``logit_difference`` of a clean logit: rounding that patching has no part in. A peer
takes one forward for each cell, as its tutorials do, with the clean activations read beforehand, as ours are. It lives
in an environment of its own, made on first use; ``--python`` names an interpreter that has one peer already. Rounds of
two processes cannot be interleaved: ours are taken before and after theirs, and the quickest of each are compared, for
other load only adds.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

from gadfly.errors import ToolInputError, UsageError
from gadfly.evals.bench_patch import engine
from gadfly.evals.peers.environment import PYVENE, TRANSFORMER_LENS, Peer, interpreter
from gadfly.evals.peers.running import SCRIPTS, ask, timed
from gadfly.evals.place import told
from gadfly.tools.checkpoints import locate
from gadfly.tools.model import LocalModel, load
from gadfly.tools.patching.engine import capture
from gadfly.tools.patching.pairs import PromptPair, prepare

PEERS = {peer.name: peer for peer in (TRANSFORMER_LENS, PYVENE)}
_SCRIPT = {
    TRANSFORMER_LENS: SCRIPTS / "transformer_lens_patch.py",
    PYVENE: SCRIPTS / "pyvene_patch.py",
}


def compare(
    peer: Peer, name: str, behaviour: str, n: int, rounds: int, device: str, python: Path
) -> dict[str, Any]:
    """Both sweeps; the largest differences of effects and of clean logits, and seconds of the quickest round of each.

    Raises:
        ToolInputError: an unknown behaviour.
        GadflyError: the peer failed.
    """
    import torch

    model = load(name, device=device)
    pairs = prepare(model, _of_one_length(model, behaviour, n))
    donor, clean = capture(model, pairs.clean, "residual")
    ours = partial(engine, model, pairs, donor, 512)
    effects = ours().reshape(-1, len(pairs))
    taken = timed(ours, rounds)
    job = {
        "model": str(locate(name)), "device": str(model.device), "threads": torch.get_num_threads(), "rounds": rounds,
        "clean": pairs.clean.ids.tolist(), "corrupt": pairs.corrupt.ids.tolist(),
        "answer": pairs.answer.tolist(), "wrong": pairs.wrong.tolist(),
    }  # fmt: skip
    theirs = ask(peer.name, python, _SCRIPT[peer], job)
    taken += timed(ours, rounds)
    seconds, their_seconds = min(taken), min(theirs["seconds"])
    logits = torch.tensor(theirs["logits"])
    return {
        "peer": peer.name,
        "version": theirs["version"],
        "model": name,
        "cells": len(effects),
        "pairs": len(pairs),
        "difference": float((effects - torch.tensor(theirs["effects"])).abs().max()),
        "spread": float(effects.std()),
        "logit_difference": float((clean.float().cpu() - logits).abs().max()),
        "seconds": seconds,
        "their_seconds": their_seconds,
        "ratio": their_seconds / seconds,
    }


def _of_one_length(model: LocalModel, behaviour: str, n: int) -> list[PromptPair]:
    """Pairs of the commonest length: a comparison of packages, not of how they pad."""
    from gadfly.tools.demo.behaviours import BEHAVIOURS

    if behaviour not in BEHAVIOURS:
        raise ToolInputError(f"no behaviour {behaviour!r}; there are: {', '.join(BEHAVIOURS)}")
    made = [
        PromptPair(clean=p.clean, corrupt=p.corrupt, answer=p.answer, wrong=p.wrong)
        for p in BEHAVIOURS[behaviour].pairs(4 * n)
    ]
    lengths = [len(model.ids(pair.clean)) for pair in made]
    common = Counter(lengths).most_common(1)[0][0]
    return [pair for pair, length in zip(made, lengths, strict=True) if length == common][:n]


def chosen(names: str, peers: dict[str, Peer], python: Path | None) -> list[Peer]:
    """The peers of a comma-separated list.

    Raises:
        UsageError: an unknown one, or one interpreter for several of them.
    """
    wanted = names.split(",")
    unknown = [name for name in wanted if name not in peers]
    if unknown:
        raise UsageError(f"no peer {unknown[0]!r} here; there are: {', '.join(peers)}")
    if python and len(wanted) > 1:
        raise UsageError("--python is the interpreter of one peer; name it with --peer")
    return [peers[name] for name in wanted]


def main() -> int:
    """The command line of the module docstring."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--peer", default=",".join(PEERS), help="default: %(default)s")
    parser.add_argument("--model", default="demo", help="as for gadfly patch")
    parser.add_argument("--behaviour", default="capital-of")
    parser.add_argument("--n", type=int, default=16, help="pairs")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--python", type=Path, help="an interpreter that has the peer")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    found = []
    for peer in chosen(args.peer, PEERS, args.python):
        python = args.python or interpreter(peer)
        found.append(
            compare(peer, args.model, args.behaviour, args.n, args.rounds, args.device, python)
        )
    if args.json:
        print(json.dumps(found, indent=1))
        return 0
    for each in found:
        print(
            f"{each['cells']} cells x {each['pairs']} pairs of {each['model']}: effects differ by at most "
            f"{each['difference']:.1e} logits (their spread is {each['spread']:.1f}); {each['peer']} {each['version']} "
            f"takes {each['ratio']:.1f} times as long ({each['their_seconds']:.2f} s, {each['seconds']:.2f} s)"
        )
    return 0


if __name__ == "__main__":
    sys.exit(told(main))
