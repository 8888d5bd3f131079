"""Loops, lists and iterators of Python: thrown away, shared, or used up."""

from __future__ import annotations

import ast
from itertools import islice

from gadfly.tools.review.code.names import listed, words
from gadfly.tools.review.code.nodes import Comprehension, is_item_store, is_name
from gadfly.tools.review.code.walk import identifiers, inner, names_in, within, word_set
from gadfly.tools.review.registry import Code, Hit, Hits, kept, rule


@rule("returned-inside-the-loop", "error")
def return_in_loop(code: Code) -> Hits:
    """return at the end of the loop body: only the first item is processed."""
    for loop in code.for_loops():
        last = loop.body[-1]
        if not isinstance(last, ast.Return) or last.value is None or loop.orelse:
            continue
        names = names_in(last.value)
        body = [each for statement in loop.body for each in inner(statement)]
        exits = any(isinstance(each, ast.Continue | ast.Break) for each in body)
        if not exits and any(is_name(_grown(code, each), *names) for each in body):
            yield Hit(last)


def _grown(code: Code, node: ast.AST) -> ast.AST | None:
    """What is added to: ``x`` of ``x += 1``, ``x[i] = 1`` and ``x.append(1)``."""
    if isinstance(node, ast.AugAssign):
        return node.target
    if is_item_store(node):
        return node.value
    return code.op(node).x if code.is_call(node, "append", "extend", "update", "add") else None


@rule("result-of-last-batch-only", "warning")
def last_batch(code: Code) -> Hits:
    """A value assigned in every batch and read only after the loop."""
    for loop in code.for_loops():
        said = word_set(loop.target) | word_set(loop.iter)
        if not said & listed("batch batches loader dataloader prompts texts chunks"):
            continue
        if said & {"epoch", "epochs", "step", "steps"} or any(within(loop, ast.Break)):
            continue
        if code.loops(loop):
            continue
        scope = code.scope(loop)
        for statement in loop.body:
            if not isinstance(statement, ast.Assign):
                continue
            name, made = code.target_name(statement), statement.value
            if not name or words(name) & listed("loss last final prev previous total best"):
                continue
            every = code.bindings[scope].get(name, ())
            bound = list(islice((each for each in every if each.node is not statement), 2))
            # One that is made of zeros is what the loop was meant to add to.
            if len(bound) > 1 or (
                bound and not code.is_call(bound[0].value, "zeros", "zeros_like")
            ):
                continue
            read_after = code.is_read_below(name, scope, loop.end_lineno)
            if not read_after or code.is_used(name, loop):
                continue
            if isinstance(made, ast.Call | ast.Subscript | ast.BinOp):
                yield Hit(statement, name=name)


@rule("sum-overwritten-in-every-batch", "error")
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


@rule("shared-list-in-every-slot", "error")
def shared_list(code: Code) -> Hits:
    """``[[]] * n_layers``: one list, n times."""
    for node in code.binary(ast.Mult):
        for side in (node.left, node.right):
            if not (isinstance(side, ast.List) and len(side.elts) == 1):
                continue
            item, above = side.elts[0], code.parents.get(node)
            made = code.is_call(item, "list", "dict", "set")
            mutable = made or isinstance(item, ast.List | ast.Dict | ast.Set)
            if not mutable or any(getattr(item, part, None) for part in ("elts", "args", "keys")):
                continue
            if not isinstance(above, ast.Call) and not _only_read(code, above):
                yield Hit(node)
    for op in code.ops("fromkeys"):
        value = op.arg(1)
        if isinstance(value, ast.List | ast.Dict | ast.Set):
            yield Hit(op.node, "fromkeys")


@rule("iterator-used-twice", "error")
def iterator_twice(code: Code) -> Hits:
    """A zip or generator that is looped over again is empty."""
    for assign in code.all(ast.Assign):
        target, value = assign.targets[0], assign.value
        if not isinstance(target, ast.Name):
            continue
        scope = code.scope(target)
        if not _is_lazy(code, value) or len(code.bindings[scope].get(target.id, ())) != 1:
            continue
        uses = _reads_by_scope(code).get((scope, target.id), [])
        walks = [e for e in uses if isinstance(code.parents.get(e), ast.For | ast.comprehension)]
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
        if isinstance(above, ast.Attribute | ast.AugAssign):
            return False
        if isinstance(above, ast.Subscript) and not isinstance(above.ctx, ast.Load):
            return False
        if isinstance(code.parents.get(above or use), ast.comprehension):
            return False
    return bool(uses)


@kept
def _is_lazy(code: Code, node: ast.AST) -> bool:
    """A generator, ``zip(…)``, or a call of a function of this file that yields; a context manager yields to another
    end."""
    if not isinstance(node, ast.Call):
        return isinstance(node, ast.GeneratorExp)
    if is_name(node.func, "zip", "map", "filter", "enumerate"):
        return True
    function = code.definition(node.func)
    return (
        function is not None
        and not function.decorator_list
        and any(isinstance(each, ast.Yield) for each in inner(function, nested=False))
    )
