"""Half precision where differences or sums need more."""

from __future__ import annotations

import ast

from gadfly.tools.review.code.concepts import is_forward
from gadfly.tools.review.code.walk import identifiers
from gadfly.tools.review.registry import Code, Hit, Hits, rule


@rule("half-precision-difference", "medium")
def half_precision(code: Code) -> Hits:
    """Logits of a bf16 model subtracted without an upcast."""
    half = any(
        each.arg in ("torch_dtype", "dtype")
        and ({"bfloat16", "float16", "half"} & identifiers(each.value))
        and isinstance(code.parents.get(each), ast.Call)
        and "from_pretrained" in code.dotted(code.parents[each].func)  # type: ignore[attr-defined]
        for each in code.all(ast.keyword)
    ) or any(
        {"bfloat16", "half"} & {op.name} and "from_pretrained" in code.vocab(op.x)
        for op in code.ops("bfloat16", "half")
    )
    if not half:
        return
    for node in code.binary(ast.Sub):
        if not (isinstance(node.left, ast.Subscript) and isinstance(node.right, ast.Subscript)):
            continue
        for side in (node.left, node.right):
            vocab = code.vocab(side)
            if "logits" not in vocab and not any(
                is_forward(code, each) for each in code.calls_in(side)
            ):
                break
            if {"float", "float32", "double", "float64", "log_softmax", "softmax"} & vocab:
                break
        else:
            yield Hit(node)


@rule("half-precision-accumulator", "medium")
def half_sum(code: Code) -> Hits:
    """A running sum kept in bf16 or fp16."""
    seen: set[tuple[ast.AST, str]] = set()
    for node in code.all(ast.AugAssign):
        if (
            not isinstance(node.op, ast.Add)
            or not isinstance(node.target, ast.Name)
            or not code.loops(node)
        ):
            continue
        scope, name = code.scope(node), node.target.id
        if (scope, name) in seen:
            continue
        seen.add((scope, name))
        for each in code.bindings[scope].get(name, ()):
            if each.kind == "assign" and isinstance(each.value, ast.Call):
                op = code.op(each.value)
                kind = op.kw.get("dtype")
                if (
                    op.name in ("zeros", "zeros_like")
                    and kind is not None
                    and identifiers(kind) & {"bfloat16", "float16", "half"}
                ):
                    yield Hit(each.node)
