"""Encoding and decoding, by architecture, as SAELens defines them.

Activations [tokens, d_in] → features [tokens, d_sae] → reconstruction [tokens, d_out], all float32. The input is
normalised as in training and, unless the configuration says otherwise, the decoder's bias is taken off first; a
normalised input is scaled back on the way out. Papers: relu Bricken et al. (2023); gated Rajamanoharan et al. (2024),
arXiv:2404.16014; topk Gao et al. (2024), arXiv:2406.04093; jumprelu Rajamanoharan et al. (2024), arXiv:2407.14435;
batchtopk Bussmann et al. (2024), arXiv:2412.06410; transcoders Dunefsky et al. (2024), arXiv:2406.11944.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from gadfly.errors import ToolInputError
from gadfly.tools.arrays import Tensor
from gadfly.tools.features.formats import Spec

if TYPE_CHECKING:
    import torch

_EPSILON = 1e-5


@dataclass(frozen=True)
class _Normalised:
    """An input ready to be encoded, and how to undo what was done: x · scale + shift, all [tokens, 1]."""

    x: Tensor
    scale: Tensor
    shift: Tensor


@dataclass(frozen=True)
class Autoencoder:
    """Weights with their meaning. Make one with :func:`build`."""

    spec: Spec
    weights: dict[str, Tensor]

    @property
    def d_in(self) -> int:
        return int(self.weights["W_enc"].shape[0])

    @property
    def d_sae(self) -> int:
        return int(self.weights["W_enc"].shape[1])

    @property
    def d_out(self) -> int:
        return int(self.weights["W_dec"].shape[1])

    def encode(self, x: Tensor) -> Tensor:
        """Feature activations [tokens, d_sae]."""
        return self._features(self._normalise(x).x)

    def reconstruct(self, x: Tensor) -> Tensor:
        """What it makes of ``x`` [tokens, d_in], on the model's own scale, [tokens, d_out]."""
        return self.decode(self.encode(x), x)

    def decode(self, features: Tensor, x: Tensor) -> Tensor:
        """Features back to activations; ``x`` is the input they came from, whose scale they are brought to."""
        w = self.weights
        norm = w["W_dec"].norm(dim=-1) if self.spec.by_decoder_norm else None
        if norm is not None:
            features = features / norm
        if "scaling_factor" in w:  # fine-tuned strengths, as old checkpoints have them
            features = features * w["scaling_factor"]
        out = features @ w["W_dec"] + w["b_dec"]
        if self.spec.transcoder:
            if self.spec.normalisation == "expected_average_only_in" and self.spec.scaling:
                out = out / self.spec.scaling
            return out + x.float() @ w["W_skip"].T if "W_skip" in w else out
        normalised = self._normalise(x)
        return out * normalised.scale + normalised.shift

    def _features(self, x: Tensor) -> Tensor:
        import torch

        w, spec = self.weights, self.spec
        if spec.subtract_bias:
            x = x - w["b_dec"]
        if spec.activation == "gated":
            gate = x @ w["W_enc"] + w["b_gate"]
            size = x @ (w["W_enc"] * w["r_mag"].exp()) + w["b_mag"]
            return (gate > 0) * size.relu()
        before = x @ w["W_enc"] + w["b_enc"]
        if spec.by_decoder_norm:
            before = before * w["W_dec"].norm(dim=-1)
        if spec.activation == "topk":
            best = before.topk(int(spec.k or 1), dim=-1)
            return torch.zeros_like(before).scatter(-1, best.indices, best.values.relu())
        if spec.activation == "jumprelu":
            return before.relu() * (before > w["threshold"])
        return before.relu()

    def _normalise(self, x: Tensor) -> _Normalised:
        import torch

        x = x.float()
        one, zero = torch.ones_like(x[..., :1]), torch.zeros_like(x[..., :1])
        shift = zero
        if self.spec.centred:
            shift = x.mean(-1, keepdim=True)
            x = x - shift
        kind = self.spec.normalisation
        if kind == "layer_norm":
            mean = x.mean(-1, keepdim=True)
            spread = (x - mean).std(-1, keepdim=True)
            return _Normalised((x - mean) / (spread + _EPSILON), spread, mean + shift)
        if kind == "constant_norm_rescale":
            factor = self.d_in**0.5 / x.norm(dim=-1, keepdim=True)
            return _Normalised(x * factor, 1 / factor, shift)
        if kind == "expected_average_only_in" and self.spec.scaling is not None:
            return _Normalised(x * self.spec.scaling, one / self.spec.scaling, shift)
        return _Normalised(x, one, shift)

    def with_scaling(self, factor: float) -> Autoencoder:
        """The same with a factor on its input, where training estimated one that was not recorded."""
        return replace(self, spec=replace(self.spec, scaling=factor))

    def rotated(self, centre: Tensor, rng: np.random.Generator) -> Callable[[Tensor], Tensor]:
        """A control: the same dictionary turned at random around ``centre`` [d_in], as a function like ``reconstruct``.

        All sizes and angles between features stay; only what they mean to this model is lost.
        """
        import torch

        q, r = np.linalg.qr(rng.standard_normal((self.d_in, self.d_in)))
        # Which of two signs a column gets is the library's choice; with this one it is unique.
        turn = torch.from_numpy(q * np.sign(np.diag(r))).to(centre)

        def reconstruct(x: Tensor) -> Tensor:
            out = self.reconstruct((x.float() - centre) @ turn + centre)
            # What a transcoder writes is another space, which was not turned.
            return out if self.spec.transcoder else (out - centre) @ turn.T + centre

        return reconstruct


