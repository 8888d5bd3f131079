"""Standard errors, explained variance, bootstrap: the formula itself."""

from __future__ import annotations

import ast
import re

from gadfly.tools.review.code.names import listed, words
from gadfly.tools.review.code.nodes import constant, is_binary, parameters
from gadfly.tools.review.code.walk import identifiers, within, word_set
from gadfly.tools.review.registry import Code, Hit, Hits, kept, rule


@rule("mean-std-without-parentheses", "high")
def precedence(code: Code) -> Hits:
    """``x - x.mean() / x.std()``"""
    for node in code.binary(ast.Sub):
        quotient = node.right
        if not is_binary(quotient, ast.Div):
            continue
        mean, spread = quotient.left, quotient.right
        if isinstance(spread, ast.BinOp):
            spread = spread.left
        if (
            code.is_call(mean, "mean")
            and code.is_call(spread, "std", "norm", "var")
            and code.same(code.op(mean).x, node.left)
        ):
            yield Hit(node)


@rule("fvu-without-centring", "medium")
def fvu(code: Code) -> Hits:
    """Unexplained variance relative to the raw second moment."""
    for node in code.binary(ast.Div):
        names = code.called(node)
        if not (
            {"fvu", "fve", "r2", "ev", "unexplained"} & names or {"explained", "variance"} <= names
        ):
            continue
        below = _accumulated(code, node.right)
        text = code.unparsed(below)
        vocab = code.flow_words(below) | code.flow_words(node.right)
        if not re.search(r"pow\(2\)|\*\* 2|square|norm", text) or "sum" not in text + "norm":
            continue
        if {"mean", "var", "std", "mu", "centred", "centered", "total", "tss", "center"} & vocab:
            continue
        if is_binary(below, ast.Sub):
            continue
        if "-" in text.replace("-1", "").replace("-2", ""):
            continue
        above_flow = code.unparsed(_accumulated(code, node.left))
        if "-" not in above_flow.replace("-1", "").replace("-2", "") and not listed(
            "err error residual mse diff"
        ) & words(above_flow):
            continue
        yield Hit(node)


@kept
def _first_added(code: Code, scope: ast.AST, name: str) -> ast.AST | None:
    """What is added first to a name."""
    found = code.bindings[scope].get(name, ())
    return next((each.value for each in found if each.kind == "aug" and each.value), None)


def _accumulated(code: Code, node: ast.AST) -> ast.AST:
    """What a running sum adds up, else the value of an expression."""
    value = code.value(node)
    if isinstance(value, ast.Name):
        added = _first_added(code, code.scope(value), value.id)
        if added is not None:
            return added
    return value if value is not None else node


@rule("standard-error-without-root", "medium")
def standard_error(code: Code) -> Hits:
    """std / n called a standard error; 1.96 * std called an interval."""
    names = {"se", "sem", "stderr"}
    for assign in code.all(ast.Assign):
        said = word_set(assign.targets[0])
        value = assign.value
        if not said & names and not {"standard", "error"} <= said:
            continue
        if not is_binary(value, ast.Div):
            continue
        above = {code.op(each).name for each in within(value.left, ast.Call)}
        if not ({"std", "stdev"} & above or word_set(value.left) & {"std", "sd", "stdev"}):
            continue
        text = code.unparsed(value.right)
        flow = code.unparsed(code.value(value.right))
        if "sqrt" in flow or "0.5" in flow or "1 / 2" in flow:
            continue
        if text.startswith("len(") or words(text) & listed("n num count size shape samples"):
            yield Hit(assign)


@rule("interval-without-root-n", "medium")
def interval(code: Code) -> Hits:
    """``1.96 * std`` called a confidence interval of the mean."""
    for node in code.binary(ast.Mult):
        sides = (node.left, node.right)
        if not any(constant(each) in (1.96, 1.645, 2.576, 2.58) for each in sides):
            continue
        spread = node.right if constant(node.left) is not None else node.left
        value = code.value(spread)
        if not code.is_call(value, "std", "stdev"):
            continue
        statement = code.statement(node)
        if "sqrt" in identifiers(statement) or "0.5" in code.unparsed(statement):
            continue
        if code.context(node, doc=True) & {"ci", "confidence", "interval", "sem", "error"}:
            yield Hit(node)


@rule("bootstrap-without-replacement", "high")
def bootstrap(code: Code) -> Hits:
    """A bootstrap that only permutes the sample."""
    for op in code.ops("choice", "permutation", "sample", "randperm"):
        function = code.function(op.node)
        if function is not None and "replace" in parameters(function):
            continue  # a library's own resampling
        said = words(function.name) if function is not None else frozenset()
        said |= frozenset().union(
            *(word_set(t) for t in getattr(code.statement(op.node), "targets", [])), frozenset()
        )
        for loop in code.loops(op.node):
            said |= word_set(loop.target if isinstance(loop, ast.For) else None) | word_set(
                loop.iter if isinstance(loop, ast.For) else None
            )
        if not said & {"bootstrap", "boot", "resample", "resampled", "bootstraps"}:
            continue
        full = bool(
            code.unparsed(op.arg(0, "size", "k") or op.x).startswith("len(")
        ) or op.name in ("permutation", "randperm")
        replace = op.kw.get("replace", op.arg(1) if op.name == "choice" else None)
        without = op.name in ("permutation", "randperm", "sample") or (
            replace is not None and constant(replace) is False
        )
        if op.name == "sample" and ("replace" in op.kw or "frac" in op.kw):
            without = constant(op.kw.get("replace")) is not True
        if without and full and not said & {"null", "perm", "permutation"}:
            yield Hit(op.node)
