"""What can be ablated: an attention or MLP output of a layer, a query head, a direction; and how a user names it.

A query head is a slice of what goes into the attention's output projection, so grouped-query attention needs no special
case: the key/value head that several query heads share stays. Leaves out what is put in its place (``fill``) and the
forwards (``engine``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import numpy as np

from gadfly.errors import ToolInputError
from gadfly.tools.model import LocalModel
from gadfly.tools.patching.sites import Site, port

Kind = Literal["attention", "mlp", "head"]
Place = tuple[Site, int]
"""What is read or written at a layer: ``attention``, ``mlp``, ``head`` (what the heads write side by side) or
``residual``, and the layer."""


@dataclass(frozen=True, order=True)
class Part:
    """One place: the attention or MLP output of a layer, or one of its query heads."""

    kind: Kind
    layer: int
    head: int = -1

    def __str__(self) -> str:
        return (
            f"head {self.layer}.{self.head}" if self.kind == "head" else f"{self.kind} {self.layer}"
        )

    @property
    def place(self) -> Place:
        """Where it is written."""
        return self.kind, self.layer

    def columns(self, model: LocalModel) -> slice:
        """Its numbers among those of its place: all, or those of the head."""
        return port(model, self.kind, self.layer).parts[self.head]


Component = tuple[Part, ...]
"""What is ablated together."""


def name_of(component: Component) -> str:
    """Its parts in words."""
    return ", ".join(str(part) for part in component)


def chosen(
    model: LocalModel, kind: Kind, layers: Sequence[int] | None, heads: Sequence[str] | None
) -> Component:
    """The component that the arguments name.

    Raises:
        ToolInputError: nothing named, or a layer or head that does not exist.
    """
    if kind == "head":
        if not heads:
            raise ToolInputError("which head? Give heads as LAYER.HEAD, such as --heads 3.1,4.0")
        return tuple(sorted({_head(model, text) for text in heads}))
    if not layers:
        raise ToolInputError(f"which layer's {kind} output? Give layers, such as --layers 3")
    for layer in layers:
        model.check_layer(layer)
    return tuple(Part(kind, layer) for layer in sorted(set(layers)))


def others(
    model: LocalModel, component: Component, count: int, seed: int
) -> tuple[list[Component], bool]:
    """Random components of the same size that share nothing with ``component``, and whether these are all there are.

    Heads are compared with heads. Of attention and MLP outputs there are few, so both kinds serve as controls.
    """
    kind = component[0].kind
    if kind == "head":
        pool = [
            Part("head", layer, head)
            for layer in range(model.num_layers)
            for head in range(model.heads)
        ]
    else:
        pool = [Part(k, layer) for k in ("attention", "mlp") for layer in range(model.num_layers)]
    pool = [part for part in pool if part not in component]
    size = len(component)
    rng = np.random.default_rng(seed)
    if size == 1:
        order = rng.permutation(len(pool))[:count]
        return [(pool[i],) for i in order], len(pool) <= count
    if len(pool) <= 16:  # few enough to list
        every = list(combinations(pool, size))
        order = rng.permutation(len(every))[:count]
        return [every[i] for i in order], len(every) <= count
    found: set[Component] = set()
    for _ in range(50 * count):
        pick = rng.permutation(len(pool))[:size]
        found.add(tuple(sorted(pool[i] for i in pick)))
        if len(found) == count:
            break
    return sorted(found), False


def _head(model: LocalModel, text: str) -> Part:
    layer, dot, head = str(text).partition(".")
    if not (dot and layer.strip().isdigit() and head.strip().isdigit()):
        raise ToolInputError(f"head {text!r} is not LAYER.HEAD, such as 3.1")
    model.check_layer(int(layer))
    if int(head) >= model.heads:
        raise ToolInputError(
            f"no head {int(head)} in layer {int(layer)}; {model.name} has query heads 0 to {model.heads - 1}"
        )
    return Part("head", int(layer), int(head))
