"""Attention patterns: [query, key], and the scale of the scores."""

from __future__ import annotations

import ast

from gadfly.tools.review.code.batches import keyword
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

_SOURCES = listed("src source key keys")
_GOALS = listed("dst dest destination query queries end last final")


def _is_pattern(code: Code, node: ast.AST | None) -> bool:
    axes = shape(code, node)
    if axes is not None and "query" in axes and "key" in axes:
        return True
    if isinstance(node, ast.Subscript):
        return _is_pattern(code, node.value)
    said = words(node.id) if isinstance(node, ast.Name) else frozenset()
    other = listed("mask out output scores hook head heads layer implementation")
    return bool(said & listed("pattern patterns attn attention attentions")) and not said & other


@rule("attention-axes-swapped", "error")
def attention_axes(code: Code) -> Hits:
    """Patterns are [query, key]: the row attends, the column is attended to."""
    for node in code.all(ast.Subscript):
        parts = indices(node)
        if len(parts) < 2 or not _is_pattern(code, node.value):
            continue
        names = [words(code.unparsed(each)) for each in parts[-2:]]
        whole = {word for each in names for word in each if word.isalpha()}
        if any(isinstance(each, ast.Slice) for each in parts[-2:]) and whole:
            continue
        named = all(isinstance(each, ast.Name | ast.Attribute) for each in parts[-2:])
        onto_end = named and len(parts) >= 3 and names[1] & (_GOALS - {"last", "final"})
        if (names[0] & _SOURCES or onto_end) and names[1] & _GOALS and not names[0] & _GOALS:
            yield Hit(node)
            continue
        axes = shape(code, node.value)
        if axes is None or axes[-2:] != ("query", "key") or len(axes) != len(parts):
            continue
        if integer(parts[-2]) == 0 and is_full_slice(parts[-1]):
            if not code.uses_text("bert", "vit", "clip", "encoder", "cls", "t5"):
                yield Hit(node, "first-row")  # in these each position sees all others
        elif integer(parts[-1]) == -1 and is_full_slice(parts[-2]):
            yield Hit(node, "last-key")
    for op in code.ops("diagonal", "diag"):
        if not _is_pattern(code, op.x) and not _loop_pattern(code, op.x):
            continue
        offset = op.arg(0, "offset", "diagonal")
        minus = isinstance(offset, ast.UnaryOp) and isinstance(offset.op, ast.USub)
        named = minus and isinstance(getattr(offset, "operand", None), ast.Name | ast.Attribute)
        said = code.context(op.node)
        if named and "induction" in said and not said & {"duplicate", "same"}:
            yield Hit(op.node, "duplicate")
        elif _is_positive(code, offset):
            yield Hit(op.node, "future")


def _is_positive(code: Code, offset: ast.AST | None) -> bool:
    """Whether an offset is above zero: a number, ``seq_len - 1`` or a name for a length."""
    if is_binary(offset, ast.Sub):
        length = word_set(offset.left) & listed("seq len n length shape size t")
        return integer(offset.left) is None and integer(offset.right) is not None and bool(length)
    if isinstance(offset, ast.Name | ast.Attribute):
        plain = isinstance(code.value(offset), ast.Name | ast.Attribute | ast.Constant)
        return plain and bool(words(code.unparsed(offset)) & {"seq", "len", "length"})
    return (integer(offset) or 0) > 0


def _loop_pattern(code: Code, node: ast.AST | None) -> bool:
    vocab = code.vocab(node)
    return bool({"pattern", "attentions", "attention_pattern"} & vocab) or any(
        "hook_pattern" in each for each in vocab
    )


@rule("attention-scale", "warning")
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
            inside = code.op(value)
            emptied = "isneginf" in code.vocab(inside.arg(0, "mask"))
            if constant(inside.arg(1, "value")) in (0, 0.0) and not emptied:
                yield Hit(value, "zero-mask", repair="masked_fill(mask, float('-inf'))")
        if is_binary(value, ast.Mult):
            said = words(code.unparsed(value.left)) | words(code.unparsed(value.right))
            if "mask" in said and {"scores", "score"} & said:
                yield Hit(value, "zero-mask", repair="scores.masked_fill(mask == 0, float('-inf'))")
    for op in code.ops("masked_fill", "masked_fill_", "where"):
        mask = op.arg(0, "mask") if op.name != "where" else op.x
        filled = code.unparsed(op.arg(1, "value"))
        if "inf" not in filled and "1e" not in filled and "min" not in filled:
            continue
        flow = code.flow(mask)[:60]
        if any(isinstance(e, ast.UnaryOp) and isinstance(e.op, ast.Invert | ast.Not) for e in flow):
            continue
        for each in flow:
            if code.is_call(each, "triu"):
                diagonal = code.op(each).arg(0, "diagonal", "k")
                if diagonal is None or integer(diagonal) == 0:
                    yield Hit(op.node, "diagonal")


@rule("attentions-need-eager", "warning")
def need_eager(code: Code) -> Hits:
    """output_attentions=True with the default attention implementation."""
    chosen = ("attn_implementation", "set_attn_implementation", "_attn_implementation")
    if code.mentions(*chosen, "HookedTransformer") or not code.mentions("attentions"):
        return
    loaders = [call for call in code.all(ast.Call) if "from_pretrained" in code.dotted(call.func)]
    loaded = any("Model" in code.dotted(each.func) for each in loaders)
    for call in code.all(ast.Call) if loaded else ():
        eager = code.mentions("eager") and call in loaders
        if truth(keyword(call, "output_attentions")) is True and not eager:
            yield Hit(call)
            return
