"""transformers' hidden_states: one longer than the blocks, and normalised at its end."""

from __future__ import annotations

import ast

from gadfly.tools.review.code.concepts import is_block
from gadfly.tools.review.code.hooking import hooks
from gadfly.tools.review.code.names import words
from gadfly.tools.review.code.nodes import integer, is_attribute, is_name
from gadfly.tools.review.code.walk import inner
from gadfly.tools.review.registry import Code, Hit, Hits, kept, rule


@rule("hidden-states-off-by-one", "high")
def off_by_one(code: Code) -> Hits:
    """hidden_states[i] is the input of block i, not its output."""
    yield from _beside_output(code)
    for call in code.all(ast.Call):
        if not is_attribute(call.func, "register_forward_hook"):
            continue
        site = code.value(call.func.value)
        if not (isinstance(site, ast.Subscript) and call.args):
            continue
        layer = code.unparsed(site.slice)
        if not isinstance(site.slice, ast.Name | ast.Constant):
            continue
        if not code.unparsed(site.value).endswith(("layers", ".h", "blocks")):
            continue
        for entry in _entries(code, call.args[0]):
            if code.unparsed(entry.slice) == layer:
                yield Hit(entry, repair=f"hidden_states[{layer} + 1]")
                break
    # A vector read at hidden_states[layer], added by a hook on layers[layer] in another function.
    for node in code.all(ast.Subscript):
        base = code.value(node.value)
        if not is_attribute(base, "hidden_states"):
            continue
        if not isinstance(node.slice, ast.Name | ast.Constant) or integer(node.slice) in (-1, 0):
            continue
        text = code.unparsed(node.slice)
        said = words(text)
        if not (said & {"layer", "l"} or integer(node.slice) is not None):
            continue
        if text in _hooked_layers(code):
            yield Hit(node, repair=f"hidden_states[{text} + 1]")


@kept
def _hooked_layers(code: Code) -> frozenset[str]:
    """The indices of the blocks that a forward hook is put on."""
    sites = (code.value(op.x) for op in code.ops("register_forward_hook"))
    return frozenset(
        code.unparsed(site.slice)
        for site in sites
        if isinstance(site, ast.Subscript)
        and code.unparsed(site.value).endswith(("layers", ".h", "blocks"))
    )


def _beside_output(code: Code) -> Hits:
    """``hidden_states[layer] - captured[layer]`` where a hook captured the outputs of the blocks."""
    outputs = {
        each.value.id
        for hook in hooks(code)
        if hook.kind == "forward"
        for each in inner(hook.function)
        if isinstance(each, ast.Subscript)
        and isinstance(each.ctx, ast.Store)
        and isinstance(each.value, ast.Name)
        and each.value.id != hook.value
    }
    if not outputs or not any(is_block(code, op.x) for op in code.ops("register_forward_hook")):
        return
    pairs = [
        (each.left, each.right) for each in code.all(ast.BinOp) if isinstance(each.op, ast.Sub)
    ]
    pairs += [
        (op.x, op.args[0])
        for op in code.ops("allclose", "assert_close", "mse_loss", "cosine_similarity", "equal")
        if op.x is not None and op.args
    ]
    for pair in pairs:
        for one, other in (pair, pair[::-1]):
            state, kept = _outermost(code, one), _outermost(code, other)
            if (
                state is not None
                and kept is not None
                and getattr(code.value(state.value), "attr", "") == "hidden_states"
                and is_name(kept.value, *outputs)
                and code.same(state.slice, kept.slice)
            ):
                yield Hit(state, repair="hidden_states[layer + 1]")


def _outermost(code: Code, node: ast.AST) -> ast.Subscript | None:
    """The first subscript of a chain: ``states[i]`` of ``states[i][:, -1].float()``."""
    found: ast.Subscript | None = None
    current = code.value(node)
    while True:
        if isinstance(current, ast.Subscript):
            found, current = current, current.value
            if isinstance(current, ast.Name):
                value = code.value(current)
                if not isinstance(value, ast.Subscript):
                    return found
                current = value
        elif isinstance(current, ast.Call) and code.op(current).x is not current:
            current = code.op(current).x
        else:
            return found


def _entries(code: Code, node: ast.AST) -> list[ast.Subscript]:
    return [
        each
        for each in code.flow(node)
        if isinstance(each, ast.Subscript)
        and isinstance(code.value(each.value), ast.Attribute)
        and getattr(code.value(each.value), "attr", "") == "hidden_states"
        and not isinstance(each.slice, ast.Slice)
    ]


@rule("last-hidden-state-is-normed", "medium")
def last_is_normed(code: Code) -> Hits:
    """Differences of neighbouring hidden states that include the normalised last one."""
    for node in code.binary(ast.Sub):
        left, right = node.left, node.right
        while isinstance(left, ast.Subscript) and isinstance(left.value, ast.Subscript):
            left = left.value
        while isinstance(right, ast.Subscript) and isinstance(right.value, ast.Subscript):
            right = right.value
        if not (isinstance(left, ast.Subscript) and isinstance(right, ast.Subscript)):
            continue
        bases = [code.value(each.value) for each in (left, right)]
        if not all(is_attribute(b, "hidden_states") for b in bases):
            continue
        if code.unparsed(left.slice) != f"{code.unparsed(right.slice)} + 1":
            continue
        index = right.slice
        if not isinstance(index, ast.Name):
            continue
        found = code.binding(index)
        over = code.unparsed(found.value) if found is not None and found.value is not None else ""
        if "- 2" in over:
            continue
        if ("len(" in over and "- 1" in over) or (
            "- 1" not in over
            and any(
                each in over for each in ("n_layers", "num_hidden_layers", "num_layers", "layers)")
            )
        ):
            yield Hit(node)


@rule("normed-state-called-residual", "medium")
def called_residual(code: Code) -> Hits:
    """hidden_states[-1] under a name or docstring that speaks of the residual stream."""
    for node in code.all(ast.Subscript):
        base = code.value(node.value)
        if not is_attribute(base, "hidden_states") or integer(node.slice) != -1:
            continue
        function = code.function(node)
        document = (ast.get_docstring(function) or "").lower() if function is not None else ""
        said = code.context(node)
        if (
            said & {"resid", "residual", "prenorm"}
            or "before the final norm" in document
            or "residual stream after the last" in document
        ):
            yield Hit(node)
