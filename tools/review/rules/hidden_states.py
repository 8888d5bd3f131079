"""transformers' hidden_states: one longer than the blocks, and normalised at its end."""

from __future__ import annotations

import ast

from gadfly.tools.review.code.concepts import is_block
from gadfly.tools.review.code.flow import LONGEST_CHAIN
from gadfly.tools.review.code.hooking import hooks
from gadfly.tools.review.code.names import words
from gadfly.tools.review.code.nodes import integer, is_attribute, is_item_store, is_name
from gadfly.tools.review.code.walk import inner
from gadfly.tools.review.registry import Code, Hit, Hits, kept, rule


@rule("hidden-states-off-by-one", "error")
def off_by_one(code: Code) -> Hits:
    """hidden_states[i] is the input of block i, not its output."""
    yield from _beside_output(code)
    for call in code.all(ast.Call):
        if not is_attribute(call.func, "register_forward_hook"):
            continue
        site = _block(code, call.func.value)
        if site is None or not call.args or not isinstance(site.slice, ast.Name | ast.Constant):
            continue
        layer = code.unparsed(site.slice)
        for entry in _entries(code, call.args[0]):
            if code.unparsed(entry.slice) == layer:
                yield Hit(entry, repair=f"hidden_states[{layer} + 1]")
                break
    # A vector read at hidden_states[layer], added by a hook on layers[layer] in another function.
    for node in code.all(ast.Subscript):
        if not _is_states(code, node.value):
            continue
        if not isinstance(node.slice, ast.Name | ast.Constant) or integer(node.slice) in (-1, 0):
            continue
        text = code.unparsed(node.slice)
        numbered = words(text) & {"layer", "l"} or integer(node.slice) is not None
        if numbered and text in _hooked_layers(code):
            yield Hit(node, repair=f"hidden_states[{text} + 1]")


def _block(code: Code, node: ast.AST | None) -> ast.Subscript | None:
    """``layers[i]`` behind an expression."""
    value = code.value(node)
    if not isinstance(value, ast.Subscript):
        return None
    return value if code.unparsed(value.value).endswith(("layers", ".h", "blocks")) else None


@kept
def _hooked_layers(code: Code) -> frozenset[str]:
    """The indices of the blocks that a forward hook is put on."""
    sites = (_block(code, op.x) for op in code.ops("register_forward_hook"))
    return frozenset(code.unparsed(site.slice) for site in sites if site is not None)


def _beside_output(code: Code) -> Hits:
    """``hidden_states[layer] - captured[layer]`` where a hook captured the outputs of the blocks."""
    outputs = {
        each.value.id
        for hook in hooks(code)
        if hook.kind == "forward"
        for each in inner(hook.function)
        if is_item_store(each) and isinstance(each.value, ast.Name) and each.value.id != hook.value
    }
    if not outputs or not any(is_block(code, op.x) for op in code.ops("register_forward_hook")):
        return
    pairs = [(each.left, each.right) for each in code.binary(ast.Sub)]
    compared = code.ops("allclose", "assert_close", "mse_loss", "cosine_similarity", "equal")
    pairs += [(op.x, op.args[0]) for op in compared if op.x is not None and op.args]
    for pair in pairs:
        for one, other in (pair, pair[::-1]):
            state, output = _outermost(code, one), _outermost(code, other)
            if state is None or output is None or not code.same(state.slice, output.slice):
                continue
            if is_name(output.value, *outputs) and _is_states(code, state.value):
                yield Hit(state, repair="hidden_states[layer + 1]")


def _is_states(code: Code, node: ast.AST) -> bool:
    return is_attribute(code.value(node), "hidden_states")


def _outermost(code: Code, node: ast.AST) -> ast.Subscript | None:
    """The first subscript of a chain: ``states[i]`` of ``states[i][:, -1].float()``."""
    found: ast.Subscript | None = None
    current = code.value(node)
    for _ in range(LONGEST_CHAIN):
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
            break
    return found


def _entries(code: Code, node: ast.AST) -> list[ast.Subscript]:
    return [
        each
        for each in code.flow(node)
        if isinstance(each, ast.Subscript)
        and _is_states(code, each.value)
        and not isinstance(each.slice, ast.Slice)
    ]


@rule("last-hidden-state-is-normed", "warning")
def last_is_normed(code: Code) -> Hits:
    """Differences of neighbouring hidden states that include the normalised last one."""
    for node in code.binary(ast.Sub):
        left, right = _first_subscript(node.left), _first_subscript(node.right)
        if left is None or right is None or not isinstance(right.slice, ast.Name):
            continue
        if not (_is_states(code, left.value) and _is_states(code, right.value)):
            continue
        if code.unparsed(left.slice) != f"{right.slice.id} + 1":
            continue
        found = code.binding(right.slice)
        over = code.unparsed(found.value) if found is not None else ""
        counts = ("n_layers", "num_hidden_layers", "num_layers", "layers)")
        lengths = ("len(",) if "- 1" in over else counts
        if "- 2" not in over and any(each in over for each in lengths):
            yield Hit(node)


def _first_subscript(node: ast.AST) -> ast.Subscript | None:
    """``x[i]`` of ``x[i][:, -1]``."""
    while isinstance(node, ast.Subscript) and isinstance(node.value, ast.Subscript):
        node = node.value
    return node if isinstance(node, ast.Subscript) else None


@rule("normed-state-called-residual", "warning")
def called_residual(code: Code) -> Hits:
    """hidden_states[-1] under a name or docstring that speaks of the residual stream."""
    for node in code.all(ast.Subscript):
        if not _is_states(code, node.value) or integer(node.slice) != -1:
            continue
        document = code.docstring(code.function(node)).lower()
        stated = ("before the final norm", "residual stream after the last")
        said = code.context(node) & {"resid", "residual", "prenorm"}
        if said or any(each in document for each in stated):
            yield Hit(node)
