"""What a module returns: a tensor or a tuple, before or after heads are mixed."""

from __future__ import annotations

import ast

from gadfly.tools.review.code.concepts import are_blocks
from gadfly.tools.review.code.hooking import hooks, uses_nnsight
from gadfly.tools.review.code.nodes import indices, integer, is_attribute, is_name
from gadfly.tools.review.code.walk import identifiers, inner, returned, within
from gadfly.tools.review.registry import Code, Hit, Hits, rule


@rule("head-slice-of-mixed-output", "error")
def mixed_heads(code: Code) -> Hits:
    """Heads cut out of the attention module's output, where o_proj has already mixed them."""
    for hook in hooks(code):
        site = code.value(hook.site)
        attention = is_attribute(site, "self_attn", "attn", "attention", "self_attention")
        if hook.kind != "forward" or not attention:
            continue
        for node in inner(hook.function):
            if _cuts_heads(code, node):
                yield Hit(node)
                break
    places: list[ast.Call | ast.Subscript] = code.all(ast.Call, ast.Subscript)
    for node in places:
        if not _cuts_heads(code, node):
            continue
        text = code.unparsed(node.func if isinstance(node, ast.Call) else node.value)
        if any(f".{name}.output" in text for name in ("self_attn", "attn", "attention")):
            yield Hit(node)


def _cuts_heads(code: Code, node: ast.AST) -> bool:
    if code.is_call(node, "view", "reshape", "unflatten"):
        text = " ".join(code.unparsed(each) for each in node.args)
        counts = {"n_heads", "num_heads", "n_head", "num_attention_heads"} & identifiers(node)
        return bool(counts) and any(e in text for e in ("head_dim", "d_head", "-1", "head_size"))
    parts = indices(node) if isinstance(node, ast.Subscript) else []
    if len(parts) < 2 or not isinstance(parts[-1], ast.Slice):
        return False
    return bool(identifiers(parts[-1].lower) & {"head_dim", "d_head", "head_size", "hd", "dh"})


@rule("block-output-zero", "warning")
def block_output_zero(code: Code) -> Hits:
    """``output[0]`` of a block or MLP that returns a tensor: the first row of the batch."""
    for hook in hooks(code):
        if hook.kind != "forward" or isinstance(hook.function, ast.Lambda):
            continue
        if not _returns_tensor(code, hook.site):
            continue
        found = identifiers(hook.function)
        if found & {"isinstance", "is_tuple", "torch_is_tensor", "is_tensor", "type"}:
            continue
        for node in within(hook.function, ast.Subscript):
            if is_name(node.value, hook.value) and integer(node.slice) == 0:
                yield Hit(node, "hook")
                break
    if not uses_nnsight(code) or code.mentions("isinstance") or code.uses_text("vllm"):
        return
    for subscript in code.all(ast.Subscript):
        base = subscript.value
        if not is_attribute(base, "output") or integer(subscript.slice) != 0:
            continue
        if _returns_tensor(code, base.value):
            yield Hit(subscript)


def _returns_tensor(code: Code, site: ast.AST | None) -> bool:
    """Whether a module is a block or an MLP."""
    if isinstance(site, ast.Attribute):
        return site.attr in ("mlp", "feed_forward", "ffn")
    if isinstance(site, ast.Subscript):
        return are_blocks(site.value)
    over = code.looped(site)
    if over is not None:
        return are_blocks(code.op(over).x if code.is_call(over, "enumerate") else over)
    value = code.value(site)
    return isinstance(site, ast.Name) and value is not site and _returns_tensor(code, value)


@rule("hook-drops-the-tuple", "error")
def drops_tuple(code: Code) -> Hits:
    """``attn, *rest = output; return edited``: a tensor where the next module unpacks a tuple."""
    for hook in hooks(code):
        if hook.kind != "forward" or isinstance(hook.function, ast.Lambda):
            continue
        unpacked = any(
            isinstance(each.targets[0], ast.Tuple)
            and any(isinstance(part, ast.Starred) for part in each.targets[0].elts)
            and is_name(each.value, hook.value)
            for each in within(hook.function, ast.Assign)
        )
        values = returned(hook.function)
        if not unpacked or not values or identifiers(hook.function) & {"isinstance", "is_tuple"}:
            continue
        for value in values:
            seen = code.value(value)
            whole = is_name(seen, hook.value) or code.is_call(seen, "tuple", "type", "replace")
            if isinstance(seen, ast.Call | ast.BinOp | ast.Name) and not whole:
                yield Hit(value)
