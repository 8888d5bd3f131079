"""Tokenizers and padded batches: which side is padded, what came out of a batch, what is a mask."""

from __future__ import annotations

import ast
from typing import NamedTuple

from gadfly.tools.review.code.flow import Code
from gadfly.tools.review.code.memory import kept
from gadfly.tools.review.code.names import words
from gadfly.tools.review.code.nodes import assigned, constant, is_attribute
from gadfly.tools.review.code.walk import identifiers
from gadfly.tools.review.code.watch import Watched


@kept
def is_tokenizer(code: Code, node: ast.AST | None) -> bool:
    """Whether an expression is a tokenizer, by its name or where it was loaded."""
    if isinstance(node, ast.Attribute):
        return bool(words(node.attr) & {"tokenizer", "tokeniser", "tok"})
    if not isinstance(node, ast.Name):
        return False
    if words(node.id) & {"tokenizer", "tokeniser"} or node.id in ("tok", "tk"):
        return True
    value = code.value(node)
    return isinstance(value, ast.Call) and "Tokenizer" in code.dotted(value.func)


@kept
def tokenizer_calls(code: Code) -> list[ast.Call]:
    """Calls of a tokenizer: ``tokenizer(...)``, ``.encode(...)``, ``.batch_encode_plus(...)``."""
    found = [
        call
        for call in code.all(ast.Call)
        if is_tokenizer(code, call.func)
        or (
            is_attribute(call.func, "encode", "batch_encode_plus", "encode_plus")
            and is_tokenizer(code, call.func.value)
        )
    ]
    return Watched(found, code.watch)


def keyword(call: ast.Call, name: str) -> ast.expr | None:
    """A keyword argument."""
    return next((each.value for each in call.keywords if each.arg == name), None)


def pads(call: ast.Call) -> bool:
    """Whether a tokenizer call pads."""
    padding = keyword(call, "padding")
    return padding is not None and constant(padding) not in (False, None, "do_not_pad")


class Padding(NamedTuple):
    """What a file says about the side on which it pads."""

    left: bool
    right: bool


@kept
def padding_side(code: Code) -> Padding:
    """Which sides are set or demanded anywhere in the file."""
    sides: set[object] = set()
    for assign in code.all(ast.Assign):
        pairs = [*assigned(assign), *((each, assign.value) for each in assign.targets[1:])]
        sides |= {
            constant(code.value(v)) for each, v in pairs if is_attribute(each, "padding_side")
        }
    for each in code.all(ast.keyword):
        if each.arg in ("padding_side", "default_padding_side"):
            sides.add(constant(code.value(each.value)))
    for compare in code.all(ast.Compare):
        if "padding_side" in identifiers(compare.left):
            sides |= {constant(right) for right in compare.comparators}
    return Padding("left" in sides, "right" in sides)


Batches = dict[ast.Call, None]
"""Calls in their order."""


@kept
def padded_batches(code: Code) -> Batches:
    """Tokenizer calls that pad more than one text."""
    stacked = [op.node for op in code.ops("pad_sequence") if "padding_value" in op.kw]
    made = [
        call
        for call in tokenizer_calls(code)
        if pads(call) and not (call.args and isinstance(constant(code.value(call.args[0])), str))
    ]
    return dict.fromkeys([*stacked, *made])


def comes_from(code: Code, node: ast.AST, batches: Batches) -> bool:
    return any(each in batches for each in code.flow(node))


def is_mask(code: Code, node: ast.AST | None) -> bool:
    """``attention_mask``, ``mask[..., None].float()``, or a name for it."""
    if isinstance(node, ast.Name) and "mask" not in words(node.id):
        value = code.value(node)
        node = value if isinstance(value, ast.Subscript | ast.Call | ast.Attribute) else node
    while isinstance(node, ast.Subscript | ast.Call | ast.Attribute):
        if isinstance(node, ast.Subscript):
            if constant(node.slice) == "attention_mask":
                return True
            node = node.value
        elif isinstance(node, ast.Call):
            node = code.op(node).x
        else:
            if node.attr == "attention_mask":
                return True
            node = node.value
    return isinstance(node, ast.Name) and "mask" in words(node.id)
