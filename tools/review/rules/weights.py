"""Weights that are edited or kept by reference."""

from __future__ import annotations

import ast
from bisect import bisect_left

from gadfly.tools.review.code.concepts import MODEL_WORDS
from gadfly.tools.review.code.names import listed
from gadfly.tools.review.code.nodes import is_attribute
from gadfly.tools.review.code.walk import holds, inner, place, within, word_set
from gadfly.tools.review.registry import Code, Hit, Hits, kept, rule


@rule("weights-edited-and-not-restored", "high")
def weights_not_restored(code: Code) -> Hits:
    """A loop that zeroes weights and never puts them back."""
    if code.mentions("deepcopy", "state_dict", "load_state_dict", "copy_") or code.imports_from(
        "copy"
    ):
        return
    for node in code.all(ast.Assign, ast.AugAssign, ast.Expr):
        target: ast.AST | None = None
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Subscript):
            target = node.targets[0].value
        elif isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Subscript):
            target = node.target.value
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            call = node.value
            if is_attribute(call.func, "zero_", "mul_", "fill_"):
                target = call.func.value
                target = target.value if isinstance(target, ast.Subscript) else target
        alias = target.id if isinstance(target, ast.Name) else ""
        target = code.value(target)
        if is_attribute(target, "data"):
            target = target.value
        if not isinstance(target, ast.Attribute):
            continue
        if target.attr not in listed("weight W_O W_out W_V W_in W_E W_K W_Q bias"):
            continue
        loops = code.loops(node)
        if not loops:
            continue
        text = alias or code.unparsed(target)
        written, measures = _of_loop(code, loops[0])
        first = bisect_left(written, text)
        often = first + 1 < len(written) and written[first + 1].startswith(text)
        if measures and not often:
            yield Hit(node)


@kept
def _of_loop(code: Code, loop: ast.AST) -> tuple[list[str], bool]:
    """What is written to in a loop, in order of its text; and whether it has a variable and measures something."""
    written = sorted(
        code.unparsed(each)
        for each in within(loop, ast.Subscript, ast.Attribute)
        if isinstance(each.ctx, ast.Store)
    )
    has_names = any(within(getattr(loop, "target", loop), ast.Name))
    measures = any(
        {"loss", "eval", "evaluate", "score", "accuracy", "logit", "metric", "model"}
        & word_set(each.func)
        for each in within(loop, ast.Call)
    )
    return written, measures and has_names


@rule("state-dict-not-copied", "high")
def state_dict_alias(code: Code) -> Hits:
    """``best = model.state_dict()`` in a training loop: it goes on changing."""
    for assign in code.all(ast.Assign):
        if not code.loops(assign):
            continue
        pairs = [(assign.targets[0], assign.value)]
        if isinstance(assign.targets[0], ast.Tuple) and isinstance(assign.value, ast.Tuple):
            pairs = list(zip(assign.targets[0].elts, assign.value.elts, strict=False))
        for target, value in pairs:
            if not (isinstance(target, ast.Name) and isinstance(value, ast.Call)):
                continue
            owner = code.op(value).x
            if code.op(value).name != "state_dict" or value.args:
                continue
            if not word_set(owner) & (MODEL_WORDS | {"probe", "sae", "module", "autoencoder"}):
                continue
            back = _first_loads(code).get(target.id)
            if back is not None and not holds(code.loops(assign)[0], place(back)):
                yield Hit(assign)


@kept
def _first_loads(code: Code) -> dict[str, ast.Call]:
    """The first call of ``load_state_dict`` that each plain name stands in."""
    found: dict[str, ast.Call] = {}
    for op in code.ops("load_state_dict"):
        for each in inner(op.node):
            if isinstance(each, ast.Name):
                found.setdefault(each.id, op.node)
    return found
