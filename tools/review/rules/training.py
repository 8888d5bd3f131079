"""Training: gradients that are off, kept or not reset; optimisers that do not step; dropout left on."""

from __future__ import annotations

import ast

from gadfly.tools.review.code.concepts import (
    OUTPUT_ATTRS,
    grad_switch,
    is_forward,
    is_model,
    without_grad,
)
from gadfly.tools.review.code.names import listed, words
from gadfly.tools.review.code.nodes import is_attribute, truth
from gadfly.tools.review.code.walk import identifiers, inner, within, word_set
from gadfly.tools.review.registry import Code, Hit, Hits, kept, rule


@rule("backward-without-graph", "error")
def no_graph(code: Code) -> Hits:
    """backward() under no_grad or inference_mode."""
    for op in code.ops("backward"):
        if not isinstance(op.node.func, ast.Attribute) or "autograd" in code.dotted(op.node.func):
            continue
        if without_grad(code, op.node) and not _enabled(code, op.node):
            yield Hit(grad_switch(code, op.node) or op.node)


def _enabled(code: Code, node: ast.AST) -> bool:
    if any("enable_grad" in identifiers(item.context_expr) for _, item in code.withs(node)):
        return True
    nearest = code.function(node)
    if nearest is None:
        return code.mentions("enable_grad")
    return any(
        "enable_grad" in identifiers(each) for each in nearest.decorator_list
    ) or code.mentions("enable_grad")


@rule("gradient-of-non-leaf", "error")
def non_leaf(code: Code) -> Hits:
    """hidden_states[i].grad is None without retain_grad()."""
    if code.mentions(
        *listed(
            "retain_grad requires_grad_ autograd register_hook nnsight nnterp "
            "register_full_backward_hook"
        )
    ):
        return
    if not any(code.ops("backward")):
        return
    for node in code.all(ast.Attribute):
        if node.attr != "grad" or isinstance(node.ctx, ast.Store):
            continue
        direct = code.value(node.value)
        if isinstance(direct, ast.Subscript):
            direct = code.value(direct.value)
        if is_attribute(direct, *OUTPUT_ATTRS):
            yield Hit(node)
            return


@rule("graphs-kept-in-a-list", "note")
def kept_graphs(code: Code) -> Hits:
    """Activations collected in a loop with gradients on."""
    if code.mentions(
        "backward", "autograd", "grad", "requires_grad_", "requires_grad", "nnsight", "nnterp"
    ):
        return
    loaded = any("from_pretrained" in code.dotted(each.func) for each in code.all(ast.Call))
    for op in code.ops("append") if loaded else ():  # else a caller may have switched gradients off
        if not op.args or not code.loops(op.node):
            continue
        given = op.args[0]
        if without_grad(code, op.node):
            continue
        vocab = code.vocab(given)
        if listed("detach item tolist numpy data no_grad inference_mode argmax decode") & vocab:
            continue
        flow = code.flow(given)
        runs = [each for each in flow if isinstance(each, ast.Call) and is_forward(code, each)]
        outputs = [each for each in flow if is_attribute(each, *OUTPUT_ATTRS)]
        if runs and outputs and not any(without_grad(code, each) for each in [*runs, *outputs]):
            if _called_without_grad(code, op.node) or code.mentions(
                "no_grad", "inference_mode", "set_grad_enabled"
            ):
                continue
            yield Hit(op.node)
            return


def _called_without_grad(code: Code, node: ast.AST) -> bool:
    function = code.function(node)
    return function is not None and _each_without_grad(code, function.name)


@kept
def _each_without_grad(code: Code, name: str) -> bool:
    return any(without_grad(code, call) for call in code.calls_of(name))


@kept
def _is_called(code: Code, name: str) -> bool:
    """Whether a plain name is called."""
    calls = ((each, code.parents[each]) for each in code.reads(name))
    return any(isinstance(above, ast.Call) and above.func is each for each, above in calls)


def _train_mode(code: Code) -> Hits:
    """``model.train()`` in a file that trains nothing."""
    if code.mentions("backward", "step", "zero_grad", "Trainer", "fit"):
        return
    for op in code.ops("train"):
        if isinstance(op.node.func, ast.Attribute) and is_model(code, op.x) and not op.node.args:
            yield Hit(op.node)


@rule("dropout-left-on", "warning")
def dropout_on(code: Code) -> Hits:
    """A module with dropout or batch norm, trained and evaluated here, never put in eval()."""
    if code.mentions("eval", "training"):
        return
    layers = [
        op
        for op in code.ops("Dropout", "BatchNorm1d", "BatchNorm2d")
        if code.dotted(op.node.func).startswith(("torch", "nn"))
    ]
    for call in code.all(ast.Call):
        name = code.dotted(call.func)
        made = name.endswith("from_config") or (
            name.endswith(("ForCausalLM", "LMHeadModel"))
            and len(call.args) == 1
            and "config" in code.flow_words(call.args[0])
        )
        home = code.statement(call)
        named = isinstance(home, ast.Assign) and isinstance(home.targets[0], ast.Name)
        runs = (
            made and named and _is_called(code, home.targets[0].id)  # type: ignore[attr-defined]
        )
        if runs and not any(code.ops("backward")) and not code.mentions("train"):
            yield Hit(call, "from-config")
    yield from _train_mode(code)
    if not layers or not any(code.ops("backward")):
        return
    for block in code.all(ast.With):
        if not any(
            identifiers(i.context_expr) & {"no_grad", "inference_mode"} for i in block.items
        ):
            continue
        scores = code.calls_any(block, "argmax", "mean", "roc_auc_score", "accuracy_score", "item")
        if scores:
            yield Hit(block, "probe")
            return
    for function in code.defs():
        if without_grad(code, function.body[0]) and words(function.name) & listed(
            "evaluate accuracy eval score test"
        ):
            yield Hit(function, "probe")
            return


_OPTIMISERS = ("Adam", "AdamW", "SGD", "RMSprop", "LBFGS", "Adagrad")


@rule("gradients-cleared-before-the-step", "error")
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


@rule("optimiser-never-steps", "error")
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


@rule("gradients-not-reset", "error")
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


@rule("optimised-tensor-is-not-a-leaf", "error")
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
