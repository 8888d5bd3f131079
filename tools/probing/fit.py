"""Linear probes of all layers and regularisation strengths at once, as batched tensor algebra.

Activations are centred and scaled to mean squared norm 1 (one number a layer), then written in the basis of their own
principal axes. There the Gram matrix is diagonal, which gives ridge in closed form and, for logistic regression,
Böhning's (1992) quadratic bound as an exact diagonal preconditioner: every problem of the batch takes
accelerated steps of the same cheap kind, with no line search. Leaves out splits and choices (``analysis``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from torch import Tensor

Method = Literal["logistic", "ridge", "difference"]
STRENGTHS = (1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0)
_STEPS = 400
_TOLERANCE = 1e-5


@dataclass(frozen=True)
class Space:
    """Training activations of every layer in their principal axes.

    ``z`` [layers, rows, axes], ``squares`` (of the singular values) [layers, axes], ``back`` [layers, axes, hidden]
    maps weights to the original space, ``mean`` [layers, hidden].
    """

    z: Tensor
    squares: Tensor
    back: Tensor
    mean: Tensor


@dataclass(frozen=True)
class Probes:
    """Weights in the original space [..., layers, strengths, hidden] and biases [..., layers, strengths]."""

    weight: Tensor
    bias: Tensor

    def scores(self, x: Tensor) -> Tensor:
        """Decision values of ``x`` [layers, rows, hidden]: [..., layers, strengths, rows]; above 0 is label 1."""
        return self.weight @ x.transpose(-1, -2) + self.bias[..., None]


def space(x: Tensor) -> Space:
    """The principal axes of training activations [layers, rows, hidden]."""
    import torch

    x = x.double()
    mean = x.mean(1)
    centred = x - mean[:, None]
    scale = centred.square().sum(-1).mean(-1).sqrt().clamp(min=1e-12)
    centred = centred / scale[:, None, None]
    rows, hidden = x.shape[1:]
    wide = rows < hidden
    gram = centred @ centred.transpose(1, 2) if wide else centred.transpose(1, 2) @ centred
    squares, vectors = torch.linalg.eigh(gram)
    # Axes of (almost) no variance would only amplify rounding.
    real = squares > 1e-9 * squares[:, -1:].clamp(min=1e-300)
    squares = torch.where(real, squares, torch.zeros_like(squares))
    root = squares.sqrt()
    inverse = torch.where(real, 1 / root.clamp(min=1e-300), torch.zeros_like(root))
    if wide:
        z = vectors * root[:, None]
        back = (vectors * inverse[:, None]).transpose(1, 2) @ centred
    else:
        vectors = vectors * real[:, None]
        z = centred @ vectors
        back = vectors.transpose(1, 2)
    return Space(z, squares, back / scale[:, None, None], mean)


def fit(method: Method, s: Space, y: Tensor, strengths: tuple[float, ...] = STRENGTHS) -> Probes:
    """Fit one probe for each layer and strength.

    Args:
        y: labels 0 and 1, [rows] or [batch, rows] for many labellings of the same rows.
    """
    many = y.ndim == 2
    labels = (y if many else y[None]).double()
    if method == "difference":
        v, bias = _difference(s, labels)
    elif method == "ridge":
        v, bias = _ridge(s, labels, strengths)
    else:
        v, bias = _logistic(s, labels, strengths)
    weight = v @ s.back
    bias = bias - (weight * s.mean[:, None]).sum(-1)
    return Probes(*((weight, bias) if many else (weight[0], bias[0])))


def _difference(s: Space, y: Tensor) -> tuple[Tensor, Tensor]:
    """Difference in means (Marks & Tegmark 2023, arXiv:2310.06824), the threshold half-way between them."""
    ones = y / y.sum(1, keepdim=True)
    zeros = (1 - y) / (1 - y).sum(1, keepdim=True)
    up = (ones[:, None, None] @ s.z).squeeze(-2)
    down = (zeros[:, None, None] @ s.z).squeeze(-2)
    v = (up - down)[:, :, None]
    bias = -(v * ((up + down) / 2)[:, :, None]).sum(-1)
    return v, bias


def _ridge(s: Space, y: Tensor, strengths: tuple[float, ...]) -> tuple[Tensor, Tensor]:
    """Least squares on labels -1 and 1 with an L2 penalty; closed form in the principal axes."""
    import torch

    rows = s.z.shape[1]
    target = 2 * y - 1
    mean = target.mean(1)
    penalty = rows * torch.tensor(strengths, dtype=s.z.dtype, device=s.z.device)
    toward = ((target - mean[:, None])[:, None, None] @ s.z).squeeze(-2)
    v = toward[:, :, None] / (s.squares[:, None] + penalty[:, None])
    return v, mean[:, None, None].expand(v.shape[:-1])


def _logistic(s: Space, y: Tensor, strengths: tuple[float, ...]) -> tuple[Tensor, Tensor]:
    """Mean log loss with an L2 penalty, by accelerated gradient (Nesterov 1983) under Böhning's bound."""
    import torch

    layers, rows, axes = s.z.shape
    batch = y.shape[0]
    penalty = torch.tensor(strengths, dtype=s.z.dtype, device=s.z.device)
    curve = 0.25 * s.squares[:, None] / rows + penalty[:, None]  # [layers, strengths, axes]
    v = s.z.new_zeros(batch, layers, len(strengths), axes)
    bias = torch.logit(y.mean(1).clamp(1e-3, 1 - 1e-3))[:, None, None].expand(v.shape[:-1]).clone()
    ahead, ahead_bias = v, bias
    momentum = 1.0
    turned = s.z.transpose(1, 2)
    for _ in range(_STEPS):
        error = torch.sigmoid(ahead @ turned + ahead_bias[..., None]) - y[:, None, None]
        gradient = error @ s.z / rows + penalty[:, None] * ahead
        new = ahead - gradient / curve
        new_bias = ahead_bias - 4 * error.mean(-1)
        step = new - v
        # Momentum that points uphill is dropped (O'Donoghue & Candès 2015), for each problem of the batch alone.
        uphill = ((gradient * step).sum(-1) > 0)[..., None]
        following = (1 + (1 + 4 * momentum**2) ** 0.5) / 2
        push = (momentum - 1) / following
        ahead = new + torch.where(uphill, torch.zeros_like(step), push * step)
        ahead_bias = new_bias + torch.where(
            uphill[..., 0], torch.zeros_like(bias), push * (new_bias - bias)
        )
        moved = float(step.abs().max())
        v, bias, momentum = new, new_bias, following
        if moved < _TOLERANCE * max(1.0, float(v.abs().max())):
            break
    return v, bias
