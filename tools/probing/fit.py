"""Linear probes of all layers and regularisation strengths at once, as batched tensor algebra.

Activations are centred and scaled to mean squared norm 1 (one number a layer), then written in the basis of their own
principal axes. There the Gram matrix is diagonal, which gives ridge in closed form and, for logistic regression,
Böhning's (1992) quadratic bound as an exact diagonal preconditioner: every problem of the batch takes
accelerated steps of the same cheap kind, with no line search. Double precision: the weakest penalty would raise the
rounding of single precision to a hundredth of a score. Leaves out splits and choices (``analysis``).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from gadfly.tools import ties
from gadfly.tools.arrays import Tensor

Method = Literal["logistic", "ridge", "difference"]
STRENGTHS = (1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0)
_STEPS = 400
_TOLERANCE = 2e-5  # of the gradient's largest entry; scikit-learn stops at 1e-4
_LOOK = 20  # steps between looks at it: a look at each would let the gradient's rounding decide their number
_ROUNDING = 1e-12  # of the largest squared singular value


@dataclass(frozen=True)
class Space:
    """Training activations of every layer in their principal axes.

    ``centred`` [layers, rows, hidden] in units of ``scale`` [layers], about ``mean`` [layers, hidden]; ``z`` [layers,
    rows, axes] the same rows on the axes; ``squares`` of the singular values [layers, axes]; ``maps`` are matrices
    whose product takes weights on the axes to weights on ``centred``.
    """

    centred: Tensor
    mean: Tensor
    scale: Tensor
    z: Tensor
    squares: Tensor
    maps: tuple[Tensor, ...]

    def weights(self, v: Tensor) -> Tensor:
        """Weights on the axes [batch, layers, strengths, axes] to weights on ``centred`` [..., hidden]."""
        for each in self.maps:
            v = _by_layer(v, each)
        return v


def _by_layer(many: Tensor, each: Tensor) -> Tensor:
    """Products [..., layers, n, a] x [layers, a, b] -> [..., layers, n, b] as one batch of matrices, one a layer:
    broadcasting would copy ``each`` for every labelling."""
    if many.ndim == 3:
        return many @ each
    labellings, layers, n, _ = many.shape
    flat = many.transpose(0, 1).reshape(layers, labellings * n, -1) @ each
    return flat.reshape(layers, labellings, n, -1).transpose(0, 1)


@dataclass(frozen=True)
class Probes:
    """Weights in the original space [..., layers, strengths, hidden] and biases [..., layers, strengths]."""

    weight: Tensor
    bias: Tensor
    penalties: tuple[float, ...]

    def scores(self, x: Tensor) -> Tensor:
        """Decision values of ``x`` [layers, rows, hidden]: [..., layers, strengths, rows]; above 0 is label 1."""
        return _by_layer(self.weight, x.transpose(-1, -2)) + self.bias[..., None]

    def noise(self, x: Tensor, scores: Tensor, dtype: str) -> Tensor:
        """What rounding of the activations ``x`` may change their ``scores`` by, [..., layers, strengths].

        Rounding is of the size of the activations, in any direction, and the weights add it up: where a layer's
        activations are all alike, a probe reads this alone, and all its scores tie. And it changes the weights: of a
        fit with penalty p by up to 1 / sqrt(p) of itself.
        """
        import torch

        size = x.double().norm(dim=-1).amax(-1)[:, None] / x.shape[-1] ** 0.5
        spread = scores.amax(-1) - scores.amin(-1)
        penalties = torch.tensor(self.penalties, dtype=torch.float64)
        found: Tensor = ties.of_size(
            dtype, self.weight.norm(dim=-1) * size + spread * (1 + 1 / penalties).sqrt()
        )
        return found


def space(x: Tensor) -> Space:
    """The principal axes of training activations [layers, rows, hidden]."""
    import torch

    rows, hidden = x.shape[1:]
    mean = x.double().mean(1)
    centred = x.double() - mean[:, None]
    scale = torch.linalg.vector_norm(centred, dim=(1, 2)).clamp(min=1e-12) / rows**0.5
    centred /= scale[:, None, None]
    wide = rows < hidden
    turned = centred.transpose(1, 2)
    squares, vectors = torch.linalg.eigh(centred @ turned if wide else turned @ centred)
    # Axes below the rounding of the largest hold none of the data's digits, and the weakest penalty outweighs them.
    real = squares > _ROUNDING * squares[:, -1:].clamp(min=1e-30)
    squares = torch.where(real, squares, torch.zeros_like(squares))
    if wide:
        root = squares.sqrt()
        inverse = torch.where(real, 1 / root.clamp(min=1e-30), torch.zeros_like(root))
        maps: tuple[Tensor, ...] = ((vectors * inverse[:, None]).transpose(1, 2), centred)
        z = vectors * root[:, None]
    else:
        vectors = vectors * real[:, None]
        maps = (vectors.transpose(1, 2),)
        z = centred @ vectors
    return Space(centred, mean, scale, z, squares, maps)


def fit(method: Method, s: Space, y: Tensor, strengths: tuple[float, ...] = STRENGTHS) -> Probes:
    """Fit one probe for each layer and strength.

    Args:
        y: labels 0 and 1, [rows] or [batch, rows] for many labellings of the same rows.
    """
    many = y.ndim == 2
    labels = (y if many else y[None]).double()
    if method == "difference":
        weight, bias = _difference(s, labels)
    else:
        v, bias = (_ridge if method == "ridge" else _logistic)(s, labels, strengths)
        weight = s.weights(v)
    weight = weight / s.scale[:, None, None]
    bias = bias - (weight * s.mean[:, None]).sum(-1)
    penalties = (math.inf,) if method == "difference" else strengths
    return Probes(*((weight, bias) if many else (weight[0], bias[0])), penalties)


def _difference(s: Space, y: Tensor) -> tuple[Tensor, Tensor]:
    """Difference in means (Marks & Tegmark 2023, arXiv:2310.06824), the threshold half-way between them."""
    ones = y / y.sum(1, keepdim=True)
    zeros = (1 - y) / (1 - y).sum(1, keepdim=True)
    # No penalty outweighs the rounding of an axis here: the activations themselves.
    up, down = ((each @ s.centred).transpose(0, 1) for each in (ones, zeros))
    weight = (up - down)[:, :, None]
    bias = -(weight * ((up + down) / 2)[:, :, None]).sum(-1)
    return weight, bias


def _ridge(s: Space, y: Tensor, strengths: tuple[float, ...]) -> tuple[Tensor, Tensor]:
    """Least squares on labels -1 and 1 with an L2 penalty; closed form in the principal axes."""
    import torch

    rows = s.z.shape[1]
    target = 2 * y - 1
    mean = target.mean(1)
    penalty = rows * torch.tensor(strengths, dtype=s.z.dtype, device=s.z.device)
    toward = ((target - mean[:, None]) @ s.z).transpose(0, 1)
    v = toward[:, :, None] / (s.squares[:, None] + penalty[:, None])
    return v, mean[:, None, None].expand(v.shape[:-1])


def _logistic(s: Space, y: Tensor, strengths: tuple[float, ...]) -> tuple[Tensor, Tensor]:
    """Mean log loss with an L2 penalty, by accelerated gradient (Nesterov 1983) under Böhning's bound."""
    import torch

    each = [_solve(s, y, strength) for strength in strengths]
    return torch.stack([v for v, _ in each], 2), torch.stack([bias for _, bias in each], 2)


