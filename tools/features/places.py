"""Which module a hook name means, and reading or replacing what passes there.

Names are TransformerLens' (``blocks.3.hook_resid_post``), which most configurations use, or a module of the model
itself (``model.layers.3.mlp``), whose output is meant. TransformerLens counts the norm that some architectures put
after a sublayer (Gemma, OLMo 2) to its output.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

from gadfly.errors import ToolInputError
from gadfly.tools.arrays import Tensor
from gadfly.tools.hooks import after, before, hooked
from gadfly.tools.model import LocalModel
from gadfly.tools.readout import freeze, norms_around

_BLOCK = re.compile(r"blocks\.(\d+)\.(.+)")
NAMES = (
    "hook_resid_pre",
    "hook_resid_post",
    "hook_attn_out",
    "hook_mlp_out",
    "attn.hook_z",
    "mlp.hook_in",
    "mlp.hook_out",
    "ln2.hook_normalized",
)
Change = Callable[["Tensor"], "Tensor | None"]
"""Sees activations [rows, tokens, width]; returns what replaces them, or None to leave them."""


@dataclass(frozen=True)
class Place:
    """A point in the model. ``layer`` and ``site`` are what vector files call it; None where they have no name."""

    name: str
    module: Any
    side: Literal["input", "output"]
    without_gain: bool = False
    """Read a norm's input as the norm scales it, before its gain: TransformerLens' hook_normalized."""
    layer: int | None = None
    site: str | None = None


def place(model: LocalModel, hook: str) -> Place:
    """The place a hook name means. Raises ToolInputError, listing the names that are known."""
    found = _BLOCK.fullmatch(hook)
    if found is None:
        return _module(model, hook)
    layer, name = int(found[1]), found[2]
    if layer >= model.num_layers:
        raise ToolInputError(
            f"{hook} is in layer {layer}; {model.name} has layers 0 to {model.num_layers - 1}"
        )
    block, mlp = model.blocks[layer], model.mlps[layer]
    if name == "hook_resid_post":
        return Place(hook, block, "output", layer=layer, site="residual")
    if name == "hook_resid_pre":
        before = (
            layer - 1 if layer else None
        )  # the stream before a layer is the one after its predecessor
        return Place(hook, block, "input", layer=before, site="residual" if layer else None)
    if name in ("hook_attn_out", "hook_mlp_out"):
        which = "attention" if name == "hook_attn_out" else "mlp"
        norm = norms_around(model)[layer].get(f"after {which}")
        module = norm if norm is not None else model.modules(which)[layer]
        return Place(hook, module, "output", layer=layer, site=None if norm is not None else which)
    if name == "mlp.hook_in":
        return Place(hook, mlp, "input")
    if name == "mlp.hook_out":
        return Place(hook, model.modules("mlp")[layer], "output", layer=layer, site="mlp")
    if name == "attn.hook_z":
        projection = model.output_projection(layer)
        if projection is not None:
            return Place(hook, projection, "input")
    if name == "ln2.hook_normalized":
        norm = norms_around(model)[layer].get("before mlp")
        if norm is not None:
            return Place(hook, norm, "input", without_gain=True)
    raise ToolInputError(
        f"hook {name!r} is not known for {model.name}; of a block these are: {', '.join(NAMES)}"
    )


def _module(model: LocalModel, name: str) -> Place:
    try:
        module = model.module.get_submodule(name)
    except AttributeError as error:
        raise ToolInputError(
            f"no hook {name!r}: give blocks.LAYER.NAME with {', '.join(NAMES)}, or the name of a module"
        ) from error
    for site in ("residual", "attention", "mlp"):
        for layer, own in enumerate(model.modules(site)):
            if own is module:
                return Place(name, module, "output", layer=layer, site=site)
    return Place(name, module, "output")


@contextmanager
def changing(model: LocalModel, place: Place, change: Change) -> Iterator[None]:
    """Run ``change`` on what passes at ``place`` in every forward within, on the device of the logits."""
    home = model.device

    def swapped(hidden: Tensor) -> Tensor | None:
        new = change(hidden.to(home))
        return None if new is None else new.to(hidden.device)

    def without_gain(hidden: Tensor) -> None:
        frozen = freeze(place.module, hidden)
        centred = hidden.float()
        if frozen.centring:
            centred = centred - centred.mean(-1, keepdim=True)
        change((centred * frozen.scale).to(home))

    if place.side == "output":
        handle = after(place.module, swapped)
    else:
        handle = before(place.module, without_gain if place.without_gain else swapped)
    with hooked([handle]):
        yield
