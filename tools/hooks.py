"""Hooks on the modules of a model: see or replace the hidden states that enter or leave one.

A block returns a tensor or a tuple whose first item is the hidden states, and takes them by position or by name, by
architecture and version; here both are one thing. What is seen is the model's own tensor, on the device of its layer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from gadfly.tools.arrays import Tensor

See = Callable[["Tensor"], "Tensor | None"]
"""Sees hidden states [rows, tokens, width], and gives others in their place, or None to leave them."""


def hidden_of(out: Any) -> Tensor:
    """The hidden states of a module's output: a tensor, or the first of a tuple (never row 0 of a tensor)."""
    hidden: Tensor = out[0] if isinstance(out, tuple) else out
    return hidden


def with_hidden(out: Any, hidden: Tensor) -> Any:
    """The module's output with other hidden states in it."""
    return (hidden, *out[1:]) if isinstance(out, tuple) else hidden


def entering(args: Any, kwargs: Any) -> Tensor:
    """The hidden states that a module is called with."""
    hidden: Tensor = args[0] if args else kwargs["hidden_states"]
    return hidden


def after(module: Any, see: See, *, prepend: bool = False) -> Any:
    """Show ``see`` what leaves the module. Gives the handle."""

    def hook(_: Any, __: Any, out: Any) -> Any:
        new = see(hidden_of(out))
        return None if new is None else with_hidden(out, new)

    return module.register_forward_hook(hook, prepend=prepend)


def before(module: Any, see: See) -> Any:
    """Show ``see`` what enters the module. Gives the handle."""

    def hook(_: Any, args: Any, kwargs: Any) -> Any:
        new = see(entering(args, kwargs))
        if new is None:
            return None
        return ((new, *args[1:]), kwargs) if args else (args, {**kwargs, "hidden_states": new})

    return module.register_forward_pre_hook(hook, with_kwargs=True)


@contextmanager
def hooked(handles: Iterable[Any]) -> Iterator[None]:
    """Remove the handles at the end, also of those that were set before setting one failed."""
    kept: list[Any] = []
    try:
        for handle in handles:
            kept.append(handle)  # noqa: PERF402 - a generator may fail half-way
        yield
    finally:
        for handle in kept:
            handle.remove()
