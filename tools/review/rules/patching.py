"""What a patch or an ablation replaces, and with what."""

from __future__ import annotations

import ast
from collections import defaultdict

from gadfly.tools.review.code.concepts import is_block
from gadfly.tools.review.code.hooking import Hook, hooked_names, hooks
from gadfly.tools.review.code.names import words
from gadfly.tools.review.code.nodes import constant, indices, is_full_slice, is_name
from gadfly.tools.review.code.walk import identifiers, inner, returned, run_side, within
from gadfly.tools.review.registry import Code, Hit, Hits, kept, rule


@rule("all-positions-patched", "medium")
def all_positions(code: Code) -> Hits:
    """A layer sweep that replaces the whole residual stream: every layer explains everything."""
    for hook in hooks(code):
        function = hook.function
        if hook.kind == "pre":
            continue
        whole: ast.AST | None = None
        for node in returned(function):
            if _whole_cache(code, node, hook.value):
                whole = node
        for node in within(function, ast.Assign):
            if isinstance(node.targets[0], ast.Subscript):
                target = node.targets[0]
                if (
                    is_name(target.value, hook.value)
                    and all(is_full_slice(e) or constant(e) is Ellipsis for e in indices(target))
                    and _whole_cache(code, node.value, hook.value)
                ):
                    whole = node
        if whole is None:
            whole = _kept_from_another_run(code, hook)
            if whole is not None and is_block(code, hook.site) and hook.site is not None:
                yield Hit(
                    whole, repair="patch one position: h[:, position] = kept[layer][:, position]"
                )
            continue
        names = hooked_names(code, function)
        if any("resid" in each for each in names):
            yield Hit(
                whole,
                repair="patch one position: resid[:, position] = cache[hook.name][:, position]",
            )


def _kept_from_another_run(code: Code, hook: Hook) -> ast.AST | None:
    """``h[:] = kept[i]``, where a second hook filled ``kept`` with the outputs of blocks."""
    fillers = _fillers(code)
    for node in inner(hook.function):
        if not (isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Subscript)):
            continue
        target, value = node.targets[0], node.value
        if (
            all(is_full_slice(each) or constant(each) is Ellipsis for each in indices(target))
            and isinstance(value, ast.Subscript)
            and isinstance(value.value, ast.Name)
            and fillers.get(value.value.id, set()) - {hook.function}
            and not any(isinstance(each, ast.Slice) for each in indices(value))
        ):
            return node
    return None


@kept
def _fillers(code: Code) -> dict[str, set[ast.AST]]:
    """The forward hooks that write into an item of a name other than their activation's, by the name."""
    found: dict[str, set[ast.AST]] = defaultdict(set)
    for hook in hooks(code):
        for each in inner(hook.function) if hook.kind == "forward" else ():
            if (
                isinstance(each, ast.Subscript)
                and isinstance(each.ctx, ast.Store)
                and isinstance(each.value, ast.Name)
                and each.value.id != hook.value
            ):
                found[each.value.id].add(hook.function)
    return found


def _whole_cache(code: Code, node: ast.AST, value: str) -> bool:
    if code.is_call(node, "to", "clone"):
        inside = code.op(node).x
        return inside is not None and _whole_cache(code, inside, value)
    return (
        isinstance(node, ast.Subscript)
        and isinstance(node.value, ast.Name)
        and "cache" in words(node.value.id)
        and not isinstance(node.slice, ast.Slice)
        and not any(isinstance(each, ast.Slice) for each in indices(node))
    )


@rule("prompts-of-different-length", "medium")
def different_length(code: Code) -> Hits:
    """Clean and corrupted literals with a different number of words, patched position by position."""
    if code.mentions("assert", "pad", "padding") or code.all(ast.Assert):
        return
    found: dict[str, tuple[str, ast.Assign]] = {}
    for assign in code.all(ast.Assign):
        target = assign.targets[0]
        text = constant(assign.value)
        if isinstance(target, ast.Name) and isinstance(text, str):
            side = run_side(target.id)
            if side and "prompt" in words(target.id) and " " in text.strip():
                found[side] = (text, assign)
    if len(found) < 2:
        return
    clean, corrupt = found["clean"][0], found["corrupt"][0]
    by_position = any(
        isinstance(node.ctx, ast.Store)
        and len(indices(node)) >= 2
        and isinstance(indices(node)[1], ast.Name)
        for node in code.all(ast.Subscript)
    )
    lengths_checked = any("shape" in identifiers(each) for each in code.all(ast.Compare))
    if abs(len(clean.split()) - len(corrupt.split())) >= 1 and by_position and not lengths_checked:
        yield Hit(found["corrupt"][1])


@rule("mean-ablation-without-axis", "high")
def mean_without_axis(code: Code) -> Hits:
    """``z[:, :, head] = z[:, :, head].mean()``: one number for every coordinate."""
    for hook in hooks(code):
        for node in within(hook.function, ast.Assign):
            value = node.value
            if not code.is_call(value, "mean"):
                continue
            op = code.op(value)
            if op.args or op.kw or op.x is None or not isinstance(node.targets[0], ast.Subscript):
                continue
            if code.same(node.targets[0], op.x):
                yield Hit(node)


@rule("noise-redrawn-every-run", "high")
def noise_redrawn(code: Code) -> Hits:
    """A corruption hook that draws new noise on every forward pass of a comparison."""
    restores = any(
        {"restore", "restored", "patch", "patched", "recover"} & words(name)
        for name in code.idents
        if len(name) < 40
    )
    if not restores:
        return
    for hook in hooks(code):
        draws = [
            call
            for call in inner(hook.function)
            if code.is_call(call, "randn", "randn_like", "normal", "normal_", "standard_normal")
        ]
        if not draws:
            continue
        seeded = [
            each
            for each in inner(hook.function)
            if code.is_call(each, "manual_seed", "default_rng", "seed")
        ]
        guarded = any(isinstance(code.parents.get(each), ast.BoolOp) for each in seeded) or any(
            isinstance(above, ast.If)
            for each in seeded
            for above in code.up(each)
            if above is not hook.function
        )
        if seeded and not guarded:
            continue
        drawn_once = (
            any(
                isinstance(above, ast.If) and any(within(above.test, ast.Compare, ast.UnaryOp))
                for call in draws
                for above in code.up(call)
                if above is not hook.function
            )
            and not seeded
        )
        if drawn_once:
            continue
        corrupts = {"noise", "corrupt", "corrupted", "std", "sigma", "eps"} & {
            word for name in identifiers(hook.function) for word in words(name)
        }
        owner = code.function(hook.function)
        if not corrupts and not (owner and words(owner.name) & {"noise", "corrupt"}):
            continue
        yield Hit(seeded[0] if seeded else draws[0])
