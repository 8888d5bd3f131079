"""The attention mask: dropped, inverted, or not applied where pad tokens are averaged or scored."""

from __future__ import annotations

import ast

from gadfly.tools.review.code.batches import comes_from, is_mask, keyword, padded_batches
from gadfly.tools.review.code.concepts import from_model, is_forward, is_model, uses_lens
from gadfly.tools.review.code.names import listed
from gadfly.tools.review.code.nodes import constant, integer, is_attribute, is_binary
from gadfly.tools.review.code.shapes import Shape, dims, shape
from gadfly.tools.review.code.walk import word_set
from gadfly.tools.review.registry import Code, Hit, Hits, rule


@rule("mean-over-padding", "error")
def mean_over_padding(code: Code) -> Hits:
    """A mean over positions that counts pad tokens."""
    batches = padded_batches(code)
    for op in code.ops("mean", "sum", "max", "amax") if batches else ():
        if op.x is None or not comes_from(code, op.x, batches) or not from_model(code, op.x):
            continue
        which = dims(op)
        axes = shape(code, op.x)
        merged = _merged_positions(code, op.x)
        if merged is not None and which in ([0], None) and op.name in ("mean", "sum"):
            which, axes = [1], merged
        if which is None or axes is None or _uses_mask(code, op.x):
            continue
        if "pos" not in [axes[n] for n in which if -len(axes) <= n < len(axes)]:
            continue
        if op.name != "mean" and axes[-1] not in ("d_model", "feature"):
            continue
        yield Hit(op.node, call=op.name)


def _uses_mask(code: Code, node: ast.AST) -> bool:
    """A mask that multiplies or selects, not one that is only passed to the model."""
    for each in code.flow(node):
        if isinstance(each, ast.BinOp | ast.Subscript):
            side = each.right if isinstance(each, ast.BinOp) else each.slice
            if code.flow_words(side) & {"mask", "length", "lengths"}:
                return True
        if code.is_call(each, "masked_fill", "where"):
            return True
    return False


@rule("masked-mean-wrong-divisor", "error")
def masked_mean(code: Code) -> Hits:
    """``(h * mask).mean(1)`` or a division by the tokens of the whole batch."""
    for op in code.ops("mean"):
        product = code.value(op.x)
        if (
            is_binary(product, ast.Mult)
            and integer(op.arg(0, "dim", "axis")) in (1, -2)
            and any(is_mask(code, side) for side in (product.left, product.right))
        ):
            yield Hit(op.node)
    for node in code.binary(ast.Div):
        above = code.value(node.left)
        if not (code.is_call(node.right, "sum") and code.is_call(above, "sum")):
            continue
        upper, below = code.op(above), code.op(node.right)
        if below.args or below.kw or not is_mask(code, below.x):
            continue
        if not isinstance(upper.x, ast.BinOp):
            continue
        masked = is_mask(code, upper.x.left) or is_mask(code, upper.x.right)
        if masked and integer(upper.arg(0, "dim", "axis")) in (1, -2, -1):
            yield Hit(node, "whole-batch")


@rule("attention-mask-dropped", "error")
def mask_dropped(code: Code) -> Hits:
    """A padded batch of which only the ids reach the model."""
    batches = padded_batches(code)
    if not batches or uses_lens(code):
        return
    for call in code.all(ast.Call):
        generates = is_attribute(call.func, "generate") and is_model(code, call.func.value)
        if not (generates or is_forward(code, call)):
            continue
        if _faked_mask(code, call) and comes_from(code, call, batches):
            yield Hit(call, "ones")
            continue
        if any(each.arg in (None, "attention_mask", "mask") for each in call.keywords):
            continue
        if len(call.args) > 1 or any(isinstance(each, ast.Starred) for each in call.args):
            continue
        ids = keyword(call, "input_ids") or (call.args[0] if call.args else None)
        value = code.value(ids)
        if code.is_call(value, "to", "cuda"):
            value = code.value(code.op(value).x)
        name = ""
        if isinstance(value, ast.Attribute):
            name = value.attr
        elif isinstance(value, ast.Subscript):
            name = str(constant(value.slice))
        if name == "input_ids" and comes_from(code, value or call, batches):
            yield Hit(call)


def _faked_mask(code: Code, call: ast.Call) -> bool:
    value = code.value(keyword(call, "attention_mask"))
    return code.is_call(value, "ones_like", "ones")


@rule("pad-tokens-in-loss", "warning")
def pad_in_loss(code: Code) -> Hits:
    """``labels=input_ids`` of a padded batch."""
    batches = padded_batches(code)
    if not batches or code.mentions("ignore_index") or "-100" in code.text:
        return
    for call in code.all(ast.Call):
        labels = keyword(call, "labels")
        if labels is None or not is_forward(code, call):
            continue
        vocab = code.vocab(labels)
        cleared = {"where", "masked_fill", "ignore_index"} & vocab
        if comes_from(code, labels, batches) and "input_ids" in vocab and not cleared:
            yield Hit(call)


@rule("pad-id-is-eos-id", "warning")
def pad_is_eos(code: Code) -> Hits:
    """``labels[labels == pad_token_id] = -100`` where the pad token is the end-of-text token."""
    same = any(
        is_attribute(target, "pad_token", "pad_token_id")
        and is_attribute(assign.value, "eos_token", "eos_token_id")
        for assign in code.all(ast.Assign)
        for target in assign.targets
    )
    if not same or not padded_batches(code):
        return
    for compare in code.all(ast.Compare):
        sides = [compare.left, *compare.comparators]
        ids = {"ids", "labels", "tokens", "input"}
        if (
            isinstance(compare.ops[0], ast.Eq | ast.NotEq)
            and any(is_attribute(each, "pad_token_id") for each in sides)
            and any(word_set(each) & ids for each in sides)
        ):
            yield Hit(compare)


def _merged_positions(code: Code, node: ast.AST | None) -> Shape | None:
    """The shape before ``flatten(0, 1)`` or ``reshape(-1, d)`` put all positions in one axis."""
    value = code.value(node)
    if not isinstance(value, ast.Call):
        return None
    op = code.op(value)
    numbers = [integer(each) for each in op.args]
    merges = (op.name == "flatten" and numbers in ([0, 1], [0, -2])) or (
        op.name in ("reshape", "view") and len(op.args) == 2 and numbers[0] == -1
    )
    inside = shape(code, op.x) if merges else None
    return inside if inside is not None and len(inside) == 3 and inside[1] == "pos" else None


@rule("mask-inverted", "error")
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
        index = target.slice if isinstance(target, ast.Subscript) else None
        if constant(assign.value) in (-100, 0, 0.0) and _keeps_real(code, index):
            yield Hit(assign, repair="x[attention_mask == 0] = …")


def _keeps_real(code: Code, node: ast.AST | None) -> bool:
    """``attention_mask``, ``attention_mask.bool()`` or ``attention_mask == 1``."""
    value = code.value(node)
    if isinstance(value, ast.Compare):
        one = isinstance(value.ops[0], ast.Eq) and integer(value.comparators[0]) == 1
        return one and _keeps_real(code, value.left)
    value = code.peeled(value, *listed("bool to unsqueeze long type"))
    if isinstance(value, ast.Subscript) and not isinstance(constant(value.slice), str):
        value = code.value(value.value)
    if isinstance(value, ast.Attribute):
        return value.attr == "attention_mask" and "config" not in code.unparsed(value)
    if isinstance(value, ast.Subscript):
        return constant(value.slice) == "attention_mask"
    return False
