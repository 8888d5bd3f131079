"""Directions in activation space: sign, length, and what they are compared with."""

from __future__ import annotations

import ast

from gadfly.tools.review.code.names import NEGATIVE, POSITIVE, listed, words
from gadfly.tools.review.code.nodes import is_attribute, is_binary, is_name, truth
from gadfly.tools.review.code.walk import inner, word_set
from gadfly.tools.review.registry import Code, Hit, Hits, rule


@rule("centred-pair-differences", "high")
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
            if truth(op.kw.get("center")) is False or not _pair_difference(code, rows):
                continue
            yield Hit(op.node)
            continue
        if is_binary(rows, ast.Sub):
            mean = code.value(rows.right)
            if (
                code.is_call(mean, "mean")
                and code.same(code.op(mean).x, rows.left)
                and _pair_difference(code, rows.left)
            ):
                yield Hit(op.node)


def _pair_difference(code: Code, node: ast.AST | None) -> bool:
    value = code.value(node)
    while code.is_call(value, *listed("numpy float cpu detach array stack cat asarray to")):
        value = code.value(code.op(value).x)
    if isinstance(value, ast.ListComp):
        value = value.elt
    if not is_binary(value, ast.Sub):
        return False
    left, right = words(code.unparsed(value.left)), words(code.unparsed(value.right))
    pairs = (
        ("pos", "neg"),
        ("positive", "negative"),
        ("true", "false"),
        ("harmful", "harmless"),
        ("a", "b"),
        ("honest", "dishonest"),
        ("plus", "minus"),
        ("good", "bad"),
        ("happy", "sad"),
        ("love", "hate"),
    )
    return any((a in left and b in right) or (b in left and a in right) for a, b in pairs)


@rule("direction-sign-flipped", "high")
def direction_sign(code: Code) -> Hits:
    """A positive direction computed as negative minus positive."""
    names = listed("vector vec direction dir steer steering probe axis mean_diff diff")
    pairs = [
        (POSITIVE, NEGATIVE),
        (frozenset({"harmful"}), frozenset({"harmless"})),
        (frozenset({"true", "truth", "truthful"}), frozenset({"false", "untruthful"})),
        (frozenset({"honest"}), frozenset({"dishonest"})),
        (frozenset({"happy"}), frozenset({"sad"})),
        (frozenset({"love"}), frozenset({"hate"})),
    ]
    for node in code.binary(ast.Sub):
        statement = code.statement(node)
        said: frozenset[str] = frozenset()
        if isinstance(statement, ast.Assign) and (
            statement.value is node or isinstance(code.parents.get(node), ast.Call)
        ):
            said = word_set(statement.targets[0])
        function = code.function(node)
        if function is not None and (said or isinstance(statement, ast.Return)):
            said |= words(function.name)
        if not said & names:
            continue
        left, right = word_set(node.left), word_set(node.right)
        for good, bad in pairs:
            goal = said & bad
            if left & bad and right & good and not left & good and not right & bad and not goal:
                doc = ((ast.get_docstring(function) if function else "") or "").lower()
                line = code.lines[node.lineno - 1].lower()
                if (
                    any(f"{w} -" in doc or f"{w} minus" in doc or f"toward {w}" in doc for w in bad)
                    or "#" in line
                ):
                    continue
                if good == frozenset({"harmful"}) and "refusal" not in said:
                    continue
                yield Hit(node)


@rule("projection-without-unit-norm", "high")
def projection(code: Code) -> Hits:
    """x - (x @ d) d with a d that was never normalised."""
    for node in code.binary(ast.Sub):
        name = _projected(code, node.right)
        if name is None:
            continue
        vocab = code.vocab(name)
        if _normalises(vocab):
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


def _normalises(vocab: frozenset[str]) -> bool:
    return bool(
        {"norm", "normalize", "normalise", "unit", "normalized", "vector_norm", "normed"} & vocab
    ) or any("norm" in each or "unit" in each for each in vocab)


def _projected(code: Code, node: ast.AST) -> ast.AST | None:
    """d of ``(x @ d)[..., None] * d`` or of torch.outer(x @ d, d)."""
    if is_binary(node, ast.Mult):
        for coefficient, direction in ((node.left, node.right), (node.right, node.left)):
            value = code.value(coefficient)
            text = code.unparsed(direction)
            if not isinstance(direction, ast.Name):
                continue
            for each in inner(value) if value is not None else ():
                if code.is_call(each, "einsum") and text in [
                    code.unparsed(part) for part in each.args
                ]:
                    return direction
                if is_binary(each, ast.MatMult) and code.unparsed(each.right) == text:
                    return direction
                if is_binary(each, ast.Mult) and code.unparsed(each.right) == text:
                    above = code.parents.get(each)
                    if is_attribute(above, "sum"):
                        return direction
    if code.is_call(node, "outer") and len(node.args) == 2:
        direction = node.args[1]
        if is_name(direction, *code.unparsed(code.value(node.args[0]))):
            return direction
    return None
