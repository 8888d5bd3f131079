"""What an effect is divided by, and with which sign."""

from __future__ import annotations

import ast

from gadfly.tools.review.code.concepts import value_kind
from gadfly.tools.review.code.names import RIGHT, WRONG, about, listed, words
from gadfly.tools.review.code.nodes import indices, is_binary
from gadfly.tools.review.code.walk import identifiers, run_side, word_set
from gadfly.tools.review.registry import Code, Hit, Hits, rule


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
