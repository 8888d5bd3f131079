"""Directions in activation space: sign, length, and what they are compared with."""

from __future__ import annotations

import ast

from gadfly.tools.review.code.names import NEGATIVE, POSITIVE, listed, words
from gadfly.tools.review.code.nodes import both_ways, is_attribute, is_binary, is_name, truth
from gadfly.tools.review.code.walk import inner, word_set
from gadfly.tools.review.registry import Code, Hit, Hits, rule


@rule("centred-pair-differences", "error")
def centred_differences(code: Code) -> Hits:
    """PCA of paired differences removes their mean, which is the wanted direction."""
    for op in code.ops("fit", "fit_transform"):
        owner = {code.op(each).name for each in code.calls_in(op.x)}
        data = op.arg(0, "X")
        if "PCA" in owner and data is not None and _pair_difference(code, data):
            yield Hit(op.node)
    for op in code.ops("svd", "pca_lowrank"):
        rows = code.value(op.x)
        if op.name == "pca_lowrank":
            if truth(op.kw.get("center")) is not False and _pair_difference(code, rows):
                yield Hit(op.node)
        elif is_binary(rows, ast.Sub):
            mean = code.value(rows.right)
            centred = code.is_call(mean, "mean") and code.same(code.op(mean).x, rows.left)
            if centred and _pair_difference(code, rows.left):
                yield Hit(op.node)


_PAIRS = listed(
    "pos/neg positive/negative true/false harmful/harmless a/b honest/dishonest plus/minus "
    "good/bad happy/sad love/hate"
)


def _pair_difference(code: Code, node: ast.AST | None) -> bool:
    """Whether an array holds one class minus the other, row by row."""
    value = code.peeled(node, *listed("numpy float cpu detach array stack cat asarray to"))
    if isinstance(value, ast.ListComp):
        value = value.elt
    if not is_binary(value, ast.Sub):
        return False
    left, right = words(code.unparsed(value.left)), words(code.unparsed(value.right))
    pairs = (each.split("/") for each in _PAIRS)
    return any((a in left and b in right) or (b in left and a in right) for a, b in pairs)


_OPPOSITES = [
    (POSITIVE, NEGATIVE),
    (listed("harmful"), listed("harmless")),
    (listed("true truth truthful"), listed("false untruthful")),
    (listed("honest"), listed("dishonest")),
    (listed("happy"), listed("sad")),
    (listed("love"), listed("hate")),
]


@rule("direction-sign-flipped", "error")
def direction_sign(code: Code) -> Hits:
    """A positive direction computed as negative minus positive."""
    names = listed("vector vec direction dir steer steering probe axis mean_diff diff")
    for node in code.binary(ast.Sub):
        statement = code.statement(node)
        said: frozenset[str] = frozenset()
        if isinstance(statement, ast.Assign) and (
            statement.value is node or isinstance(code.parents.get(node), ast.Call)
        ):
            said = word_set(statement.targets[0])
        if said or isinstance(statement, ast.Return):
            said |= code.function_words(node)
        if not said & names or "#" in code.lines[node.lineno - 1]:
            continue
        doc = code.docstring(code.function(node)).lower()
        left, right = word_set(node.left), word_set(node.right)
        for good, bad in _OPPOSITES:
            stated = any(
                f"{w} -" in doc or f"{w} minus" in doc or f"toward {w}" in doc for w in bad
            )
            if stated or said & bad or ("harmful" in good and "refusal" not in said):
                continue
            if left & bad and right & good and not left & good and not right & bad:
                yield Hit(node)


@rule("projection-without-unit-norm", "error")
def projection(code: Code) -> Hits:
    """x - (x @ d) d with a d that was never normalised."""
    for node in code.binary(ast.Sub):
        name = _projected(code, node.right)
        if name is None:
            continue
        if any("norm" in each or "unit" in each for each in code.vocab(name)):
            continue
        # `/ (d @ d)` or `/ d.norm() ** 2` is the other correct form.
        if any(is_binary(each, ast.Div) for each in inner(node.right)):
            continue
        means = next((each for each in code.flow(name) if _mean_difference(code, each)), None)
        if means is not None:
            yield Hit(means)


def _mean_difference(code: Code, node: ast.AST) -> bool:
    """``a.mean(0) - b.mean(0)``"""
    return is_binary(node, ast.Sub) and all(
        any(code.op(each).name == "mean" for each in code.calls_in(side))
        or "mean" in word_set(side)
        for side in (node.left, node.right)
    )


def _projected(code: Code, node: ast.AST) -> ast.AST | None:
    """d of ``(x @ d)[..., None] * d`` or of torch.outer(x @ d, d)."""
    if is_binary(node, ast.Mult):
        for coefficient, direction in both_ways(node):
            value = code.value(coefficient)
            if not isinstance(direction, ast.Name):
                continue
            for each in inner(value) if value is not None else ():
                if code.is_call(each, "einsum"):
                    found = any(is_name(part, direction.id) for part in each.args)
                else:
                    summed = is_attribute(code.parents.get(each), "sum")
                    product = (ast.MatMult, ast.Mult) if summed else (ast.MatMult,)
                    found = is_binary(each, *product) and is_name(each.right, direction.id)
                if found:
                    return direction
    if code.is_call(node, "outer") and len(node.args) == 2:
        direction = node.args[1]
        if is_name(direction, *code.unparsed(code.value(node.args[0]))):
            return direction
    return None
