"""Boolean masks and labels used as an index: what they select."""

from __future__ import annotations

import ast

from gadfly.tools.review.code.names import listed, words
from gadfly.tools.review.code.nodes import constant, integer, is_binary
from gadfly.tools.review.registry import Code, Hit, Hits, rule


@rule("mask-inverted", "high")
def inverted(code: Code) -> Hits:
    """masked_fill(attention_mask, …) fills the real tokens."""
    for op in code.ops("masked_fill", "masked_fill_"):
        mask, filled = op.arg(0, "mask"), code.unparsed(op.arg(1, "value"))
        if _keeps_real(code, mask) and (
            "inf" in filled or filled in ("0", "0.0", "-100", "-10000.0") or "1e" in filled
        ):
            yield Hit(op.node, repair="masked_fill(attention_mask == 0, …)")
    for assign in code.all(ast.Assign):
        target = assign.targets[0]
        if (
            isinstance(target, ast.Subscript)
            and constant(assign.value) in (-100, 0, 0.0)
            and _keeps_real(code, target.slice)
        ):
            yield Hit(assign, repair="x[attention_mask == 0] = …")


def _keeps_real(code: Code, node: ast.AST | None) -> bool:
    """``attention_mask``, ``attention_mask.bool()`` or ``attention_mask == 1``."""
    value = code.value(node)
    if isinstance(value, ast.Compare):
        one = isinstance(value.ops[0], ast.Eq) and integer(value.comparators[0]) == 1
        return one and _keeps_real(code, value.left)
    while code.is_call(value, *listed("bool to unsqueeze long type")):
        value = code.value(code.op(value).x)
    if isinstance(value, ast.Subscript) and not isinstance(constant(value.slice), str):
        value = code.value(value.value)
    if isinstance(value, ast.Attribute):
        return value.attr == "attention_mask" and "config" not in code.unparsed(value)
    if isinstance(value, ast.Subscript):
        return constant(value.slice) == "attention_mask"
    return False


@rule("labels-used-as-rows", "high")
def labels_as_rows(code: Code) -> Hits:
    """``acts[y]`` and ``acts[1 - y]`` with labels 0 and 1 pick rows 0 and 1."""
    by_base: dict[str, list[ast.Subscript]] = {}
    for node in code.all(ast.Subscript):
        if isinstance(node.ctx, ast.Load):
            by_base.setdefault(code.unparsed(node.value), []).append(node)
    for nodes in by_base.values():
        for node in nodes:
            part = node.slice
            if not (is_binary(part, ast.Sub) and integer(part.left) == 1):
                continue
            name = part.right
            if not (
                isinstance(name, ast.Name) and words(name.id) & {"labels", "label", "y", "targets"}
            ):
                continue
            plain = [each for each in nodes if code.same(each.slice, name)]
            if plain:
                yield Hit(plain[0])
                return
