"""Loops, lists and iterators of Python: thrown away, shared, or used up."""

from __future__ import annotations

import ast
from itertools import islice

from gadfly.tools.review.code.names import listed, words
from gadfly.tools.review.code.nodes import Comprehension, is_name
from gadfly.tools.review.code.walk import identifiers, inner, names_in, within, word_set
from gadfly.tools.review.registry import Code, Hit, Hits, kept, rule


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


@rule("shared-list-in-every-slot", "high")
def shared_list(code: Code) -> Hits:
    """``[[]] * n_layers``: one list, n times."""
    for node in code.binary(ast.Mult):
        for side in (node.left, node.right):
            if isinstance(side, ast.List) and len(side.elts) == 1:
                item = side.elts[0]
                mutable = isinstance(item, ast.List | ast.Dict | ast.Set) or (
                    code.is_call(item, "list", "dict", "set")
                )
                empty = not (
                    getattr(item, "elts", None)
                    or getattr(item, "args", None)
                    or getattr(item, "keys", None)
                )
                above = code.parents.get(node)
                if (
                    mutable
                    and empty
                    and not isinstance(above, ast.Call)
                    and not _only_read(code, above)
                ):
                    yield Hit(node)
    for op in code.ops("fromkeys"):
        value = op.arg(1)
        if isinstance(value, ast.List | ast.Dict | ast.Set):
            yield Hit(op.node, "fromkeys")


@rule("iterator-used-twice", "high")
def iterator_twice(code: Code) -> Hits:
    """A zip or generator that is looped over again is empty."""
    for assign in code.all(ast.Assign):
        target, value = assign.targets[0], assign.value
        if not isinstance(target, ast.Name):
            continue
        lazy = isinstance(value, ast.GeneratorExp) or (
            isinstance(value, ast.Call) and is_name(value.func, "zip", "map", "filter", "enumerate")
        )
        lazy = lazy or (isinstance(value, ast.Call) and _is_generator(code, value))
        scope = code.scope(target)
        if not lazy or len(code.bindings[scope].get(target.id, ())) != 1:
            continue
        uses = _reads_by_scope(code).get((scope, target.id), [])
        walks = [
            each for each in uses if isinstance(code.parents.get(each), ast.For | ast.comprehension)
        ]
        home = code.loops(assign)
        for each in walks:
            above = code.parents[each]
            around = [loop for loop in code.loops(each) if loop is not above and loop not in home]
            again = each is not walks[0] and not code.loops(walks[0])
            if again and code.other_arm(each, walks[0]):
                continue
            if around or again:
                yield Hit(assign, name=target.id, line=getattr(each, "lineno", 0))
                break


@kept
def _reads_by_scope(code: Code) -> dict[tuple[ast.AST, str], list[ast.Name]]:
    """Where names are read, by the scope that they are read in."""
    found: dict[tuple[ast.AST, str], list[ast.Name]] = {}
    for each in code.all(ast.Name):
        if isinstance(each.ctx, ast.Load):
            found.setdefault((_seen_from(code, each), each.id), []).append(each)
    return found


def _seen_from(code: Code, node: ast.AST) -> ast.AST:
    """The scope of a name; what a comprehension walks over is read where the comprehension stands."""
    scope = code.scope(node)
    while isinstance(scope, Comprehension):
        scope = code.scope(scope)
    return scope


@kept
def _only_read(code: Code, node: ast.AST | None) -> bool:
    """Whether the name that is bound here is read in its scope and no slot of it is ever changed."""
    if not (isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)):
        return False
    name, scope = node.targets[0].id, code.function(node)
    if scope is None:
        return False
    uses = code.reads(name, scope)
    for use in uses:
        slot = code.parents.get(use)
        if not isinstance(slot, ast.Subscript):
            continue
        above = code.parents.get(slot)
        grows = isinstance(above, ast.Attribute) or (
            isinstance(above, ast.Subscript) and not isinstance(above.ctx, ast.Load)
        )
        if (
            grows
            or isinstance(above, ast.AugAssign)
            or isinstance(code.parents.get(above or use), ast.comprehension)
        ):
            return False
    return bool(uses)


@kept
def _is_generator(code: Code, call: ast.Call) -> bool:
    """Whether a function of this file yields; a context manager's yield is another matter."""
    function = code.definition(call.func)
    return (
        function is not None
        and not function.decorator_list
        and any(isinstance(each, ast.Yield) for each in inner(function, nested=False))
    )
