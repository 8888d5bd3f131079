"""Sparse autoencoders in SAELens' layout: one that says nothing of a model, two that are right by construction."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from gadfly.tools.arrays import Tensor
from gadfly.tools.steering.source import drawn


def random_dictionary(folder: Path, hidden: int, layer: int, seed: int) -> Path:
    """Twice as many features as dimensions, all directions drawn."""
    import torch

    rows = torch.nn.functional.normalize(
        drawn(2 * hidden, hidden, np.random.default_rng(seed)), dim=-1
    )
    return _write(folder / f"random-{layer}-{seed}", rows, layer)


def exact_dictionary(folder: Path, hidden: int, layer: int, either: int) -> Path:
    """Every axis, and the axis ``either`` with its other sign too: where no other holds a negative number, what is
    there comes out as it went in. (Both signs of every axis would do so for anything, turned at random or not.)
    """
    import torch

    axes = torch.eye(hidden)
    return _write(folder / f"exact-{layer}", torch.cat([axes, -axes[[either]]]), layer)


def sparse_dictionary(
    folder: Path, code: Tensor, size: float, first: Tensor, middle: Tensor, layer: int
) -> Path:
    """A feature for each of ``code`` [features, hidden], silent below a quarter of ``size`` and exact at ``size``; and
    one along ``first`` [hidden], for the state that many models park at the first token. ``middle`` [hidden] is added.
    """
    import torch

    rows = torch.cat([code, first[None]]).float().cpu()
    thresholds = torch.full((len(rows),), size / 4)
    thresholds[-1] = 0.0
    gains = size / (size - thresholds)
    return _write(
        folder / f"sparse-{layer}",
        rows,
        layer,
        decoder=rows * gains[:, None],
        thresholds=thresholds,
        middle=middle.float().cpu(),
    )


def _write(
    folder: Path,
    rows: Tensor,
    layer: int,
    *,
    decoder: Tensor | None = None,
    thresholds: Tensor | None = None,
    middle: Tensor | None = None,
) -> Path:
    """A ReLU autoencoder whose features read ``rows`` [features, hidden] and write ``decoder``: by default the same,
    without biases."""
    import torch
    from safetensors.torch import save_file

    features, hidden = rows.shape
    folder.mkdir(parents=True, exist_ok=True)
    config = {
        "architecture": "standard",
        "d_in": hidden,
        "d_sae": features,
        "dtype": "float32",
        "device": "cpu",
        "apply_b_dec_to_input": True,
        "normalize_activations": "none",
        "reshape_activations": "none",
        "metadata": {"hook_name": f"blocks.{layer}.hook_resid_post", "prepend_bos": True},
    }
    (folder / "cfg.json").write_text(json.dumps(config), encoding="utf-8")
    weights = {
        "W_enc": rows.T.contiguous(),
        "W_dec": (rows if decoder is None else decoder).contiguous(),
        "b_enc": torch.zeros(features) if thresholds is None else -thresholds,
        "b_dec": torch.zeros(hidden) if middle is None else middle.contiguous(),
    }
    save_file(weights, str(folder / "sae_weights.safetensors"))
    return folder
