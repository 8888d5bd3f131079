"""Optimisers: the order of their calls, and whether they are called at all."""

from __future__ import annotations

import ast

from gadfly.tools.review.code.nodes import is_attribute, truth
from gadfly.tools.review.code.walk import inner, within, word_set
from gadfly.tools.review.registry import Code, Hit, Hits, kept, rule

_OPTIMISERS = ("Adam", "AdamW", "SGD", "RMSprop", "LBFGS", "Adagrad")


@rule("gradients-cleared-before-the-step", "high")
def cleared_early(code: Code) -> Hits:
    """backward(), zero_grad(), step(): nothing is learned."""
    for op in code.ops("zero_grad"):
        block = _block(code, op.node)
        statement = code.statement(op.node)
        if statement not in block:
            continue
        at = block.index(statement)
        before = [name for each in block[:at] for name in _called(code, each)]
        after = [name for each in block[at + 1 :] for name in _called(code, each)]
        if (
            "step" in after
            and "backward" not in after
            and "backward" in before
            and "step" not in before
        ):
            yield Hit(op.node)


def _block(code: Code, node: ast.AST) -> list[ast.stmt]:
    above = code.parents.get(code.statement(node))
    body = getattr(above, "body", [])
    return list(body) if isinstance(body, list) else []


def _called(code: Code, node: ast.AST) -> list[str]:
    return [code.op(each).name for each in within(node, ast.Call)]


@rule("optimiser-never-steps", "high")
def never_steps(code: Code) -> Hits:
    """An optimiser is made, backward() is called, and step() is not."""
    if code.mentions("step", "closure", "Trainer", "accelerator", "scaler", "minimize"):
        return
    if not any(code.ops("backward")):
        return
    for op in code.ops(*_OPTIMISERS):
        statement = code.statement(op.node)
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            yield Hit(op.node)


@rule("gradients-not-reset", "high")
def not_reset(code: Code) -> Hits:
    """backward() and step() in a loop without zero_grad()."""
    if code.uses_text(
        "zero_grad", "zero_", "set_to_none", "autograd", "trainer", "accelerat", "fabric"
    ):
        return
    if any(is_attribute(t, "grad") for a in code.all(ast.Assign) for t in a.targets):
        return
    for op in code.ops("backward"):
        if any(_steps(code, loop) for loop in code.loops(op.node)[-1:]):
            yield Hit(op.node)
            return
    # Reading .grad of a leaf in a loop that made it outside.
    for op in code.ops("backward"):
        for found in (_kept_gradient(code, loop) for loop in code.loops(op.node)[:1]):
            if found is not None:
                yield Hit(found, "tensor", name=code.unparsed(found.value))
                return


@kept
def _steps(code: Code, loop: ast.AST) -> bool:
    """Whether an optimiser steps in a loop."""
    return any(
        word_set(op.node.func) & {"opt", "optimizer", "optim", "optimiser", "adam", "sgd"}
        for op in code.ops_in(loop, "step")
    )


@kept
def _kept_gradient(code: Code, loop: ast.AST) -> ast.Attribute | None:
    """The gradient that is read in a loop of a plain name that is not made there."""
    for each in inner(loop):
        if (
            is_attribute(each, "grad")
            and isinstance(each.value, ast.Name)
            and not code.is_written(each.value.id, loop)
        ):
            return each
    return None


@rule("optimised-tensor-is-not-a-leaf", "high")
def optimised_non_leaf(code: Code) -> Hits:
    """``v = torch.randn(d, requires_grad=True) * 0.01`` given to an optimiser."""
    for op in code.ops("Adam", "AdamW", "SGD", "RMSprop", "LBFGS"):
        given = op.x
        if not isinstance(given, ast.List):
            continue
        for each in given.elts:
            value = code.value(each)
            made = (
                next(
                    (
                        inside
                        for inside in within(value, ast.keyword)
                        if inside.arg == "requires_grad" and truth(inside.value) is True
                    ),
                    None,
                )
                if isinstance(value, ast.BinOp | ast.Call)
                else None
            )
            if made is None or code.parents.get(made) is value or value is None:
                continue
            yield Hit(value)
