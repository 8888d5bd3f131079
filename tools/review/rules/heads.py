"""Heads: on which axis they are, how they are split, and how many keys and values have."""

from __future__ import annotations

import ast

from gadfly.tools.review.code.concepts import uses_lens
from gadfly.tools.review.code.hooking import Hook, hooked_names, hooks
from gadfly.tools.review.code.names import listed, words
from gadfly.tools.review.code.nodes import constant, indices, is_attribute, is_binary, is_name
from gadfly.tools.review.code.shapes import axis, shape
from gadfly.tools.review.code.tree import Op
from gadfly.tools.review.code.walk import identifiers, inner, within
from gadfly.tools.review.registry import Code, Hit, Hits, rule


@rule("head-index-on-wrong-axis", "error")
def head_axis(code: Code) -> Hits:
    """``z[:, head]`` is a position; ``pattern[:, :, head]`` a query."""
    for hook in hooks(code):
        right = _head_axis(code, hook) if hook.kind == "lens" and uses_lens(code) else None
        if right is None:
            continue
        layout = "[batch, pos, head, d_head]" if right == 2 else "[batch, head, query, key]"
        repair = f"{hook.value}[:, :, head]" if right == 2 else f"{hook.value}[:, head]"
        for node in within(hook.function, ast.Subscript):
            parts = indices(node)
            if not is_name(node.value, hook.value) or any(constant(e) is Ellipsis for e in parts):
                continue
            for number, part in enumerate(parts):
                named = isinstance(part, ast.Name) and axis(part.id) == "head" and part.id != "h"
                if named and number != right:
                    yield Hit(node, layout=layout, number=number, repair=repair)


def _head_axis(code: Code, hook: Hook) -> int | None:
    """The axis of the heads in an activation, by the name of its hook point or of the parameter."""
    by_point = dict.fromkeys(("hook_z", "hook_v", "hook_q", "hook_k", "hook_result"), 2)
    by_point |= {"hook_pattern": 1, "attn_scores": 1}
    names = sorted(hooked_names(code, hook.function))
    found = [by_point[point] for name in names for point in by_point if point in name]
    if found:
        return found[-1]
    if hook.value in ("pattern", "patterns", "attn_scores"):
        return 1
    return 2 if hook.value in ("z", "q", "k", "v", "result") else None


@rule("head-index-into-cached-activation", "error")
def head_axis_cached(code: Code) -> Hits:
    """The same mistake on an activation taken from a cache or from ``attentions``."""
    inside = {id(each) for hook in hooks(code) for each in inner(hook.function)}
    for node in code.all(ast.Subscript):
        parts = indices(node)
        named = [
            (number, each.id, axis(each.id))
            for number, each in enumerate(parts)
            if isinstance(each, ast.Name) and len(each.id) > 1
        ]
        named = [each for each in named if each[2] in ("head", "d_mlp")]
        if len(named) != 1 or any(constant(e) is Ellipsis for e in parts):
            continue
        number, name, unit = named[0]
        if unit == "head" and id(node) in inside:
            continue
        axes = shape(code, node.value)
        if axes is None or axes.count(unit) != 1 or not {"d_head", "query", "d_mlp"} & set(axes):
            continue
        if number < len(axes) and axes[number] in ("batch", "pos", "query", "key"):
            yield Hit(
                node,
                index=name,
                axes=list(axes),
                number=number,
                axis=axes[number],
                unit="head" if unit == "head" else "neuron",
                right_number=axes.index(unit),
            )


