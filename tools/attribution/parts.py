"""The last position's residual stream as a sum of named parts, and the direct share of each in a logit.

Parts: token embedding (and position embedding), every head's output and the output bias of each attention, every MLP.
Where a block normalises what its sublayers write (Gemma, OLMo 2), that norm is frozen at its actual scale and folded
into the parts. The final norm is frozen the same way, so a logit is linear in the parts; what its bias and the
unembedding's add are parts of their own. How a block is built is found out by watching one forward, never assumed, and
every sum is checked against the model's own numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from gadfly.errors import ModelError
from gadfly.tools.arrays import Tensor
from gadfly.tools.hooks import after, before, hooked
from gadfly.tools.model import Batch, LocalModel
from gadfly.tools.readout import Readout, freeze, norms_around

# Rounding of the model's own sums, relative to the spread of the stream and to each element, which rounds by its size.
_TOLERANCE = {"float32": 1e-4, "float16": 2e-2, "bfloat16": 5e-2}


@dataclass(frozen=True)
class Part:
    """A component by name. ``layer`` is -1 for what belongs to none; ``head`` is None but for heads."""

    name: str
    kind: str
    layer: int = -1
    head: int | None = None


@dataclass(frozen=True)
class Stream:
    """``values`` [parts, rows, hidden] in float32 sum to ``full`` [rows, hidden], the stream before the final norm.

    ``logits`` [rows, vocabulary] are the model's own.
    """

    parts: list[Part]
    values: Tensor
    full: Tensor
    logits: Tensor


@dataclass
class _Seen:
    """What one forward showed of a layer, at the last position."""

    before: Tensor | None = None
    after: Tensor | None = None
    attention: Tensor | None = None
    mlp: Tensor | None = None
    heads: Tensor | None = None
    """What goes into the attention's output projection, [rows, heads · head size]."""
    norms: dict[str, tuple[Any, Tensor]] = field(default_factory=dict)
    """Sublayer → the norm that is applied to what it writes, and that norm's output."""


def decompose(model: LocalModel, batch: Batch, *, by_head: bool = True) -> Stream:
    """Run ``batch`` once and take the last position apart.

    Raises:
        ModelError: the parts of a block do not sum to what it adds to the stream.
    """
    import torch

    with model.working():
        seen, position, logits = _watch(model, batch)
        parts: list[Part] = []
        values: list[Tensor] = []

        def add(part: Part, value: Tensor) -> None:
            parts.append(part)
            values.append(value.float())

        start = _there(seen[0].before)
        if position is not None:
            add(Part("token embedding", "embedding"), start.float() - position.float())
            add(Part("position embedding", "embedding"), position)
        else:
            add(Part("embedding", "embedding"), start)
        for layer, each in enumerate(seen):
            begin = len(values)
            _attention_parts(model, layer, each, add, by_head)
            add(Part(f"L{layer} mlp", "mlp", layer), _written(each, "mlp", _there(each.mlp)))
            grown = _there(each.after).float() - _there(each.before).float()
            _same(model, torch.stack(values[begin:]).sum(0), grown, each, f"layer {layer}")
    return Stream(parts, torch.stack(values), _there(seen[-1].after), logits)


@dataclass(frozen=True)
class Shares:
    """``values`` [parts, rows, pairs] with the constants of the end as last parts, and the ``logit`` [rows, pairs]
    that they sum to: the model's own, before any softcap."""

    parts: list[Part]
    values: Tensor
    logit: Tensor

    @property
    def error(self) -> float:
        """The largest difference of a sum of parts to the model's logit."""
        return float((self.values.sum(0) - self.logit).abs().max())


def through(readout: Readout, stream: Stream, target: Tensor, wrong: Tensor | None) -> Shares:
    """The parts through the frozen final norm and the unembedding, for several answers a row.

    Args:
        target, wrong: token ids [rows, pairs].
    """
    import torch

    model = readout.model
    head: Any = model.unembedding
    with model.working():
        frozen = freeze(model.final_norm, stream.full)
        home, there = stream.full.device, head.weight.device
        weight = head.weight
        direction = weight[target.to(there)].float().to(home)  # [rows, pairs, hidden]
        if wrong is not None:
            direction = direction - weight[wrong.to(there)].float().to(home)
        normed = frozen.linear(stream.values)
        values = torch.einsum("prh,rkh->prk", normed, direction) * readout.scale
        named = list(stream.parts)
        constants = []
        if bool(frozen.bias.any()):
            named.append(Part("final norm bias", "constant"))
            constants.append((direction @ frozen.bias) * readout.scale)
        bias = getattr(head, "bias", None)
        if bias is not None:
            bias = bias.float().to(home)
            at = bias[target] - (bias[wrong] if wrong is not None else 0.0)
            named.append(Part("unembedding bias", "constant"))
            constants.append(at * readout.scale)
        if constants:
            values = torch.cat([values, torch.stack(constants)])
        logit = _uncapped(readout, stream.logits, target)
        if wrong is not None:
            logit = logit - _uncapped(readout, stream.logits, wrong)
    return Shares(named, values.cpu(), logit.cpu())


def _uncapped(readout: Readout, logits: Tensor, ids: Tensor) -> Tensor:
    """The model's logits at ``ids``, with the softcap undone: the cap is no sum."""
    picked = logits.float().gather(-1, ids)
    if readout.cap is None:
        return picked
    return (picked / readout.cap).clamp(-1 + 1e-7, 1 - 1e-7).atanh() * readout.cap


