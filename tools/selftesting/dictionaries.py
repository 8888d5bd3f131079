"""Two sparse autoencoders in SAELens' layout: one that says nothing of a model, one that is right by construction."""

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


def _write(folder: Path, rows: Tensor, layer: int) -> Path:
    """A ReLU autoencoder whose features read and write ``rows`` [features, hidden], without biases."""
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
        "W_dec": rows.contiguous(),
        "b_enc": torch.zeros(features),
        "b_dec": torch.zeros(hidden),
    }
    save_file(weights, str(folder / "sae_weights.safetensors"))
    return folder