def build(
    spec: Spec, weights: dict[str, Tensor], device: torch.device | str = "cpu"
) -> Autoencoder:
    """Check the weights and put them on a device.

    Raises:
        ToolInputError: a tensor is missing, has the wrong shape, or holds numbers that are not finite.
    """
    import torch

    w = dict(weights)
    if "log_threshold" in w and "threshold" not in w:
        w["threshold"] = w.pop("log_threshold").exp()
    if "topk_threshold" in w and "threshold" not in w:  # a batchtopk still in its training form
        w["threshold"] = w.pop("topk_threshold").reshape(())
    needed = {"relu": ["b_enc"], "topk": ["b_enc"], "jumprelu": ["b_enc", "threshold"]}
    names = ["W_enc", "W_dec", "b_dec", *needed.get(spec.activation, ["b_gate", "b_mag", "r_mag"])]
    if spec.architecture.endswith("skip_transcoder"):
        names.append("W_skip")
    missing = [name for name in names if name not in w]
    if missing:
        raise ToolInputError(
            f"a {spec.architecture} autoencoder needs {', '.join(missing)}; the file has {', '.join(sorted(weights))}"
        )
    if w["W_enc"].ndim != 2 or w["W_dec"].ndim != 2:
        raise ToolInputError("W_enc and W_dec must have two dimensions")
    d_in, d_sae = w["W_enc"].shape
    d_out = w["W_dec"].shape[1]
    shapes = {
        "W_dec": (d_sae, d_out),
        "b_dec": (d_out,),
        "W_skip": (d_out, d_in),
        **dict.fromkeys(("b_enc", "b_gate", "b_mag", "r_mag"), (d_sae,)),
    }
    for name in names:
        if name in shapes and tuple(w[name].shape) != shapes[name]:
            raise ToolInputError(
                f"{name} has shape {tuple(w[name].shape)}; {shapes[name]} is needed beside W_enc {(d_in, d_sae)}"
            )
        if not w[name].isfinite().all():
            raise ToolInputError(f"{name} holds numbers that are not finite")
    if not spec.transcoder and d_in != d_out:
        raise ToolInputError(
            f"W_enc reads {d_in} numbers and W_dec writes {d_out}; only a transcoder may differ there"
        )
    if spec.activation == "topk" and int(spec.k or 0) > d_sae:
        raise ToolInputError(f"k is {spec.k}, but there are {d_sae} features")
    keep = {name: w[name] for name in names}
    factor = w.get("scaling_factor")
    if factor is not None and not torch.allclose(factor, torch.ones_like(factor)):
        keep["scaling_factor"] = factor
    return Autoencoder(spec, {name: tensor.float().to(device) for name, tensor in keep.items()})
