"""What one node of a syntax tree is: its kind, its name, its literal value, its parts. Nothing here walks."""

from __future__ import annotations

import ast
from typing import TypeGuard

Function = ast.FunctionDef | ast.AsyncFunctionDef
Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
Loop = ast.For | ast.AsyncFor | ast.While
Position = tuple[int, int]


def is_name(node: ast.AST | None, *names: str) -> TypeGuard[ast.Name]:
    """Whether a node is one of these plain names."""
    return isinstance(node, ast.Name) and node.id in names


def is_attribute(node: ast.AST | None, *names: str) -> TypeGuard[ast.Attribute]:
    """Whether a node is ``….name`` for one of these names."""
    return isinstance(node, ast.Attribute) and node.attr in names


def is_binary(node: ast.AST | None, *operators: type[ast.operator]) -> TypeGuard[ast.BinOp]:
    """Whether a node is ``a + b``, ``a - b`` and so on with one of these operators."""
    return isinstance(node, ast.BinOp) and isinstance(node.op, operators)


def constant(node: ast.AST | None) -> object:
    """The value of a literal, with its sign; None where there is none (or where it is None)."""
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        value = constant(node.operand)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return -value
    return None


def integer(node: ast.AST | None) -> int | None:
    """The value of an integer literal."""
    value = constant(node)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def truth(node: ast.AST | None) -> bool | None:
    """The value of a boolean literal."""
    value = constant(node)
    return value if isinstance(value, bool) else None


def indices(node: ast.Subscript) -> list[ast.expr]:
    """The comma-separated parts of a subscript."""
    if isinstance(node.slice, ast.Tuple) and node.slice.elts:
        return list(node.slice.elts)
    return [node.slice]


def is_full_slice(node: ast.AST) -> bool:
    """``:``"""
    return isinstance(node, ast.Slice) and not (node.lower or node.upper or node.step)


def is_item_store(node: ast.AST | None) -> TypeGuard[ast.Subscript]:
    """Whether a node is ``x[i]`` that is written to."""
    return isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store)


def assigned(node: ast.Assign) -> list[tuple[ast.expr, ast.expr]]:
    """What gets which value: of ``a, b = 1, 2`` the two pairs."""
    target, value = node.targets[0], node.value
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
        return list(zip(target.elts, value.elts, strict=False))
    return [(target, value)]


def both_ways(node: ast.BinOp) -> list[tuple[ast.expr, ast.expr]]:
    """The two sides of an operation, then the same the other way round."""
    return [(node.left, node.right), (node.right, node.left)]


def arguments(call: ast.Call) -> list[ast.expr]:
    """All that a call is given, by position and by name."""
    return [*call.args, *(each.value for each in call.keywords)]


def is_open(call: ast.Call) -> bool:
    """Whether a call passes on a dictionary, ``f(**batch)``: what else it is given is not known."""
    return any(each.arg is None for each in call.keywords)


def parameters(function: Function | ast.Lambda) -> list[str]:
    """The names of all parameters but * and **."""
    given = function.args
    return [each.arg for each in (*given.posonlyargs, *given.args, *given.kwonlyargs)]


def position(node: ast.AST) -> Position:
    """Where a node begins."""
    return getattr(node, "lineno", 0), getattr(node, "col_offset", 0)


def end(node: ast.AST) -> Position:
    """Where a node ends."""
    line, column = position(node)
    last = getattr(node, "end_lineno", None) or line
    return last, getattr(node, "end_col_offset", None) or column


def said(node: ast.AST) -> set[str]:
    """The identifier, attribute, keyword or short string that one node is."""
    if isinstance(node, ast.Name):
        return {node.id}
    if isinstance(node, ast.Attribute):
        return {node.attr}
    if isinstance(node, ast.keyword) and node.arg:
        return {node.arg}
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return {node.value[:60]}
    return set()
