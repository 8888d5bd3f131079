"""From a residual stream to logits, the way the model does it, and the same as a linear map with its norm frozen.

``Readout`` applies the final norm once, the unembedding, and whatever scaling or softcapping the architecture adds;
it is checked against the model's own logits before anybody reads them. ``Frozen`` is a norm whose scale is held at the
value of the full input: then it is linear, and the parts of a sum go through it one by one. ``norms_around`` finds the
norms beside a layer's sublayers.

``hidden_states[-1]`` of transformers is *after* the final norm; nothing here reads it. Residuals are taken from hooks
on the blocks.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from gadfly.errors import ModelError
from gadfly.tools.arrays import Tensor
from gadfly.tools.hooks import after, hooked
from gadfly.tools.model import LocalModel
from gadfly.tools.rows import plain_ids

# Largest difference to the model's own logits that passes for rounding, relative to their spread.
_TOLERANCE = {"float32": 1e-4, "float16": 2e-2, "bfloat16": 1e-1}


@dataclass(frozen=True)
class Readout:
    """The end of a model. ``scale`` multiplies the logits; ``cap`` is the softcap, or None."""

    model: LocalModel
    scale: float
    cap: float | None

    def logits(self, hidden: Tensor) -> Tensor:
        """Residuals before the final norm, [..., hidden], to float32 logits, [..., vocabulary]."""
        found = self.model.unembedding(self.model.final_norm(hidden)).float()
        return self.after(found.to(hidden.device))  # the end of the model may be on another device

    def columns(self, hidden: Tensor, ids: Tensor) -> Tensor:
        """Logits of a few tokens, without the whole vocabulary: ``hidden`` [..., rows, hidden] and ``ids`` [rows, k] to
        [..., rows, k]."""
        import torch

        head = self.model.unembedding
        if type(head) is not torch.nn.Linear:  # a quantised one keeps its weights otherwise
            whole = self.logits(hidden)
            return whole.gather(-1, ids.expand(*whole.shape[:-1], -1))
        at = ids.to(head.weight.device)
        normed = self.model.final_norm(hidden).to(head.weight.device)
        found = torch.einsum("...rh,rkh->...rk", normed, head.weight[at])
        if head.bias is not None:
            found = found + head.bias[at]
        return self.after(found.float().to(hidden.device))

    def after(self, logits: Tensor) -> Tensor:
        """What the architecture does to the raw logits."""
        if self.scale != 1.0:  # a product with one would copy the largest tensor there is
            logits = logits * self.scale
        if self.cap is not None:
            logits = (logits / self.cap).tanh() * self.cap
        return logits

    def check(self, hidden: Tensor, own: Tensor) -> float:
        """The largest difference from the model's own logits, relative to their spread.

        Raises:
            ModelError: it is more than rounding: the architecture ends in a way that is not known here.
        """
        with self.model.working():
            gap = (self.logits(hidden) - own.float()).abs().max()
            return self.trusted(float(gap / own.float().std().clamp(min=1e-6)))

    def trusted(self, found: float) -> float:
        """A difference that was measured already, as given. Raises ModelError if it is more than rounding."""
        if not found <= _TOLERANCE.get(self.model.dtype, 1e-1):
            raise ModelError(
                f"the final norm and unembedding of {self.model.name} do not give its own logits (difference "
                f"{found:.2g} of their spread): its readout is not one that can be applied to earlier layers"
            )
        return found


def readout(model: LocalModel) -> Readout:
    """The readout that the model's configuration describes."""
    config = model.config
    scale = float(getattr(config, "logit_scale", None) or 1.0)  # Cohere multiplies
    scale /= float(getattr(config, "logits_scaling", None) or 1.0)  # Granite divides
    cap = getattr(config, "final_logit_softcapping", None)
    return Readout(model, scale, float(cap) if cap else None)


