"""What stands below a node, in the order of the file. ``Tree`` lays that order down as it is built."""

from __future__ import annotations

import ast
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import TypeVar, overload

from gadfly.tools.review.code.names import CLEAN, CORRUPT, words
from gadfly.tools.review.code.nodes import Function, said

Node = TypeVar("Node", bound=ast.AST)
Other = TypeVar("Other", bound=ast.AST)


def place(node: ast.AST) -> int:
    """Where a node comes in the order of its file; what is below it follows at once."""
    return node._run[1]  # type: ignore[attr-defined, no-any-return]


def holds(node: ast.AST, at: int) -> bool:
    """Whether what comes at a place of the file's order is a node or stands below it."""
    _, start, stop = node._run  # type: ignore[attr-defined]
    return bool(start <= at < stop)


def below(node: ast.AST | None, found: Sequence[Node]) -> list[Node]:
    """Those of some nodes, given in the order of the file, that stand below one (or are it)."""
    if node is None:
        return list(found)
    start, stop = bounds(node, found)
    return list(found[start:stop])


def bounds(node: ast.AST, found: Sequence[ast.AST]) -> tuple[int, int]:
    """From where to where in a list in the order of the file the nodes below one stand."""
    run = getattr(node, "_run", None)
    if run is None:  # a node that was made and stands nowhere
        return 0, 0
    _, start, stop = run
    return bisect_left(found, start, key=place), bisect_left(found, stop, key=place)


def inner(node: ast.AST, *, nested: bool = True) -> Iterator[ast.AST]:
    """A node and everything below it in source order; without nested functions if asked."""
    run: tuple[list[ast.AST], int, int] | None = getattr(node, "_run", None)
    if run is None:
        return iter([node])
    order, start, stop = run
    return iter(order[start:stop]) if nested else _shallow(order, start, stop)


def _shallow(order: list[ast.AST], start: int, stop: int) -> Iterator[ast.AST]:
    yield order[start]
    at = start + 1
    while at < stop:
        node = order[at]
        yield node
        skip = isinstance(node, Function | ast.Lambda)
        at = node._run[2] if skip else at + 1  # type: ignore[attr-defined]


def identifiers(node: ast.AST | None) -> frozenset[str]:
    """Names, attributes, keywords and short strings in an expression."""
    if node is None:
        return frozenset()
    known: frozenset[str] | None = getattr(node, "_identifiers", None)
    if known is None:
        known = frozenset().union(*map(said, inner(node)))
        node._identifiers = known  # type: ignore[attr-defined]
    return known


def word_set(node: ast.AST | None) -> frozenset[str]:
    """All words of all identifiers in an expression."""
    return frozenset(word for name in identifiers(node) for word in words(name))


@overload
def within(node: ast.AST, one: type[Node], /) -> Iterator[Node]: ...
@overload
def within(node: ast.AST, one: type[Node], other: type[Other], /) -> Iterator[Node | Other]: ...
def within(node: ast.AST, *kinds: type[ast.AST]) -> Iterator[ast.AST]:
    """The nodes of these types below a node (or the node itself), in source order."""
    return (each for each in inner(node) if isinstance(each, kinds))


def names_in(node: ast.AST) -> set[str]:
    """The plain names below a node."""
    return {each.id for each in inner(node) if isinstance(each, ast.Name)}


def named_values(
    node: ast.AST, *, nested: bool = True
) -> Iterator[tuple[str, ast.expr, ast.Assign]]:
    """Every ``name = value`` below a node, with its statement; without nested functions if asked."""
    for each in inner(node, nested=nested):
        if isinstance(each, ast.Assign) and isinstance(each.targets[0], ast.Name):
            yield each.targets[0].id, each.value, each


def returned(function: Function | ast.Lambda) -> list[ast.AST]:
    """The expressions that a function returns."""
    if isinstance(function, ast.Lambda):
        return [function.body]
    return [
        each.value
        for each in inner(function, nested=False)
        if isinstance(each, ast.Return) and each.value is not None
    ]


def run_side(node: ast.AST | str | None) -> str | None:
    """'clean' or 'corrupt' where an expression speaks of exactly one of them."""
    found = words(node) if isinstance(node, str) else word_set(node)
    clean, corrupt = bool(found & CLEAN), bool(found & CORRUPT)
    return None if clean == corrupt else ("clean" if clean else "corrupt")
