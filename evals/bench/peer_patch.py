"""Activation patching beside TransformerLens and pyvene, on the same weights and the same pairs.

    python -m gadfly.evals.bench.peer_patch [--peer transformer-lens,pyvene] [--model demo] [--behaviour capital-of]

Every (layer, position) cell of the residual stream is patched by both, denoising. ``difference`` is the largest
difference of a logit difference, ``logit_difference`` of a clean logit: rounding that patching has no part in. A peer
takes one forward for each cell, as its tutorials do, with the clean activations read beforehand, as ours are. It lives
in an environment of its own, made on first use; ``--python`` names an interpreter that has one peer already. Rounds of
two processes cannot be interleaved: ours are taken before and after theirs, and the quickest of each are compared, for
other load only adds.
"""

from __future__ import annotations

from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

from gadfly.errors import UsageError
from gadfly.evals.bench.patch import engine, pairs_of
from gadfly.evals.kit.script import known, script
from gadfly.evals.peers.environment import PYVENE, TRANSFORMER_LENS, Peer
from gadfly.evals.peers.running import beside
from gadfly.tools.model import LocalModel, load
from gadfly.tools.patching.engine import capture
from gadfly.tools.patching.pairs import PromptPair, prepare

PEERS = {peer.name: peer for peer in (TRANSFORMER_LENS, PYVENE)}


def measure(
    peer: tuple[str, ...] = (),
    model: str = "demo",
    behaviour: str = "capital-of",
    n: int = 16,
    rounds: int = 3,
    device: str = "auto",
    python: Path | None = None,
) -> dict[str, Any]:
    """Each peer's comparison.

    Args:
        peer: transformer-lens, pyvene; default: both
        model: as for gadfly patch
        n: pairs
        python: an interpreter that has the peer

    Raises:
        UsageError: an unknown peer or behaviour, or one interpreter for several peers.
        GadflyError: a peer failed.
    """
    names = known(peer, PEERS, "peer")
    if python and len(names) > 1:
        raise UsageError("--python is the interpreter of one peer; name it with --peer")
    return {
        name: compare(PEERS[name], model, behaviour, n, rounds, device, python) for name in names
    }


def compare(
    peer: Peer,
    name: str,
    behaviour: str,
    n: int,
    rounds: int,
    device: str,
    python: Path | None = None,
) -> dict[str, Any]:
    """Both sweeps; the largest differences of effects and of clean logits, and seconds of the quickest round of each.

    Raises:
        UsageError: an unknown behaviour.
        GadflyError: the peer failed.
    """
    import torch

    model = load(name, device=device)
    pairs = prepare(model, _of_one_length(model, behaviour, n))
    donor, clean = capture(model, pairs.clean, "residual")
    ours = partial(engine, model, pairs, donor, 512)
    effects = ours().reshape(-1, len(pairs))
    rows = {"clean": pairs.clean.ids, "corrupt": pairs.corrupt.ids}
    rows |= {"answer": pairs.answer, "wrong": pairs.wrong}
    job: dict[str, Any] = {key: row.tolist() for key, row in rows.items()}
    script = f"{peer.name.replace('-', '_')}_patch"
    theirs, about = beside(peer, script, python, model, {**job, "rounds": rounds}, ours)
    logits = torch.tensor(theirs["logits"])
    return {
        **about,
        "cells": len(effects),
        "pairs": len(pairs),
        "difference": float((effects - torch.tensor(theirs["effects"])).abs().max()),
        "spread": float(effects.std()),
        "logit_difference": float((clean.float().cpu() - logits).abs().max()),
    }


def _of_one_length(model: LocalModel, behaviour: str, n: int) -> list[PromptPair]:
    """Pairs of the commonest length: a comparison of packages, not of how they pad."""
    made = pairs_of(behaviour, 4 * n)
    lengths = [len(model.ids(pair.clean)) for pair in made]
    common = Counter(lengths).most_common(1)[0][0]
    return [pair for pair, length in zip(made, lengths, strict=True) if length == common][:n]


if __name__ == "__main__":
    script(measure)