def _solve(s: Space, y: Tensor, strength: float) -> tuple[Tensor, Tensor]:
    """One strength for all layers and labellings: weights [batch, layers, axes] and biases [batch, layers].

    Strengths are solved one after the other because weak ones need many more steps than strong ones.
    """
    import torch

    layers, rows, axes = s.z.shape
    z, turned = s.z, s.z.transpose(1, 2)
    curve = (0.25 * s.squares / rows + strength)[:, None]
    v = z.new_zeros(layers, y.shape[0], axes)
    bias = torch.logit(y.mean(1).clamp(1e-3, 1 - 1e-3)).expand(layers, -1)
    ahead, ahead_bias, momentum = v, bias, 1.0
    for taken in range(1, _STEPS + 1):
        error = torch.sigmoid(torch.baddbmm(ahead_bias[..., None], ahead, turned)) - y
        gradient = torch.baddbmm(ahead, error, z, beta=strength, alpha=1 / rows)
        slope = error.mean(-1)
        new = ahead - gradient / curve
        new_bias = ahead_bias - 4 * slope
        step = new - v
        # Momentum that points uphill is dropped (O'Donoghue & Candès 2015), for each problem of the batch alone.
        downhill = ((gradient * step).sum(-1, keepdim=True) <= 0).double()
        following = (1 + (1 + 4 * momentum**2) ** 0.5) / 2
        push = (momentum - 1) / following * downhill
        ahead = new + push * step
        ahead_bias = new_bias + push[..., 0] * (new_bias - bias)
        v, bias, momentum = new, new_bias, following
        if taken % _LOOK:
            continue
        if max(float(gradient.abs().max()), float(slope.abs().max())) < _TOLERANCE:
            break
    return v.transpose(0, 1), bias.transpose(0, 1)
