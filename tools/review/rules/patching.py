"""What a patch or an ablation replaces, and with what."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator, Sequence

from gadfly.tools.review.code.concepts import is_block
from gadfly.tools.review.code.hooking import Hook, hooked_names, hooks
from gadfly.tools.review.code.names import words
from gadfly.tools.review.code.nodes import constant, indices, is_full_slice, is_item_store, is_name
from gadfly.tools.review.code.walk import identifiers, inner, returned, run_side, within
from gadfly.tools.review.registry import Code, Hit, Hits, kept, rule


@rule("all-positions-patched", "warning")
def all_positions(code: Code) -> Hits:
    """A layer sweep that replaces the whole residual stream: every layer explains everything."""
    for hook in hooks(code):
        function = hook.function
        if hook.kind == "pre":
            continue
        whole: list[ast.AST] = [e for e in returned(function) if _whole_cache(code, e)]
        whole += [
            node
            for node in within(function, ast.Assign)
            if _replaces_all(node.targets[0], hook.value) and _whole_cache(code, node.value)
        ]
        other = None if whole else _kept_from_another_run(code, hook)
        if other is not None and is_block(code, hook.site):
            kept = "h[:, position] = kept[layer][:, position]"
            yield Hit(other, repair=f"patch one position: {kept}")
        elif whole and any("resid" in each for each in hooked_names(code, function)):
            cached = "resid[:, position] = cache[hook.name][:, position]"
            yield Hit(whole[-1], repair=f"patch one position: {cached}")


def _replaces_all(target: ast.AST, name: str = "") -> bool:
    """``h[:]`` or ``h[...]``, of this name or of any."""
    return (
        isinstance(target, ast.Subscript)
        and (not name or is_name(target.value, name))
        and all(is_full_slice(each) or constant(each) is Ellipsis for each in indices(target))
    )


def _kept_from_another_run(code: Code, hook: Hook) -> ast.AST | None:
    """``h[:] = kept[i]``, where a second hook filled ``kept`` with the outputs of blocks."""
    fillers = _fillers(code)
    for node in within(hook.function, ast.Assign):
        value = node.value
        if (
            _replaces_all(node.targets[0])
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
            name = each.value if is_item_store(each) else None
            if isinstance(name, ast.Name) and name.id != hook.value:
                found[name.id].add(hook.function)
    return found


def _whole_cache(code: Code, node: ast.AST | None) -> bool:
    """A whole activation out of a cache, not a part of it."""
    if code.is_call(node, "to", "clone"):
        return _whole_cache(code, code.op(node).x)
    return (
        isinstance(node, ast.Subscript)
        and isinstance(node.value, ast.Name)
        and "cache" in words(node.value.id)
        and not any(isinstance(each, ast.Slice) for each in indices(node))
    )


@rule("prompts-of-different-length", "warning")
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


@rule("mean-ablation-without-axis", "error")
def mean_without_axis(code: Code) -> Hits:
    """``z[:, :, head] = z[:, :, head].mean()``: one number for every coordinate."""
    for hook in hooks(code):
        for node in within(hook.function, ast.Assign):
            target, value = node.targets[0], node.value
            if code.is_call(value, "mean") and isinstance(target, ast.Subscript):
                op = code.op(value)
                if not op.args and not op.kw and code.same(target, op.x):
                    yield Hit(node)


@rule("noise-redrawn-every-run", "error")
def noise_redrawn(code: Code) -> Hits:
    """A corruption hook that draws new noise on every forward pass of a comparison."""
    restoring = {"restore", "restored", "patch", "patched", "recover"}
    if not any(restoring & words(name) for name in code.idents if len(name) < 40):
        return
    for hook in hooks(code):
        body = list(inner(hook.function))
        draws = [each for each in body if code.is_call(each, *_DRAWS)]
        seeded = [each for each in body if code.is_call(each, "manual_seed", "default_rng", "seed")]
        if not draws:
            continue
        if seeded:
            guarded = any(isinstance(code.parents.get(each), ast.BoolOp) for each in seeded)
            if not guarded and not any(_tests(code, seeded)):
                continue
        elif any(any(within(each.test, ast.Compare, ast.UnaryOp)) for each in _tests(code, draws)):
            continue  # drawn once
        said = {word for name in identifiers(hook.function) for word in words(name)}
        corrupts = said & {"noise", "corrupt", "corrupted", "std", "sigma", "eps"}
        if corrupts or code.function_words(hook.function) & {"noise", "corrupt"}:
            yield Hit((seeded or draws)[0])


_DRAWS = ("randn", "randn_like", "normal", "normal_", "standard_normal")


def _tests(code: Code, calls: Sequence[ast.AST]) -> Iterator[ast.If]:
    """The ``if`` statements around some calls."""
    above = (each for call in calls for each in code.up(call))
    return (each for each in above if isinstance(each, ast.If))
