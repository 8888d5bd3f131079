"""Steering hooks: how often a vector is added, and to which steps of a generation."""

from __future__ import annotations

import ast
from bisect import bisect_right

from gadfly.tools.review.code.hooking import hooks, touches_model, traces
from gadfly.tools.review.code.names import VECTOR_WORDS, listed, words
from gadfly.tools.review.code.nodes import (
    indices,
    integer,
    is_attribute,
    is_binary,
    is_full_slice,
    is_item_store,
    is_name,
    position,
    truth,
)
from gadfly.tools.review.code.walk import identifiers, inner, names_in, within, word_set
from gadfly.tools.review.registry import Code, Hit, Hits, rule

_REGISTERS = ("register_forward_hook", "register_forward_pre_hook", "add_hook")


@rule("vector-added-twice", "error")
def added_twice(code: Code) -> Hits:
    """In place and again in the returned value, or the same hook registered twice."""
    for hook in hooks(code):
        function = hook.function
        if isinstance(function, ast.Lambda):
            continue
        added: list[tuple[str, ast.AST]] = []
        for node in inner(function, nested=False):
            if isinstance(node, ast.AugAssign) and isinstance(node.op, ast.Add):
                added.append((_vector_text(code, node.value), node))
            elif code.is_call(node, "add_") and node.args:
                added.append((_vector_text(code, node.args[0]), node))
            elif is_binary(node, ast.Add):
                added.append((_vector_text(code, node.right), node))
        for n, (text, node) in enumerate(added):
            for other in (each for same, each in added[:n] if text and same == text):
                if not code.other_arm(node, other) and not _returns_between(code, other, node):
                    yield Hit(node, vector=text)
                    break
    for trace in traces(code):
        edits: dict[tuple[str, str], ast.AST] = {}
        for statement in trace.block.body:
            target: ast.AST | None = None
            if isinstance(statement, ast.AugAssign) and isinstance(statement.op, ast.Add):
                target, addend = statement.target, statement.value
            elif (
                isinstance(statement, ast.Assign)
                and is_binary(statement.value, ast.Add)
                and code.same(_whole(statement.targets[0]), _whole(statement.value.left))
            ):
                target, addend = statement.targets[0], statement.value.right
            if target is None or not touches_model(code, target):
                continue
            what = code.unparsed(_whole(target)), code.unparsed(addend)
            if what in edits:
                yield Hit(statement, "trace", vector=what[1], target=what[0])
            edits[what] = statement
    seen: dict[tuple[str, str, object], ast.AST] = {}
    for call in code.all(ast.Call):
        if not is_attribute(call.func, *_REGISTERS) or not call.args:
            continue
        statement = code.statement(call)
        key = (code.unparsed(call.func.value), code.unparsed(call), code.parents.get(statement))
        same_line = key in seen and code.statement(seen[key]) is statement
        if key in seen and not same_line and not _removed_between(code, seen[key], call):
            yield Hit(call, "hook")
        seen[key] = call


def _whole(node: ast.AST) -> ast.AST:
    """``x`` of ``x[:]``."""
    return node.value if isinstance(node, ast.Subscript) and is_full_slice(node.slice) else node


def _vector_text(code: Code, node: ast.AST) -> str:
    """The text of what is added, where it is called like a vector; else empty."""
    said = {w for each in names_in(node) for w in words(each)}
    if not said & (VECTOR_WORDS | {"steering", "noise", "bias", "delta"}):
        return ""
    return code.unparsed(node).removesuffix(".to(output)").removesuffix(".to(resid)")


def _returns_between(code: Code, one: ast.AST, other: ast.AST) -> bool:
    block = code.statement(one)
    if isinstance(block, ast.Return):
        return True
    above = code.parents.get(block)
    body = getattr(above, "body", [])
    return any(
        isinstance(each, ast.Return)
        and position(one) < position(each) < position(code.statement(other))
        for each in body
    )


def _removed_between(code: Code, one: ast.AST, other: ast.AST) -> bool:
    found = code.ops("remove", "reset_hooks", "remove_all_hooks")
    first = bisect_right(found, position(one), key=lambda op: position(op.node))
    return first < len(found) and position(found[first].node) < position(other)


