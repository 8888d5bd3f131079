"""Heads: on which axis they are, how they are split, and how many keys and values have."""

from __future__ import annotations

import ast

from gadfly.tools.review.code.concepts import uses_lens
from gadfly.tools.review.code.hooking import hooked_names, hooks
from gadfly.tools.review.code.names import listed, words
from gadfly.tools.review.code.nodes import constant, indices, is_attribute, is_binary, is_name
from gadfly.tools.review.code.shapes import axis, shape
from gadfly.tools.review.code.tree import Op
from gadfly.tools.review.code.walk import identifiers, inner
from gadfly.tools.review.registry import Code, Hit, Hits, rule


@rule("head-index-on-wrong-axis", "high")
def head_axis(code: Code) -> Hits:
    """``z[:, head]`` is a position; ``pattern[:, :, head]`` a query."""
    by_name = {
        "z": 2,
        "q": 2,
        "k": 2,
        "v": 2,
        "result": 2,
        "pattern": 1,
        "patterns": 1,
        "attn_scores": 1,
    }
    for hook in hooks(code):
        if hook.kind != "lens" or not uses_lens(code):
            continue
        names = hooked_names(code, hook.function)
        want: int | None = None
        for text in sorted(names):
            for short, place in (
                ("hook_z", 2),
                ("hook_v", 2),
                ("hook_q", 2),
                ("hook_k", 2),
                ("hook_result", 2),
                ("hook_pattern", 1),
                ("attn_scores", 1),
            ):
                if short in text:
                    want = place
        if want is None:
            want = by_name.get(hook.value)
        if want is None:
            continue
        for node in inner(hook.function):
            if not (isinstance(node, ast.Subscript) and is_name(node.value, hook.value)):
                continue
            for place, part in enumerate(indices(node)):
                if not isinstance(part, ast.Name) or axis(part.id) != "head" or part.id == "h":
                    continue
                if any(constant(each) is Ellipsis for each in indices(node)):
                    continue
                if place != want:
                    layout = (
                        "[batch, pos, head, d_head]" if want == 2 else "[batch, head, query, key]"
                    )
                    yield Hit(
                        node,
                        layout=layout,
                        number=place,
                        repair=f"{hook.value}[:, :, head]"
                        if want == 2
                        else f"{hook.value}[:, head]",
                    )


@rule("head-index-into-cached-activation", "high")
def head_axis_cached(code: Code) -> Hits:
    """The same mistake on an activation taken from a cache or from ``attentions``."""
    inside = {id(each) for hook in hooks(code) for each in inner(hook.function)}
    for node in code.all(ast.Subscript):
        parts = indices(node)
        named = [
            (n, each)
            for n, each in enumerate(parts)
            if isinstance(each, ast.Name)
            and axis(each.id) in ("head", "d_mlp")
            and len(each.id) > 1
        ]
        if len(named) != 1 or any(constant(e) is Ellipsis for e in parts):
            continue
        place, unit = named[0][0], axis(code.unparsed(named[0][1]))
        if unit == "head" and id(node) in inside:
            continue
        axes = shape(code, node.value)
        if axes is None or axes.count(unit) != 1 or not {"d_head", "query", "d_mlp"} & set(axes):
            continue
        if place < len(axes) and axes[place] in ("batch", "pos", "query", "key"):
            yield Hit(
                node,
                index=code.unparsed(named[0][1]),
                axes=list(axes),
                number=place,
                axis=axes[place],
                unit="head" if unit == "head" else "neuron",
                right_number=axes.index(unit),
            )


@rule("grouped-query-heads", "high")
def grouped_heads(code: Code) -> Hits:
    """Keys and values have fewer heads than queries in most current models."""
    counted = ("num_key_value_heads", "n_key_value_heads", "n_kv_heads", "num_kv_heads")
    if not code.mentions("k_proj", "v_proj", *counted):
        return
    defined = _defines_projections(code)
    for call in code.all(ast.Call):
        op = code.op(call)
        if not defined and op.name in ("view", "reshape", "unflatten", "rearrange"):
            if not {"k_proj", "v_proj"} & code.vocab(op.x):
                continue
            if {"q_proj", "o_proj"} & code.vocab(op.x) or "self.k_proj" in code.unparsed(op.x):
                continue
            if "self.v_proj" in code.unparsed(op.x):
                continue  # a model's own class knows its heads
            sizes = [*op.args, *op.kw.values()]
            if frozenset().union(*map(code.vocab, sizes)) & set(counted):
                continue
            if any(_all_heads(code, each) for each in sizes):
                yield Hit(call)
        if op.name in ("repeat", "tile") and op.x is not None and code.mentions(*counted):
            mine = words(code.unparsed(op.x))
            counts = code.flow_words(op.args[1] if len(op.args) > 1 else None)
            if mine & {"k", "v", "key", "value", "keys", "values"} and counts & listed(
                "rep group groups kv"
            ):
                yield Hit(call, "tiled")
    yield from _weight_slices(code)
    for node in code.all(ast.Subscript):
        if not isinstance(node.value, ast.Name):
            continue
        parts = indices(node)
        source = code.value(node.value)
        if not code.is_call(source, "view", "reshape"):
            continue
        if not {"num_key_value_heads", "n_kv_heads", "num_kv_heads"} & identifiers(source):
            continue
        for part in parts:
            if isinstance(part, ast.Name) and axis(part.id) == "head" and "kv" not in part.id:
                found = code.binding(part)
                over = code.unparsed(found.value) if found and found.value is not None else ""
                if "num_attention_heads" in over or "n_heads" in over:
                    yield Hit(node, "index", head=part.id)


