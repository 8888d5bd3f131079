"""Clean and corrupted runs: which is patched into which, and the sign and scale of what is measured."""

from __future__ import annotations

import ast

from gadfly.tools.review.code.concepts import is_forward, is_model
from gadfly.tools.review.code.hooking import runs_in
from gadfly.tools.review.code.names import CLEAN, CORRUPT, about, listed, words
from gadfly.tools.review.code.nodes import Function, is_name, parameters
from gadfly.tools.review.code.walk import run_side, within, word_set
from gadfly.tools.review.registry import Code, Hit, Hits, kept, rule

_RUNS = listed("run_with_cache run_with_hooks to_tokens forward trace invoke get_cache cache_run")


@kept
def _runs_inside(code: Code, function: ast.AST) -> bool:
    """Whether a function runs a model."""
    calls = (each for each in within(function, ast.Call))
    return any(is_forward(code, each) or code.op(each).name in _RUNS for each in calls)


@rule("clean-and-corrupt-swapped", "high")
def swapped(code: Code) -> Hits:
    """``_, clean_cache = model.run_with_cache(corrupted_tokens)``."""
    for assign in code.all(ast.Assign):
        value = assign.value
        while isinstance(value, ast.Subscript | ast.Attribute):
            value = value.value
        if not isinstance(value, ast.Call):
            continue
        op = code.op(value)
        run = op.name in _RUNS or is_model(code, value.func) or "tokenizer" in words(op.name)
        helper = code.definition(value.func)
        if helper is not None:
            run = run or _runs_inside(code, helper)
        if not run or not value.args:
            continue
        target, given = assign.targets[0], value.args[0]
        names = [each.id for each in within(target, ast.Name)]
        sides = {run_side(name) for name in names} - {None}
        given_side = run_side(given)
        if op.name == "run_with_hooks" or "patch" in word_set(target):
            continue
        if len(sides) == 1 and given_side is not None and given_side not in sides:
            yield Hit(assign, side=next(iter(sides)), given=given_side)
    yield from _swapped_arguments(code)


def _swapped_arguments(code: Code) -> Hits:
    """A call that hands two arguments over in each other's place."""
    pairs = ((CLEAN, CORRUPT),)
    for call in code.all(ast.Call):
        for given in call.keywords:
            side = run_side(given.value)
            mine = run_side(given.arg) if given.arg else None
            if (
                mine
                and side
                and mine != side
                and isinstance(given.value, ast.Name | ast.Attribute | ast.Subscript)
            ):
                if "base" in words(given.arg or ""):
                    continue
                yield Hit(given.value, "keyword", parameter=given.arg, given=side, side=mine)
        function = code.definition(call.func)
        if function is None or any(isinstance(each, ast.Starred) for each in call.args):
            continue
        names = parameters(function)
        matches: list[tuple[int, int]] = []
        for n, argument in enumerate(call.args[: len(names)]):
            text = argument.id if isinstance(argument, ast.Name) else ""
            if len(text) < 3 or text == names[n]:
                continue
            if text in names[: len(call.args)]:
                matches.append((n, names.index(text)))
            else:
                for one, other in pairs:
                    if about(text, one) and about(names[n], other) and not about(text, other):
                        matches.append((n, -1))
                    if about(text, other) and about(names[n], one) and not about(text, one):
                        matches.append((n, -1))
        crossed = any((b, a) in matches for a, b in matches if b >= 0)
        both = sum(b == -1 for _, b in matches) >= 2
        if crossed or both:
            yield Hit(call, "arguments", function=function.name, names=", ".join(names))


@rule("patch-into-same-run", "high")
def same_run(code: Code) -> Hits:
    """Clean activations patched into the clean run: nothing changes."""
    for op in code.ops("run_with_hooks"):
        given = op.arg(0, "input")
        side = run_side(given)
        fwd = op.arg(1, "fwd_hooks")
        if side is None or fwd is None:
            continue
        functions = _hook_functions(code, fwd)
        bound = _bound_caches(code, fwd)
        sources: list[str] = []
        for function in functions:
            for node in within(function, ast.Subscript):
                if "cache" in word_set(node.value):
                    name = node.value
                    text = code.unparsed(name)
                    if is_name(name, *parameters(function)):
                        text = bound.get(name.id, text)
                    sources.append(text)
        sides = {run_side(text) for text in sources} - {None}
        if sides == {side}:
            yield Hit(op.node, side=side)


def _hook_functions(code: Code, node: ast.AST) -> list[Function | ast.Lambda]:
    found: list[Function | ast.Lambda] = []
    for each in code.flow(node):
        if isinstance(each, ast.Tuple) and len(each.elts) == 2:
            found += runs_in(code, each.elts[1])
    return found


def _bound_caches(code: Code, node: ast.AST) -> dict[str, str]:
    """What partial(…, cache=x) binds."""
    return {
        each.arg: code.unparsed(each.value)
        for call in code.calls_in(node)
        if code.op(call).name == "partial"
        for each in call.keywords
        if each.arg
    }