def _attention_parts(
    model: LocalModel, layer: int, seen: _Seen, add: Callable[[Part, Tensor], None], by_head: bool
) -> None:
    import torch

    whole = _there(seen.attention)
    name = f"L{layer} attention"
    if by_head and seen.heads is not None:
        projection = model.output_projection(layer)
        weight = projection.weight if _is_linear(projection) else projection.weight.T
        count = model.heads
        rows, width = seen.heads.shape
        size = width // count
        split = seen.heads.float().reshape(rows, count, size)
        by_head_weight = weight.float().to(split.device).reshape(-1, count, size)
        each = torch.einsum("rnd,hnd->nrh", split, by_head_weight)  # [heads, rows, hidden]
        bias = projection.bias.to(split.device) if projection.bias is not None else None
        total = each.sum(0) + (bias.float() if bias is not None else 0.0)
        if _close(model, total, whole.float()):
            for head in range(count):
                part = Part(f"L{layer} head {head}", "head", layer, head)
                add(part, _written(seen, "attention", each[head], whole))
            constant = torch.zeros_like(whole, dtype=torch.float32)
            if bias is not None:
                constant = constant + _written(
                    seen, "attention", bias.float().expand_as(constant), whole
                )
            constant = constant + _norm_bias(seen, "attention", whole)
            if bool(constant.any()):
                add(Part(f"{name} bias", "constant", layer), constant)
            return
    add(Part(name, "attention", layer), _written(seen, "attention", whole))


def _written(seen: _Seen, which: str, part: Tensor, whole: Tensor | None = None) -> Tensor:
    """What reaches the stream of a sublayer's output, or of one part of it with the norm's scale held."""
    if which not in seen.norms:
        return part
    norm, out = seen.norms[which]
    if whole is None:
        return out
    return freeze(norm, whole).linear(part)


def _norm_bias(seen: _Seen, which: str, whole: Tensor) -> Tensor:
    import torch

    if which not in seen.norms:
        return torch.zeros_like(whole, dtype=torch.float32)
    return freeze(seen.norms[which][0], whole).bias.expand_as(whole)


def _watch(model: LocalModel, batch: Batch) -> tuple[list[_Seen], Tensor | None, Tensor]:
    """One forward with hooks on everything that writes; all kept at the last position."""
    around = norms_around(model)  # a forward of its own, before anything is hooked here
    seen = [_Seen() for _ in around]
    position: list[Tensor] = []
    handles = []

    def home(value: Tensor) -> Tensor:
        # Layers may be on several devices, sums are not; Falcon adds to what its MLP gave in place.
        return value[:, -1].to(model.device, copy=True)

    def keep(layer: int, which: str, hidden: Tensor) -> None:
        setattr(seen[layer], which, home(hidden))

    def normed(layer: int, which: str, norm: Any, hidden: Tensor) -> None:
        seen[layer].norms[which] = (norm, home(hidden))

    def placed(module: Any, args: Any, out: Any) -> None:
        position.append(out[:, -1] if out.ndim == 3 else out[-1:])

    table = _position_table(model)
    if table is not None:
        handles.append(table.register_forward_hook(placed))
    for layer, norms in enumerate(around):
        handles += [
            before(model.blocks[layer], partial(keep, layer, "before")),
            after(model.blocks[layer], partial(keep, layer, "after")),
            after(model.modules("attention")[layer], partial(keep, layer, "attention")),
            after(model.modules("mlp")[layer], partial(keep, layer, "mlp")),
        ]
        projection = model.output_projection(layer)
        if projection is not None:
            handles.append(before(projection, partial(keep, layer, "heads")))
        for which in ("attention", "mlp"):
            norm = norms.get(f"after {which}")
            if norm is not None:
                handles.append(after(norm, partial(normed, layer, which, norm)))
    with hooked(handles):
        logits = model.forward(batch)
    return seen, (position[0] if position else None), logits


def _position_table(model: LocalModel) -> Any:
    """A learned table of position embeddings added to the token's, as GPT-2 has it."""
    for name, module in model.module.named_modules():
        if name.rsplit(".", 1)[-1] in ("wpe", "embed_positions"):
            return module
    return None


def _is_linear(module: Any) -> bool:
    """Linear stores [out, in]; GPT-2's Conv1D [in, out]."""
    import torch

    return isinstance(module, torch.nn.Linear)


def _there(value: Tensor | None) -> Tensor:
    if value is None:
        raise ModelError("a sublayer of the model did not run; its parts cannot be told apart")
    return value


def _close(model: LocalModel, found: Tensor, own: Tensor) -> bool:
    gap = float((found - own).abs().max() / own.float().std().clamp(min=1e-6))
    return gap <= _TOLERANCE.get(model.dtype, 5e-2)


def _same(model: LocalModel, found: Tensor, grown: Tensor, seen: _Seen, where: str) -> None:
    before, after = _there(seen.before).float(), _there(seen.after).float()
    scale = after.std().clamp(min=1e-6) + before.abs().maximum(after.abs())
    gap = float(((found - grown).abs() / scale).max())
    if not gap <= _TOLERANCE.get(model.dtype, 5e-2):
        raise ModelError(
            f"attention and MLP of {where} of {model.name} do not sum to what the layer adds to the stream "
            f"(difference {gap:.2g} of its size): its logits cannot be attributed to them"
        )