@rule("steering-first-step-only", "error")
def first_step_only(code: Code) -> Hits:
    """nnsight: an edit inside generate() without an iteration over steps."""
    for trace in traces(code):
        if trace.kind != "generate":
            continue
        named = (k for k in trace.call.keywords if k.arg in ("max_new_tokens", "max_length"))
        tokens = next((each.value for each in named), None)
        if tokens is None or integer(tokens) == 1:
            continue
        if any(is_attribute(each, "iter", "all", "next") for each in inner(trace.block)):
            continue
        for node in inner(trace.block):
            target: ast.AST | None = None
            if isinstance(node, ast.Assign):
                target = node.targets[0]
            elif isinstance(node, ast.AugAssign):
                target = node.target
            elif isinstance(node, ast.Call) and is_attribute(node.func, "steer"):
                target = node.func
            text = code.unparsed(target)
            if any(each in text for each in _MODULE_VALUES):
                yield Hit(node)
                break


_MODULE_VALUES = listed(".output .input layers_output mlps_output attentions_output .steer")


@rule("position-under-kv-cache", "error")
def kv_cache(code: Code) -> Hits:
    """A hook that slices from a prompt position, while generation feeds one token per step."""
    if not any(code.ops("generate")):
        return
    if any(
        each.arg == "use_cache" and truth(each.value) is False for each in code.all(ast.keyword)
    ):
        return
    for hook in hooks(code):
        if hook.kind == "lens" and not code.mentions("generate"):
            continue
        function = hook.function
        tracked = listed("cache_position step offset seen past position_ids n_seen nonlocal") & {
            w for name in identifiers(function) for w in (name, *words(name))
        }
        if tracked or any(within(function, ast.Nonlocal, ast.Global)):
            continue
        if any(
            integer(each.comparators[0]) == 1 and _is_length(code, each.left)
            for each in within(function, ast.Compare)
        ):
            continue  # knows the cached step
        for node in inner(function):
            if _cuts_from_prompt(code, node) or _compares_prompt(code, node):
                yield Hit(node)
                break


def _cuts_from_prompt(code: Code, node: ast.AST) -> bool:
    """``resid[:, start:] += v``"""
    part = indices(node)[1] if isinstance(node, ast.Subscript) and len(indices(node)) >= 2 else None
    if not isinstance(part, ast.Slice) or part.upper is not None:
        return False
    written = is_item_store(node) or isinstance(code.parents.get(node), ast.AugAssign)
    named = isinstance(part.lower, ast.Name | ast.Attribute | ast.BinOp)
    return written and named and _is_prompt_position(part.lower)


def _compares_prompt(code: Code, node: ast.AST) -> bool:
    """``resid.shape[1] > prompt_length``"""
    if not isinstance(node, ast.Compare) or len(node.comparators) != 1:
        return False
    sides = [node.left, node.comparators[0]]
    others = [each for each in sides if not _is_length(code, each)]
    if len(others) != 1 or not isinstance(others[0], ast.Name | ast.Attribute):
        return False
    return _is_prompt_position(others[0])


def _is_length(code: Code, node: ast.AST) -> bool:
    value = code.value(node)
    if code.is_call(value, "arange") and len(value.args) == 1:
        value = code.value(value.args[0])
    if isinstance(value, ast.Subscript) and isinstance(value.value, ast.Call):
        value = value.value
    return code.unparsed(value).endswith((".shape[1]", ".size(1)", ".shape[-2]", ".size(-2)"))


def _is_prompt_position(node: ast.AST | None) -> bool:
    said = listed("start prompt pos position n_prompt from begin instruction offset prefix after")
    return bool(word_set(node) & said)


@rule("norm-of-the-whole-batch", "warning")
def batch_norm(code: Code) -> Hits:
    """``alpha * h.norm() * v`` in a hook: the norm of all tokens together."""
    for hook in hooks(code):
        for node in inner(hook.function):
            if not code.is_call(node, "norm") or not is_binary(code.parents.get(node), ast.Mult):
                continue
            op = code.op(node)
            if op.args or op.kw or not isinstance(op.x, ast.Name):
                continue
            flow = code.flow(op.x)
            cut = any(isinstance(e, ast.Subscript) and len(indices(e)) > 1 for e in flow)
            if not cut and any(is_name(each, hook.value) for each in flow):
                yield Hit(node)