def _defines_projections(code: Code) -> bool:
    """A model's own file knows how many heads its keys have."""
    return any(each.endswith((".k_proj", ".v_proj")) for each in code.attributes)


def _weight_slices(code: Code) -> Hits:
    """``v_proj.weight[head * d_head : (head + 1) * d_head]`` with the head of a query."""
    for node in code.all(ast.Subscript):
        base = node.value
        if not (is_attribute(base, "weight") and is_attribute(base.value, "v_proj", "k_proj")):
            continue
        first = indices(node)[0]
        if not (isinstance(first, ast.Slice) and isinstance(first.lower, ast.BinOp)):
            continue
        names = {each for each in identifiers(first.lower) if axis(each) == "head"}
        flow = code.flow(first.lower)
        divided = any(is_binary(e, ast.FloorDiv) and _is_head(e.left) for e in flow)
        if names and not divided and not any("kv" in each or "key_value" in each for each in names):
            yield Hit(node, "rows")


def _is_head(node: ast.AST) -> bool:
    return any(axis(each) == "head" for each in identifiers(node))


def _all_heads(code: Code, node: ast.AST) -> bool:
    """Whether a size is the number of query heads itself (not something computed from it)."""
    value = code.value(node)
    if isinstance(value, ast.Tuple | ast.List):
        return any(_all_heads(code, each) for each in value.elts)
    return isinstance(value, ast.Attribute | ast.Name) and code.unparsed(value).endswith(
        ("num_attention_heads", "n_heads", "num_heads")
    )


@rule("heads-split-without-transpose", "high")
def heads_split(code: Code) -> Hits:
    """view(batch, heads, seq, d_head) of [batch, seq, d_model] scrambles tokens and heads."""
    for op in code.ops("view", "reshape"):
        sizes = op.args[0].elts if op.args and isinstance(op.args[0], ast.Tuple) else op.args
        axes = [_size(code, each) for each in sizes]
        if len(axes) == 4 and axes[1] == "head" and axes[2] == "pos":
            vocab = code.vocab(op.x)
            if (
                listed("q_proj k_proj v_proj c_attn hidden_states W_Q o_proj") & vocab
                or (shape(code, op.x) or ("",))[-1] == "d_model"
                or _three_axes(code, op, sizes)
            ):
                if {"transpose", "permute", "swapaxes"} & {
                    code.op(each).name for each in code.calls_in(op.x)
                }:
                    continue
                yield Hit(op.node)
    for op in code.ops("rearrange"):
        text = constant(op.args[0]) if op.args else None
        if not isinstance(text, str) or "(" not in text:
            continue
        for group in text.replace("->", " ").split("(")[1:]:
            names = group.split(")")[0].split()
            if (
                len(names) == 2
                and axis(names[1]) == "head"
                and (axis(names[0]) == "d_head" or names[0] in ("d", "dh", "e", "d_h"))
            ):
                yield Hit(op.node, "interleaved")
                break


def _size(code: Code, node: ast.AST) -> str:
    found = axis(code.unparsed(node))
    if found == "?" and isinstance(node, ast.Subscript):
        text = code.unparsed(node)
        if text.endswith("shape[1]"):
            return "pos"
    return found


def _three_axes(code: Code, op: Op, sizes: list[ast.expr]) -> bool:
    """Whether the sizes are those of ``b, s, d = x.shape`` in that order."""
    for assign in code.all(ast.Assign):
        target, value = assign.targets[0], assign.value
        if (
            isinstance(target, ast.Tuple)
            and len(target.elts) == 3
            and is_attribute(value, "shape")
            and code.same(value.value, op.x)
        ):
            names = [code.unparsed(each) for each in target.elts]
            return [code.unparsed(sizes[0]), code.unparsed(sizes[2])] == names[:2]
    return False
