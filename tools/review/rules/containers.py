"""Python's lists and iterators: shared, or used up."""

from __future__ import annotations

import ast

from gadfly.tools.review.code.nodes import Comprehension, is_name
from gadfly.tools.review.code.walk import inner
from gadfly.tools.review.registry import Code, Hit, Hits, kept, rule


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
