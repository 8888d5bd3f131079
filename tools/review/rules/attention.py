"""Attention patterns: [query, key], and the scale of the scores."""

from __future__ import annotations

import ast

from gadfly.tools.review.code.names import listed, words
from gadfly.tools.review.code.nodes import (
    constant,
    indices,
    integer,
    is_binary,
    is_full_slice,
    truth,
)
from gadfly.tools.review.code.shapes import axis, shape
from gadfly.tools.review.code.walk import word_set
from gadfly.tools.review.registry import Code, Hit, Hits, rule


def _is_pattern(code: Code, node: ast.AST | None) -> bool:
    axes = shape(code, node)
    if axes is not None and "query" in axes and "key" in axes:
        return True
    if isinstance(node, ast.Name):
        return bool(
            words(node.id) & {"pattern", "patterns", "attn", "attention", "attentions"}
        ) and not (
            words(node.id) & listed("mask out output scores hook head heads layer implementation")
        )
    if isinstance(node, ast.Subscript):
        return _is_pattern(code, node.value)
    return False


@rule("attention-axes-swapped", "high")
def attention_axes(code: Code) -> Hits:
    """Patterns are [query, key]: the row attends, the column is attended to."""
    for node in code.all(ast.Subscript):
        parts = indices(node)
        if len(parts) < 2 or not _is_pattern(code, node.value):
            continue
        names = [words(code.unparsed(each)) for each in parts[-2:]]
        sources = {"src", "source", "key", "keys"}
        goals = {"dst", "dest", "destination", "query", "queries", "end", "last", "final"}
        whole = {word for each in names for word in each if word.isalpha()}
        if any(isinstance(each, ast.Slice) for each in parts[-2:]) and whole:
            continue
        named = isinstance(parts[-2], ast.Name | ast.Attribute) and isinstance(
            parts[-1], ast.Name | ast.Attribute
        )
        onto_end = named and len(parts) >= 3 and names[1] & (goals - {"last", "final"})
        if (names[0] & sources or onto_end) and names[1] & goals and not names[0] & goals:
            yield Hit(node)
            continue
        axes = shape(code, node.value)
        full = axes is not None and axes[-2:] == ("query", "key") and len(axes) == len(parts)
        if (
            full
            and integer(parts[-2]) == 0
            and is_full_slice(parts[-1])
            and not _sees_both_ways(code)
        ):
            yield Hit(node, "first-row")
            continue
        if full and integer(parts[-1]) == -1 and is_full_slice(parts[-2]):
            yield Hit(node, "last-key")
    for op in code.ops("diagonal", "diag"):
        if not _is_pattern(code, op.x) and not _loop_pattern(code, op.x):
            continue
        offset = op.arg(0, "offset", "diagonal")
        positive = (integer(offset) or 0) > 0
        plain = (
            isinstance(offset, ast.UnaryOp)
            and isinstance(offset.op, ast.USub)
            and isinstance(offset.operand, ast.Name | ast.Attribute)
        )
        said = code.context(op.node)
        if plain and "induction" in said and not said & {"duplicate", "same"}:
            yield Hit(op.node, "duplicate")
            continue
        if is_binary(offset, ast.Sub):
            left, right = integer(offset.left), integer(offset.right)
            positive = (
                left is None
                and right is not None
                and bool(
                    word_set(offset.left) & {"seq", "len", "n", "length", "shape", "size", "t"}
                )
            )
        elif isinstance(offset, ast.Name | ast.Attribute):
            positive = bool(words(code.unparsed(offset)) & {"seq", "len", "length"}) and isinstance(
                code.value(offset), ast.Name | ast.Attribute | ast.Constant
            )
        if positive:
            yield Hit(op.node, "future")


def _sees_both_ways(code: Code) -> bool:
    return code.uses_text("bert", "vit", "clip", "encoder", "cls", "t5")


def _loop_pattern(code: Code, node: ast.AST | None) -> bool:
    vocab = code.vocab(node)
    return bool({"pattern", "attentions", "attention_pattern"} & vocab) or any(
        "hook_pattern" in each for each in vocab
    )


@rule("attention-scale", "medium")
def attention_scale(code: Code) -> Hits:
    """Scores divided by d_head, not by its root; masks that do not mask."""
    for op in code.ops("softmax"):
        value = code.value(op.x)
        if is_binary(value, ast.Div):
            size = value.right
            scores = code.flow_words(value.left)
            if axis(code.unparsed(size)) == "d_head" and {"q", "query", "scores", "attn"} & scores:
                yield Hit(value)
        # A mask applied as 0 before the softmax leaves exp(0) of weight.
        if code.is_call(value, "masked_fill"):
            fill = code.op(value).arg(1, "value")
            inside = code.op(value)
            emptied = "isneginf" in code.vocab(inside.arg(0, "mask"))
            if constant(fill) in (0, 0.0) and not emptied:
                yield Hit(value, "zero-mask", repair="masked_fill(mask, float('-inf'))")
        if is_binary(value, ast.Mult):
            sides = [words(code.unparsed(each)) for each in (value.left, value.right)]
            if any("mask" in each for each in sides) and any(
                {"scores", "score"} & each for each in sides
            ):
                yield Hit(value, "zero-mask", repair="scores.masked_fill(mask == 0, float('-inf'))")
    for op in code.ops("masked_fill", "masked_fill_", "where"):
        mask = op.arg(0, "mask") if op.name != "where" else op.x
        filled = code.unparsed(op.arg(1, "value"))
        if "inf" not in filled and "1e" not in filled and "min" not in filled:
            continue
        for each in code.flow(mask)[:60]:
            if code.is_call(each, "triu"):
                inside = code.op(each)
                diagonal = inside.arg(0, "diagonal", "k")
                if diagonal is None or integer(diagonal) == 0:
                    if any(
                        isinstance(e, ast.UnaryOp) and isinstance(e.op, ast.Invert | ast.Not)
                        for e in code.flow(mask)[:60]
                    ):
                        continue
                    yield Hit(op.node, "diagonal")


@rule("attentions-need-eager", "medium")
def need_eager(code: Code) -> Hits:
    """output_attentions=True with the default attention implementation."""
    if code.mentions(
        *listed(
            "attn_implementation set_attn_implementation _attn_implementation HookedTransformer"
        )
    ):
        return
    if not code.mentions("attentions"):
        return
    loaded = any(
        "from_pretrained" in code.dotted(each.func) and "Model" in code.dotted(each.func)
        for each in code.all(ast.Call)
    )
    for call in code.all(ast.Call) if loaded else ():
        for each in call.keywords:
            if (
                each.arg == "output_attentions"
                and truth(each.value) is True
                and not call_loads(code, call)
            ):
                yield Hit(call)
                return


def call_loads(code: Code, call: ast.Call) -> bool:
    return "from_pretrained" in code.dotted(call.func) and code.mentions("eager")
