"""Tiny models whose norms and biases differ from their defaults: a gain applied twice, or a bias left out, shows."""

from __future__ import annotations

from functools import cache

from gadfly.tools.model import LocalModel
from support.models import module, tokenizer


@cache
def varied(architecture: str, seed: int = 0) -> LocalModel:
    """``support.models.local`` with every gain and bias moved at random."""
    import torch

    made = module(architecture, seed)
    generator = torch.Generator().manual_seed(seed + 1)
    with torch.no_grad():
        for parameter in made.parameters():
            if parameter.ndim == 1:
                parameter.add_(torch.randn(parameter.shape, generator=generator) * 0.3)
    return LocalModel.wrap(made, tokenizer(), name=f"varied-{architecture}")
