"""What is worked out once for a file: the results of functions of it, kept beside it.

A rule asks about one node after another. A question about the whole file, a function or a loop that is answered by
walking it again for each of them takes time that grows with the square of the file; answered once, with its size.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar


class Owner(Protocol):
    """A file with its memory."""

    memory: dict[Any, dict[Any, Any]]


File = TypeVar("File", bound=Owner)
Rest = ParamSpec("Rest")
Value = TypeVar("Value")


def kept(
    find: Callable[Concatenate[File, Rest], Value],
) -> Callable[Concatenate[File, Rest], Value]:
    """A function of a file, and of nodes or names in it, whose results are kept for the next who asks.

    What it returns must not be changed by anyone.
    """

    @wraps(find)
    def once(code: File, *args: Rest.args, **named: Rest.kwargs) -> Value:
        known = code.memory[find]
        key = (args, *named.items()) if named else args
        if key not in known:
            known[key] = find(code, *args, **named)
        return known[key]  # type: ignore[no-any-return]

    return once  # type: ignore[return-value]