@rule("grouped-query-heads", "error")
def grouped_heads(code: Code) -> Hits:
    """Keys and values have fewer heads than queries in most current models."""
    counted = ("num_key_value_heads", "n_key_value_heads", "n_kv_heads", "num_kv_heads")
    if not code.mentions("k_proj", "v_proj", *counted):
        return
    # A model's own file knows how many heads its keys have.
    defined = any(each.endswith((".k_proj", ".v_proj")) for each in code.attributes)
    for call in code.all(ast.Call):
        op = code.op(call)
        if not defined and op.name in ("view", "reshape", "unflatten", "rearrange"):
            vocab, text = code.vocab(op.x), code.unparsed(op.x)
            if not {"k_proj", "v_proj"} & vocab or {"q_proj", "o_proj"} & vocab:
                continue
            if "self.k_proj" in text or "self.v_proj" in text:
                continue  # a model's own class knows its heads
            sizes = [*op.args, *op.kw.values()]
            if frozenset().union(*map(code.vocab, sizes)) & set(counted):
                continue
            if any(_all_heads(code, each) for each in sizes):
                yield Hit(call)
        if op.name in ("repeat", "tile") and op.x is not None and code.mentions(*counted):
            mine = words(code.unparsed(op.x)) & listed("k v key value keys values")
            if mine and code.flow_words(op.arg(1)) & listed("rep group groups kv"):
                yield Hit(call, "tiled")
    yield from _weight_slices(code)
    for node in code.all(ast.Subscript):
        source = code.value(node.value) if isinstance(node.value, ast.Name) else None
        if not code.is_call(source, "view", "reshape"):
            continue
        if not {"num_key_value_heads", "n_kv_heads", "num_kv_heads"} & identifiers(source):
            continue
        for part in indices(node):
            if isinstance(part, ast.Name) and axis(part.id) == "head" and "kv" not in part.id:
                found = code.binding(part)
                over = code.unparsed(found.value) if found is not None else ""
                if "num_attention_heads" in over or "n_heads" in over:
                    yield Hit(node, "index", head=part.id)


def _weight_slices(code: Code) -> Hits:
    """``v_proj.weight[head * d_head : (head + 1) * d_head]`` with the head of a query."""
    for node in code.all(ast.Subscript):
        base = node.value
        if not (is_attribute(base, "weight") and is_attribute(base.value, "v_proj", "k_proj")):
            continue
        first = indices(node)[0]
        if not (isinstance(first, ast.Slice) and isinstance(first.lower, ast.BinOp)):
            continue
        names = _head_names(first.lower)
        flow = code.flow(first.lower)
        divided = any(is_binary(e, ast.FloorDiv) and _head_names(e.left) for e in flow)
        if names and not divided and not any("kv" in each or "key_value" in each for each in names):
            yield Hit(node, "rows")


def _head_names(node: ast.AST) -> set[str]:
    return {each for each in identifiers(node) if axis(each) == "head"}


def _all_heads(code: Code, node: ast.AST) -> bool:
    """Whether a size is the number of query heads itself (not something computed from it)."""
    value = code.value(node)
    if isinstance(value, ast.Tuple | ast.List):
        return any(_all_heads(code, each) for each in value.elts)
    return isinstance(value, ast.Attribute | ast.Name) and code.unparsed(value).endswith(
        ("num_attention_heads", "n_heads", "num_heads")
    )


@rule("heads-split-without-transpose", "error")
def heads_split(code: Code) -> Hits:
    """view(batch, heads, seq, d_head) of [batch, seq, d_model] scrambles tokens and heads."""
    for op in code.ops("view", "reshape"):
        sizes = op.args[0].elts if op.args and isinstance(op.args[0], ast.Tuple) else op.args
        axes = [_size(code, each) for each in sizes]
        if len(axes) != 4 or axes[1:3] != ["head", "pos"]:
            continue
        if any(code.is_call(e, "transpose", "permute", "swapaxes") for e in code.calls_in(op.x)):
            continue
        if (
            listed("q_proj k_proj v_proj c_attn hidden_states W_Q o_proj") & code.vocab(op.x)
            or (shape(code, op.x) or ("",))[-1] == "d_model"
            or _three_axes(code, op, sizes)
        ):
            yield Hit(op.node)
    for op in code.ops("rearrange"):
        text = constant(op.args[0]) if op.args else None
        if not isinstance(text, str) or "(" not in text:
            continue
        for group in text.replace("->", " ").split("(")[1:]:
            names = group.split(")")[0].split()
            if len(names) != 2 or axis(names[1]) != "head":
                continue
            if axis(names[0]) == "d_head" or names[0] in ("d", "dh", "e", "d_h"):
                yield Hit(op.node, "interleaved")
                break


def _size(code: Code, node: ast.AST) -> str:
    text = code.unparsed(node)
    return "pos" if text.endswith("shape[1]") else axis(text)


def _three_axes(code: Code, op: Op, sizes: list[ast.expr]) -> bool:
    """Whether the sizes are those of ``b, s, d = x.shape`` in that order."""
    for assign in code.all(ast.Assign):
        target, value = assign.targets[0], assign.value
        if not (is_attribute(value, "shape") and code.same(value.value, op.x)):
            continue
        if isinstance(target, ast.Tuple) and len(target.elts) == 3:
            return code.same(sizes[0], target.elts[0]) and code.same(sizes[2], target.elts[1])
    return False
