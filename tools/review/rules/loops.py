"""Results that a loop throws away."""

from __future__ import annotations

import ast
from itertools import islice

from gadfly.tools.review.code.names import listed, words
from gadfly.tools.review.code.nodes import is_name
from gadfly.tools.review.code.walk import identifiers, inner, names_in, within, word_set
from gadfly.tools.review.registry import Code, Hit, Hits, rule


@rule("returned-inside-the-loop", "high")
def return_in_loop(code: Code) -> Hits:
    """return at the end of the loop body: only the first item is processed."""
    for loop in code.for_loops():
        last = loop.body[-1]
        if not isinstance(last, ast.Return) or last.value is None or loop.orelse:
            continue
        names = names_in(last.value)
        grows = any(
            (isinstance(each, ast.AugAssign) and is_name(each.target, *names))
            or (
                isinstance(each, ast.Subscript)
                and isinstance(each.ctx, ast.Store)
                and is_name(each.value, *names)
            )
            or (
                code.is_call(each, "append", "extend", "update", "add")
                and is_name(code.op(each).x, *names)
            )
            for statement in loop.body
            for each in inner(statement)
        )
        exits = any(
            isinstance(each, ast.Continue | ast.Break) for s in loop.body for each in inner(s)
        )
        if grows and not exits:
            yield Hit(last)


@rule("result-of-last-batch-only", "medium")
def last_batch(code: Code) -> Hits:
    """A value assigned in every batch and read only after the loop."""
    for loop in code.for_loops():
        said = word_set(loop.target) | word_set(loop.iter)
        if not said & listed("batch batches loader dataloader prompts texts chunks") or code.loops(
            loop
        ):
            continue
        if said & {"epoch", "epochs", "step", "steps"} or any(within(loop, ast.Break)):
            continue
        scope = code.scope(loop)
        for statement in loop.body:
            if not (
                isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name)
            ):
                continue
            name = statement.targets[0].id
            if words(name) & {"loss", "last", "final", "prev", "previous", "total", "best"}:
                continue
            every = code.bindings[scope].get(name, ())
            bound = list(islice((each for each in every if each.node is not statement), 2))
            if bound and not (len(bound) == 1 and _starts_a_sum(code, bound[0].value)):
                continue
            if (
                not code.is_used(name, loop)
                and code.is_read_below(name, scope, loop.end_lineno)
                and isinstance(statement.value, ast.Call | ast.Subscript | ast.BinOp)
            ):
                yield Hit(statement, name=name)


def _starts_a_sum(code: Code, node: ast.AST | None) -> bool:
    """``torch.zeros(…)``: a value that the loop was meant to add to."""
    return code.is_call(node, "zeros", "zeros_like")


@rule("sum-overwritten-in-every-batch", "high")
def overwritten(code: Code) -> Hits:
    """``sums[name] = cache[name].sum(0)`` in a loop over batches."""
    for node in code.all(ast.Assign):
        target = node.targets[0]
        if not (isinstance(target, ast.Subscript) and isinstance(target.value, ast.Name)):
            continue
        name = target.value.id
        if not words(name) & listed("sums sum total totals counts count acc running accumulated"):
            continue
        loops = [each for each in code.loops(node) if isinstance(each, ast.For)]
        if not loops or isinstance(target.slice, ast.Slice):
            continue
        outer = loops[-1]
        key = code.vocab(target.slice)
        moving = identifiers(outer.target)
        if key & moving or not moving & code.vocab(node.value):
            continue
        if any(moving & code.vocab(each.iter) & {"enumerate"} for each in loops):
            continue
        if code.times_read(name, outer) <= 1:  # here alone
            yield Hit(node, name=name)
