"""Attention probabilities of every head.

Only the eager implementation computes them, so the model is switched to it for these forwards and back, under its
lock. Each layer's probabilities go to a visitor and are then dropped: layers × rows × heads × tokens² would not fit.
Orientation is [destination, source]. Heads are query heads; under grouped-query attention several share keys.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from gadfly.errors import ModelError
from gadfly.tools.arrays import Tensor
from gadfly.tools.hooks import hooked
from gadfly.tools.model import Batch, LocalModel

Visit = Callable[[int, "Tensor"], None]
"""Layer, and its probabilities [rows, heads, destination, source] in float32."""


def visit_patterns(model: LocalModel, batch: Batch, visit: Visit) -> None:
    """One forward over ``batch``; ``visit`` sees each layer's probabilities once. Padding is on the left.

    Raises:
        ModelError: the architecture's attention does not hand out probabilities.
    """

    def hook(layer: int) -> Callable[..., None]:
        def seen(module: Any, args: Any, out: Any) -> None:
            weights = out[1] if isinstance(out, tuple) and len(out) > 1 else None
            if weights is None or weights.ndim != 4:
                raise ModelError(
                    f"the attention of {model.name} hands out no probabilities, so its patterns cannot be read"
                )
            visit(layer, weights.float().to(model.device))

        return seen

    with model.working(), _eager(model):
        handles = [a.register_forward_hook(hook(i)) for i, a in enumerate(model.attentions)]
        with hooked(handles):
            model.forward(batch)


@contextmanager
def _eager(model: LocalModel) -> Iterator[None]:
    config = model.module.config
    before = getattr(config, "_attn_implementation", None)
    if before == "eager":
        yield
        return
    try:
        model.module.set_attn_implementation("eager")
    except (AttributeError, ValueError) as error:
        raise ModelError(f"{model.name} has no eager attention: {error}") from error
    try:
        yield
    finally:
        model.module.set_attn_implementation(before)


def shape_of(model: LocalModel) -> tuple[int, int]:
    """Query heads and key-value heads of a layer."""
    return model.heads, int(getattr(model.config, "num_key_value_heads", None) or model.heads)
