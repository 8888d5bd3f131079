"""Hooks in loops: what they bind, and when they are taken off."""

from __future__ import annotations

import ast
from collections import defaultdict

from gadfly.tools.review.code.concepts import forwards, forwards_in
from gadfly.tools.review.code.hooking import Hook, hooks, returns_value, targets_of
from gadfly.tools.review.code.names import listed
from gadfly.tools.review.code.nodes import Comprehension, Function, is_attribute, is_name, position
from gadfly.tools.review.code.walk import below, inner, named_values, names_in, within
from gadfly.tools.review.registry import Code, Hit, Hits, kept, rule


@rule("late-binding-in-hook", "error")
def late_binding(code: Code) -> Hits:
    """Closures made in a loop that read the loop variable when they run."""
    functions: list[Function | ast.Lambda] = code.all(
        ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda
    )
    for function in functions:
        varying: dict[str, ast.AST] = {}
        for loop in code.loops(function):
            if isinstance(loop, ast.For):
                varying |= dict.fromkeys(_varying(code, loop), loop)
        for above in code.up(function) if isinstance(function, ast.Lambda) else ():
            if isinstance(above, Function):
                break
            if isinstance(above, Comprehension):
                for part in above.generators:
                    varying |= dict.fromkeys(names_in(part.target), above)
        late = code.free_names(function) & set(varying) if varying else set()
        if late and _outlives(code, function, varying[min(late)]):
            yield Hit(function, name=min(late))


@kept
def _varying(code: Code, loop: ast.For) -> frozenset[str]:
    """The variables of a loop, and what its body makes of them."""
    names = names_in(loop.target)
    for statement in loop.body:
        for name, value, _ in named_values(statement, nested=False):
            if names_in(value) & names:
                names.add(name)
    return frozenset(names)


@kept
def _runs(code: Code, loop: ast.AST) -> bool:
    """Whether a model is run in a loop, or its hooks are taken off there."""
    ends = ("run_with_hooks", "generate", "remove", "reset_hooks", "hooks", "clear")
    return bool(forwards_in(code, loop)) or code.calls_any(loop, *ends)


def _outlives(code: Code, function: Function | ast.Lambda, loop: ast.AST) -> bool:
    """Whether a function made in an iteration is kept beyond it."""
    if isinstance(loop, Comprehension):
        above = code.parents[function]
        if isinstance(above, ast.Call):  # sorted(key=lambda …), partial(lambda …), immediately used
            return isinstance(above.func, ast.Attribute) and "register" in above.func.attr
        return isinstance(loop, ast.ListComp | ast.DictComp) and isinstance(
            above, ast.Tuple | ast.ListComp | ast.DictComp | ast.List
        )
    if _runs(code, loop):
        return False
    if isinstance(function, ast.Lambda):
        return _is_kept(code, function)
    return any(_is_kept(code, use) for use in code.reads(function.name, loop))


def _is_kept(code: Code, use: ast.AST) -> bool:
    """Whether a function goes where it is used into a list, an item, an attribute or a hook."""
    for above in code.up(use):
        if isinstance(above, ast.Assign):
            return any(isinstance(each, ast.Subscript | ast.Attribute) for each in above.targets)
        if isinstance(above, ast.stmt):
            return isinstance(above, ast.AugAssign)
        name = code.op(above).name if isinstance(above, ast.Call) else ""
        if name in listed("append extend add_hook add insert") or name.startswith("register_"):
            return True
        if name in listed("sorted max min map filter partial sort"):
            return False
    return False


