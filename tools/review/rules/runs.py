"""Clean and corrupted runs: which is patched into which, and the sign and scale of what is measured."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from gadfly.tools.review.code.concepts import is_forward, is_model, value_kind
from gadfly.tools.review.code.hooking import runs_in
from gadfly.tools.review.code.names import CLEAN, CORRUPT, RIGHT, WRONG, about, listed, words
from gadfly.tools.review.code.nodes import indices, is_binary, is_name, parameters
from gadfly.tools.review.code.walk import identifiers, names_in, run_side, within, word_set
from gadfly.tools.review.registry import Code, Hit, Hits, kept, rule

_RUNS = listed("run_with_cache run_with_hooks to_tokens forward trace invoke get_cache cache_run")


@kept
def _runs_inside(code: Code, function: ast.AST) -> bool:
    """Whether a function runs a model."""
    calls = (each for each in within(function, ast.Call))
    return any(is_forward(code, each) or code.op(each).name in _RUNS for each in calls)


@rule("clean-and-corrupt-swapped", "error")
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
        run = run or (helper is not None and _runs_inside(code, helper))
        if not run or not value.args or op.name == "run_with_hooks":
            continue
        target, given = assign.targets[0], run_side(value.args[0])
        sides = {run_side(name) for name in names_in(target)} - {None}
        if len(sides) == 1 and given not in (None, *sides) and "patch" not in word_set(target):
            yield Hit(assign, side=min(filter(None, sides)), given=given)
    yield from _swapped_arguments(code)


def _swapped_arguments(code: Code) -> Hits:
    """A call that hands two arguments over in each other's place."""
    for call in code.all(ast.Call):
        for given in call.keywords:
            side, mine = run_side(given.value), run_side(given.arg)
            if not (side and mine) or side == mine or "base" in words(given.arg or ""):
                continue
            if isinstance(given.value, ast.Name | ast.Attribute | ast.Subscript):
                yield Hit(given.value, "keyword", parameter=given.arg, given=side, side=mine)
        function = code.definition(call.func)
        if function is None or any(isinstance(each, ast.Starred) for each in call.args):
            continue
        names = parameters(function)
        places: list[tuple[int, int]] = []  # of an argument, and of the parameter of its name
        other_side = 0
        for number, (argument, name) in enumerate(zip(call.args, names, strict=False)):
            text = argument.id if isinstance(argument, ast.Name) else ""
            if len(text) < 3 or text == name:
                continue
            if text in names[: len(call.args)]:
                places.append((number, names.index(text)))
                continue
            for one, other in ((CLEAN, CORRUPT), (CORRUPT, CLEAN)):
                other_side += about(text, one) and about(name, other) and not about(text, other)
        if other_side >= 2 or any((b, a) in places for a, b in places):
            yield Hit(call, "arguments", function=function.name, names=", ".join(names))


@rule("patch-into-same-run", "error")
def same_run(code: Code) -> Hits:
    """Clean activations patched into the clean run: nothing changes."""
    for op in code.ops("run_with_hooks"):
        side, fwd = run_side(op.arg(0, "input")), op.arg(1, "fwd_hooks")
        if side is None or fwd is None:
            continue
        pairs = (each for each in code.flow(fwd) if isinstance(each, ast.Tuple))
        functions = [
            f for pair in pairs if len(pair.elts) == 2 for f in runs_in(code, pair.elts[1])
        ]
        bound = _bound_caches(code, fwd)
        sides: set[str | None] = set()
        for function in functions:
            for node in within(function, ast.Subscript):
                if "cache" in word_set(node.value):
                    text = code.unparsed(node.value)
                    own = is_name(node.value, *parameters(function))
                    sides.add(run_side(bound.get(text, text) if own else text))
        if sides - {None} == {side}:
            yield Hit(op.node, side=side)


def _bound_caches(code: Code, node: ast.AST) -> dict[str, str]:
    """What partial(…, cache=x) binds."""
    return {
        each.arg: code.unparsed(each.value)
        for call in code.calls_in(node)
        if code.op(call).name == "partial"
        for each in call.keywords
        if each.arg
    }


@rule("recovery-baseline-swapped", "error")
def recovery(code: Code) -> Hits:
    """(x - clean) / (clean - corrupted): zero point and denominator do not fit."""
    for node, above, below in _quotients(code):
        zero, one, base = run_side(above.right), run_side(below.left), run_side(below.right)
        if None in (zero, one, base) or one == base or run_side(above.left):
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


def _quotients(code: Code) -> Iterator[tuple[ast.BinOp, ast.BinOp, ast.BinOp]]:
    """Every ``(a - b) / (c - d)`` with its two differences."""
    around = listed("abs item max clamp float")
    for node in code.binary(ast.Div):
        above, below = code.peeled(node.left, *around), code.peeled(node.right, *around)
        if is_binary(above, ast.Sub) and is_binary(below, ast.Sub):
            yield node, above, below


@rule("recovered-is-lost", "error")
def recovered_is_lost(code: Code) -> Hits:
    """(patched - clean) / (ablated - clean), called recovered: it is the share that is lost."""
    full = listed("clean original orig full base baseline")
    for node, above, below in _quotients(code):
        if not code.same(above.right, below.right) or run_side(above.left):
            continue
        if not word_set(above.right) & full or word_set(above.left) & full:
            continue
        around = code.parents.get(node)
        if is_binary(around, ast.Sub) and around.right is node:
            continue  # 1 - …
        said = code.called(node)
        recovered = said & {"recovered", "recovery", "recover", "faithfulness"}
        if recovered and not said & {"lost", "error"}:
            yield Hit(node)


@rule("logit-difference-sign", "error")
def logit_sign(code: Code) -> Hits:
    """A logit difference that subtracts the right answer from the wrong one."""
    for node in code.binary(ast.Sub):
        names = word_set(code.target(node)) | code.function_words(node)
        if not ({"diff", "difference", "ld", "metric", "score", "margin"} & names):
            continue
        if names & WRONG - {"s", "false", "bad"} or (code.function(node) and "loss" in names):
            continue
        left, right = _picked(code, node.left), _picked(code, node.right)
        if left is None or right is None:
            continue
        left_wrong = about(left, WRONG - {"s"}) and not about(left, RIGHT)
        right_right = about(right, RIGHT) and not about(right, WRONG)
        text = code.docstring(code.function(node)).lower()
        stated = ("incorrect -", "wrong -", "incorrect minus", "wrong minus")
        if left_wrong and right_right and not any(each in text for each in stated):
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


@rule("probability-called-logit", "warning")
def probability_difference(code: Code) -> Hits:
    """A logit difference taken of softmax probabilities."""
    for node in code.binary(ast.Sub):
        left, right, said = node.left, node.right, code.context(node)
        if not (isinstance(left, ast.Subscript) and isinstance(right, ast.Subscript)):
            continue
        if "logit" not in said or said & {"prob", "probs", "probability"}:
            continue
        if code.same(left.value, right.value) and value_kind(code, left.value) == "prob":
            yield Hit(node)
