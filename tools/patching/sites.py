"""Where a transformer is patched: for each site, the module of every layer, its input or output, and its parts.

The residual stream, attention and MLP outputs are one part each. Heads are slices of what enters the output
projection; queries, keys and values are slices of what their projections give (before any norm or rotation), which
some architectures fuse into one matrix. With grouped queries there are fewer key and value heads than heads.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from gadfly.errors import ModelError
from gadfly.tools.hooks import See, after, before
from gadfly.tools.model import PROJECTIONS, LocalModel

if TYPE_CHECKING:
    from torch import nn

Site = Literal["residual", "attention", "mlp", "head", "query", "key", "value"]
HEADS: tuple[Site, ...] = ("head", "query", "key", "value")
_WHOLE = (slice(None),)


@dataclass(frozen=True)
class Port:
    """A place of one layer. ``parts`` are slices of the last dimension; ``entering`` says input, not output."""

    module: nn.Module
    entering: bool = False
    parts: tuple[slice, ...] = _WHOLE

    def hook(self, see: See) -> Any:
        """Show ``see`` what passes here. Gives the handle."""
        return (before if self.entering else after)(self.module, see)


def ports(model: LocalModel, site: Site) -> list[Port]:
    """The port of every layer. Raises as :func:`port`."""
    return [port(model, site, layer) for layer in range(model.num_layers)]


def part_label(model: LocalModel, site: Site, part: int) -> str:
    """``head 3``, or ``kv head 1 (heads 4-7)`` where several heads share keys and values."""
    heads, key_heads = (len(ports(model, each)[0].parts) for each in ("query", "key"))
    if site in ("head", "query") or heads == key_heads:
        return f"head {part}"
    share = heads // key_heads
    return f"kv head {part} (heads {part * share}-{(part + 1) * share - 1})"


def port(model: LocalModel, site: Site, layer: int) -> Port:
    """The port of one layer.

    Raises:
        ModelError: the attention of this architecture has no projection that is known here.
    """
    if site not in HEADS:
        return Port(model.modules(site)[layer])
    attention: Any = model.attentions[layer]
    heads, name, out = model.heads, model.name, model.output_projection(layer)
    if out is None:
        inside = ", ".join(child for child, _ in attention.named_children())
        raise ModelError(
            f"the heads of {name} cannot be told apart: its attention has none of {', '.join(PROJECTIONS)} but {inside}"
        )
    size = _features(out)[0] // heads
    if site == "head":
        return Port(out, entering=True, parts=_slices(heads, size, 0, size))
    own = {"query": "q_proj", "key": "k_proj", "value": "v_proj"}[site]
    if hasattr(attention, own):
        module = getattr(attention, own)
        return Port(module, parts=_slices(_features(module)[1] // size, size, 0, size))
    place = ("query", "key", "value").index(site)
    for fused in ("qkv_proj", "c_attn"):  # all queries, then all keys, then all values
        if hasattr(attention, fused):
            module = getattr(attention, fused)
            # The config of an architecture without grouped queries may still name key/value heads: widths decide.
            key_heads = (_features(module)[1] // size - heads) // 2
            start = (0, heads * size, (heads + key_heads) * size)[place]
            count = heads if site == "query" else key_heads
            return Port(module, parts=_slices(count, size, start, size))
    if hasattr(attention, "query_key_value"):  # query, key and value of each head side by side
        module = attention.query_key_value
        return Port(module, parts=_slices(heads, size, place * size, 3 * size))
    raise ModelError(f"the attention of {name} has no {site} projection that is known here")


def _features(projection: Any) -> tuple[int, int]:
    """Input and output features: ``nn.Linear`` names them, GPT-2's ``Conv1D`` has them as its weight's shape."""
    if hasattr(projection, "in_features"):
        return int(projection.in_features), int(projection.out_features)
    rows, columns = projection.weight.shape
    return int(rows), int(columns)


def _slices(count: int, size: int, start: int, step: int) -> tuple[slice, ...]:
    return tuple(slice(start + i * step, start + i * step + size) for i in range(count))