@rule("hooks-never-removed", "warning")
def never_removed(code: Code) -> Hits:
    """Hooks registered in a loop, or by a function that runs a model, with no remove in the file."""
    if code.mentions("remove", "reset_hooks", "remove_all_hooks", "remove_hooks", "ExitStack"):
        return
    for call in code.all(ast.Call):
        if not isinstance(call.func, ast.Attribute):
            continue
        lens = call.func.attr == "add_hook" and code.mentions("HookedTransformer")
        torch = is_attribute(call.func, "register_forward_hook", "register_forward_pre_hook")
        if not lens and not torch:
            continue
        if any(each.arg in ("is_permanent", "always_call") for each in call.keywords):
            continue
        if any(isinstance(each, ast.Return | ast.Yield) for each in code.up(call)):
            continue  # the caller gets the handle
        kept = code.statement(call)
        if isinstance(kept, ast.Assign) and any(
            isinstance(each, ast.Attribute) for target in kept.targets for each in inner(target)
        ):
            continue
        loops = code.loops(call)
        runs_in_loop = any(_runs_or_calls_one(code, loop) - {call} for loop in loops)
        given = call.args[1:2] if lens else call.args[:1]
        if _editing(code).isdisjoint(targets_of(code, given[0] if given else None)):
            continue
        function = code.function(call)
        calls = code.calls_of(function.name) if function is not None else []
        repeated = len(calls) > 1 or any(
            code.loops(each) or isinstance(code.scope(each), Comprehension) for each in calls
        )
        runs_after = _last_runs(code).get(function, 0) > call.lineno
        if runs_in_loop or (repeated and runs_after):
            yield Hit(call)


@kept
def _runs_or_calls_one(code: Code, loop: ast.AST) -> frozenset[ast.AST]:
    """The calls in a loop that run a model, at once or by a function of this file."""
    runs = set(forwards_in(code, loop))
    calls = (each for each in within(loop, ast.Call))
    return frozenset(each for each in calls if each in runs or _calls_a_run(code, each))


def _calls_a_run(code: Code, call: ast.Call) -> bool:
    function = code.definition(call.func)
    return function is not None and bool(forwards_in(code, function))


@kept
def _last_runs(code: Code) -> dict[ast.AST | None, int]:
    """The line of the last run of a model in each function."""
    return {code.function(each): each.lineno for each in sorted(forwards(code), key=position)}


@kept
def _editing(code: Code) -> frozenset[ast.AST]:
    """The functions of the hooks that change something."""
    return frozenset(each.function for each in hooks(code) if _changes(each))


def _changes(hook: Hook) -> bool:
    if isinstance(hook.function, ast.Lambda):
        return True
    return returns_value(hook.function) or any(
        isinstance(each.target, ast.Subscript) for each in within(hook.function, ast.AugAssign)
    )


@rule("only-last-hook-removed", "error")
def only_last_removed(code: Code) -> Hits:
    """One name for the handles of a loop, removed once after it."""
    for assign in code.all(ast.Assign):
        name, value, loops = code.target_name(assign), assign.value, code.loops(assign)
        if not (name and loops and isinstance(value, ast.Call)):
            continue
        if not getattr(value.func, "attr", "").startswith("register_forward"):
            continue
        removed, stored = _in_loop(code, name, loops[0])
        removals = _removals(code).get((code.home(assign), name), [])
        after = len(below(loops[0], removals)) < len(removals)
        if after and not stored and not removed:
            yield Hit(assign, name=name)


@kept
def _in_loop(code: Code, name: str, loop: ast.AST) -> tuple[bool, bool]:
    """Whether a handle is removed in a loop, and whether it is put on a list there."""
    uses = [code.parents[each] for each in (*code.reads(name, loop), *code.writes(name, loop))]
    removed = any(is_attribute(each, "remove") for each in uses)
    stored = any(
        code.is_call(each, "append") and any(is_name(a, name) for a in each.args) for each in uses
    )
    return removed, stored


@kept
def _removals(code: Code) -> dict[tuple[ast.AST, str], list[ast.Call]]:
    """The calls of ``name.remove()``, by function and name."""
    found: dict[tuple[ast.AST, str], list[ast.Call]] = defaultdict(list)
    for op in code.ops("remove"):
        if isinstance(op.x, ast.Name):
            found[code.home(op.node), op.x.id].append(op.node)
    return found
