"""Clean and corrupted runs: which is patched into which, and the sign and scale of what is measured."""

from __future__ import annotations

import ast

from gadfly.tools.review.code.concepts import is_forward, is_model, value_kind
from gadfly.tools.review.code.hooking import runs_in
from gadfly.tools.review.code.names import CLEAN, CORRUPT, RIGHT, WRONG, about, listed, words
from gadfly.tools.review.code.nodes import Function, indices, is_binary, is_name, parameters
from gadfly.tools.review.code.walk import identifiers, run_side, within, word_set
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


@rule("recovery-baseline-swapped", "high")
def recovery(code: Code) -> Hits:
    """(x - clean) / (clean - corrupted): zero point and denominator do not fit."""
    for node in code.binary(ast.Div):
        above, below = _bare(code, node.left), _bare(code, node.right)
        if not (is_binary(above, ast.Sub) and is_binary(below, ast.Sub)):
            continue
        zero, one, base = run_side(above.right), run_side(below.left), run_side(below.right)
        if zero is None or one is None or base is None or one == base or run_side(above.left):
            continue
        if zero != base:
            yield Hit(node, zero_run=zero, divisor_run=base)
    for node in code.binary(ast.Sub):
        # a / b - c without parentheses, where a, b - c are the runs
        inside = node.left
        if not (is_binary(inside, ast.Div) and is_binary(inside.left, ast.Sub)):
            continue
        if {run_side(inside.right), run_side(node.right)} == {"clean", "corrupt"}:
            yield Hit(node, "parentheses")


def _bare(code: Code, node: ast.AST) -> ast.AST | None:
    value = code.value(node)
    if code.is_call(value, *listed("abs item max clamp float")):
        return _bare(code, code.op(value).x or value) if code.op(value).x is not value else value
    return value


@rule("recovered-is-lost", "high")
def recovered(code: Code) -> Hits:
    """(patched - clean) / (ablated - clean), called recovered: it is the share that is lost."""
    for node in code.binary(ast.Div):
        above, below = _bare(code, node.left), _bare(code, node.right)
        if not (is_binary(above, ast.Sub) and is_binary(below, ast.Sub)):
            continue
        if not code.same(above.right, below.right) or run_side(above.left):
            continue
        full = word_set(above.right)
        if not full & _FULL or word_set(above.left) & _FULL:
            continue
        around = code.parents.get(node)
        if is_binary(around, ast.Sub) and around.right is node:
            continue  # 1 - …
        said = code.called(node)
        if said & {"recovered", "recovery", "recover", "faithfulness"} and not said & {
            "lost",
            "error",
        }:
            yield Hit(node)


_FULL = frozenset({"clean", "original", "orig", "full", "base", "baseline"})


@rule("logit-difference-sign", "high")
def logit_sign(code: Code) -> Hits:
    """A logit difference that subtracts the right answer from the wrong one."""
    for node in code.binary(ast.Sub):
        function = code.function(node)
        statement = code.statement(node)
        names = word_set(statement.targets[0]) if isinstance(statement, ast.Assign) else frozenset()
        if function is not None:
            names |= words(function.name)
        if not ({"diff", "difference", "ld", "metric", "score", "margin"} & names):
            continue
        if names & WRONG - {"s", "false", "bad"}:
            continue
        left, right = _picked(code, node.left), _picked(code, node.right)
        if left is None or right is None:
            continue
        left_wrong = about(left, WRONG - {"s"}) and not about(left, RIGHT)
        right_right = about(right, RIGHT) and not about(right, WRONG)
        if not (left_wrong and right_right):
            continue
        text = (ast.get_docstring(function) or "").lower() if function is not None else ""
        if (
            "incorrect -" in text
            or "wrong -" in text
            or "incorrect minus" in text
            or "wrong minus" in text
        ):
            continue
        if code.function(node) and "loss" in names:
            continue
        yield Hit(node)


def _picked(code: Code, node: ast.AST) -> str | None:
    """The name that says which answer an expression is about."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Subscript):
        last = indices(node)[-1]
        names = identifiers(last) - {"self"}
        if names:
            return "_".join(sorted(names))
        return _picked(code, node.value)
    if isinstance(node, ast.Call):
        op = code.op(node)
        if op.name == "gather" and op.args:
            return code.unparsed(op.args[-1])
        return _picked(code, op.x) if op.x is not None and op.x is not node else None
    return None


@rule("probability-called-logit", "medium")
def probability_difference(code: Code) -> Hits:
    """A logit difference taken of softmax probabilities."""
    for node in code.binary(ast.Sub):
        if not (isinstance(node.left, ast.Subscript) and isinstance(node.right, ast.Subscript)):
            continue
        if not code.same(node.left.value, node.right.value):
            continue
        said = code.context(node)
        if ("logit" in said and not said & {"prob", "probs", "probability"}) and (
            value_kind(code, node.left.value) == "prob"
        ):
            yield Hit(node)