@dataclass(frozen=True)
class Frozen:
    """A norm as ``x -> (x - centring · mean(x)) · scale · gain + bias``, ``scale`` taken from the full input.

    ``scale`` is [..., 1] as the input it was frozen on; ``gain`` and ``bias`` are [hidden].
    """

    centring: bool
    scale: Tensor
    gain: Tensor
    bias: Tensor

    def linear(self, part: Tensor) -> Tensor:
        """One part of the input, without the bias: linear in it. Float32."""
        part = part.float()
        if self.centring:
            part = part - part.mean(-1, keepdim=True)
        return part * self.scale * self.gain


def freeze(norm: Any, full: Tensor) -> Frozen:
    """Hold a LayerNorm's or RMSNorm's scale at what it is for ``full`` [..., hidden].

    Raises:
        ModelError: the module computes something else than these two.
    """
    import torch

    # ``forward`` and not the call: this may run inside a hook of the very norm.
    x = full.float()
    eps = float(getattr(norm, "eps", None) or getattr(norm, "variance_epsilon", None) or 0.0)
    if isinstance(norm, torch.nn.LayerNorm):
        centred = x - x.mean(-1, keepdim=True)
        scale = (centred.square().mean(-1, keepdim=True) + eps).rsqrt()
        ones = torch.ones(x.shape[-1], device=x.device)
        gain = norm.weight.float().to(x.device) if norm.weight is not None else ones
        bias = norm.bias.float().to(x.device) if norm.bias is not None else torch.zeros_like(ones)
        frozen = Frozen(True, scale, gain, bias)
    else:
        scale = (x.square().mean(-1, keepdim=True) + eps).rsqrt()
        # Gemma stores the gain minus one: what a vector of ones comes out as tells the gain either way.
        ones = torch.ones(x.shape[-1], device=full.device, dtype=full.dtype)
        gain = norm.forward(ones).float().to(x.device) * (1.0 + eps) ** 0.5
        frozen = Frozen(False, scale, gain, torch.zeros_like(gain))
    own = norm.forward(full).float().to(x.device)
    gap = float(((frozen.linear(x) + frozen.bias) - own).abs().max() / own.std().clamp(min=1e-6))
    if not gap <= (1e-3 if full.dtype == torch.float32 else 1e-1):
        raise ModelError(
            f"{type(norm).__name__} is neither a LayerNorm nor an RMSNorm; its parts cannot be told apart"
        )
    return frozen


def norms_around(model: LocalModel) -> list[dict[str, Any]]:
    """By layer: the norms ``after attention`` and ``after mlp``, where an architecture has them, and ``before mlp``.

    Found out by watching one forward: a norm that is given exactly what a sublayer returned stands between it and the
    stream.
    """
    found: list[dict[str, Any]] = [{} for _ in model.blocks]
    outputs: dict[str, Any] = {}
    normed: list[tuple[Any, Any]] = []
    handles = []

    def out_of(which: str, hidden: Tensor) -> None:
        outputs[which] = hidden

    def norm_of(layer: int) -> Callable[..., None]:
        def hook(module: Any, args: Any, out: Any) -> None:
            for which, value in outputs.items():
                if args and args[0] is value:
                    found[layer][f"after {which}"] = module
            normed.append((module, out))

        return hook

    def into_mlp(layer: int) -> Callable[..., None]:
        def hook(module: Any, args: Any) -> None:
            for norm, value in normed:
                if args and args[0] is value:
                    found[layer]["before mlp"] = norm

        return hook

    for layer, block in enumerate(model.blocks):
        handles.append(after(model.modules("attention")[layer], partial(out_of, "attention")))
        handles.append(after(model.modules("mlp")[layer], partial(out_of, "mlp")))
        handles.append(model.mlps[layer].register_forward_pre_hook(into_mlp(layer)))
        handles += [
            child.register_forward_hook(norm_of(layer))
            for child in block.children()
            if "norm" in type(child).__name__.lower()
        ]
    with hooked(handles), model.working():
        model.forward(model.batch_of([plain_ids(model)[:2]]))
    return found
