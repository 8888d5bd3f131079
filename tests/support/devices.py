"""Two devices that a machine without any has: tensors that live on the CPU, say they are elsewhere, and refuse to mix.

``Elsewhere`` wraps a CPU tensor and names another device. ``pretended`` makes ``.to("cuda:1")`` and ``device="cuda:1"``
give such tensors. An operation over two devices raises what PyTorch raises on real ones; only copies and single
numbers may cross. So code that spreads a model over several GPUs can be run, and its mistakes seen, on none.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map

_COPY = (torch.ops.aten.copy_, torch.ops.aten._to_copy, torch.ops.aten.to)
_CPU = torch.device("cpu")


class Elsewhere(torch.Tensor):
    """A CPU tensor, ``inner``, that says it is on another device."""

    inner: torch.Tensor

    @staticmethod
    def __new__(cls, inner: torch.Tensor, device: torch.device) -> Elsewhere:
        laid = {"strides": inner.stride(), "storage_offset": inner.storage_offset()}
        made: Elsewhere = torch.Tensor._make_wrapper_subclass(
            cls, inner.shape, **laid, dtype=inner.dtype, device=device
        )
        made.inner = inner
        return made

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _run(func, args, kwargs or {})

    def tolist(self) -> Any:
        return self.cpu().tolist()

    def __repr__(self, **_: Any) -> str:  # type: ignore[override]
        return f"{self.inner!r} on {self.device}"


class _Pretended(TorchDispatchMode):
    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _run(func, args, kwargs or {})


class _Literals(TorchFunctionMode):
    """``torch.tensor`` fills its memory where no operation is seen: made on the CPU, then moved."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        place = kwargs.pop("device", None) if func is torch.tensor else None
        made = func(*args, **kwargs)
        return made if place is None else made.to(place)


@contextmanager
def pretended() -> Iterator[None]:
    """Within it, other devices can be named though they are not there."""
    with _Pretended(), _Literals():
        yield


def _run(func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    if func is torch.ops.aten._has_compatible_shallow_copy_type.default:
        return False  # asked when a module moves: its parameters are made anew
    leaves = tree_flatten((args, kwargs))[0]
    tensors = [each for each in leaves if isinstance(each, torch.Tensor)]
    asked = [each for each in leaves if isinstance(each, torch.device)]
    copies = func.overloadpacket in _COPY
    # A single number on the CPU may meet anything.
    places = {t.device for t in tensors if t.ndim or t.device != _CPU}
    if len(places) > 1 and not copies:
        named = " and ".join(sorted(map(str, places)))
        raise RuntimeError(
            f"Expected all tensors to be on the same device, but found {named}: {func}"
        )
    home = asked[0] if asked else tensors[0].device if copies else next(iter(places), _CPU)
    out = func(*tree_map(_inner, args), **tree_map(_inner, kwargs))
    if copies and out is tensors[0].__dict__.get("inner") and tensors[0].device != home:
        out = out.clone()  # another device is other memory
    # An operation in place gives its own tensor back, not a new one.
    known = {id(t.inner): t for t in tensors if isinstance(t, Elsewhere) and t.device == home}

    def outer(value: Any) -> Any:
        if not isinstance(value, torch.Tensor) or home == _CPU:
            return value
        return known[id(value)] if id(value) in known else Elsewhere(value, home)

    return tree_map(outer, out)


def _inner(value: Any) -> Any:
    if isinstance(value, torch.device):
        return _CPU
    return value.inner if isinstance(value, Elsewhere) else value


def spread(module: Any, places: dict[str, str]) -> Any:
    """Move submodules to devices, and their inputs with them at each call, as transformers does it for a device map.

    A hook set before such a submodule sees its inputs where they were: on the device of what ran before.
    """
    for name, place in places.items():
        part = module.get_submodule(name)
        part.to(place)
        part.forward = _moved(part.forward, torch.device(place))
    return module


def _moved(forward: Any, place: torch.device) -> Any:
    def run(*args: Any, **kwargs: Any) -> Any:
        def move(value: Any) -> Any:
            return value.to(place) if isinstance(value, torch.Tensor) else value

        return forward(*tree_map(move, args), **tree_map(move, kwargs))

    return run
