"""What a module returns: a tensor or a tuple, before or after heads are mixed."""

from __future__ import annotations

import ast

from gadfly.tools.review.code.hooking import hooks
from gadfly.tools.review.code.nodes import indices, integer, is_attribute, is_name
from gadfly.tools.review.code.walk import identifiers, inner, returned, within
from gadfly.tools.review.registry import Code, Hit, Hits, rule


@rule("head-slice-of-mixed-output", "high")
def mixed_heads(code: Code) -> Hits:
    """Heads cut out of the attention module's output, where o_proj has already mixed them."""
    for hook in hooks(code):
        site = code.value(hook.site)
        if hook.kind != "forward" or not isinstance(site, ast.Attribute):
            continue
        if site.attr not in ("self_attn", "attn", "attention", "self_attention"):
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
        return bool(
            {"n_heads", "num_heads", "n_head", "num_attention_heads"} & identifiers(node)
        ) and any(each in text for each in ("head_dim", "d_head", "-1", "head_size"))
    if isinstance(node, ast.Subscript):
        parts = indices(node)
        last = parts[-1]
        return (
            len(parts) >= 2
            and isinstance(last, ast.Slice)
            and last.lower is not None
            and bool({"head_dim", "d_head", "head_size", "hd", "dh"} & identifiers(last.lower))
        )
    return False


@rule("block-output-zero", "medium")
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
        for node in inner(hook.function):
            if (
                isinstance(node, ast.Subscript)
                and is_name(node.value, hook.value)
                and integer(node.slice) == 0
            ):
                yield Hit(node, "hook")
                break
    for subscript in code.all(ast.Subscript):
        base = subscript.value
        if not is_attribute(base, "output"):
            continue
        if integer(subscript.slice) != 0 or not code.imports_from("nnsight", "nnterp"):
            continue
        if not _returns_tensor(code, base.value):
            continue
        if code.mentions("isinstance") or code.uses_text("vllm"):
            continue
        yield Hit(subscript)


def _returns_tensor(code: Code, site: ast.AST | None) -> bool:
    if isinstance(site, ast.Attribute):
        return site.attr in ("mlp", "feed_forward", "ffn")
    if isinstance(site, ast.Subscript):
        site = site.value
        return is_attribute(site, "layers", "h", "blocks")
    if isinstance(site, ast.Name):
        found = code.binding(site)
        if found is None:
            return False
        if found.kind == "for" and isinstance(found.value, ast.AST):
            over: ast.AST | None = found.value
            if code.is_call(over, "enumerate"):
                over = code.op(over).x
            return is_attribute(over, "layers", "h", "blocks")
        value = code.value(site)
        return value is not site and _returns_tensor(code, value)
    return False


@rule("hook-drops-the-tuple", "high")
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
            if isinstance(seen, ast.Call | ast.BinOp | ast.Name) and not isinstance(
                seen, ast.Tuple
            ):
                if is_name(seen, hook.value):
                    continue
                if code.is_call(seen, "tuple", "type", "replace"):
                    continue
                yield Hit(value)
