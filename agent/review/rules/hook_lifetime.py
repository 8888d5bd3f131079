"""Hooks in loops: what they bind, and when they are taken off."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from gadfly.agent.review.concepts import forwards
from gadfly.agent.review.flow import Code
from gadfly.agent.review.hooking import Hook, hooks, returns_value, targets_of
from gadfly.agent.review.registry import Hit, rule
from gadfly.agent.review.tree import (
    FUNCTIONS,
    Comprehension,
    Function,
    inner,
)


@rule("late-binding-in-hook", "high")
def late_binding(code: Code) -> Iterator[Hit]:
    """Closures made in a loop that read the loop variable when they run."""
    functions: list[Function | ast.Lambda] = [*code.defs(), *code.all(ast.Lambda)]
    for function in functions:
        loops = code.loops(function)
        varying: dict[str, ast.AST] = {}
        for loop in loops:
            if isinstance(loop, ast.For):
                names = {each.id for each in inner(loop.target) if isinstance(each, ast.Name)}
                for statement in loop.body:
                    for node in inner(statement, nested=False):
                        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                            read = {e.id for e in inner(node.value) if isinstance(e, ast.Name)}
                            if read & names:
                                names.add(node.targets[0].id)
                varying |= dict.fromkeys(names, loop)
        if isinstance(function, ast.Lambda):
            for above in code.up(function):
                if isinstance(above, FUNCTIONS):
                    break
                if isinstance(above, ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp):
                    names = {
                        each.id
                        for part in above.generators
                        for each in inner(part.target)
                        if isinstance(each, ast.Name)
                    }
                    varying |= dict.fromkeys(names, above)
        if not varying:
            continue
        late = code.free_names(function) & set(varying)
        if late and _outlives(code, function, varying[min(late)]):
            name = min(late)
            yield Hit(
                function,
                f"late binding: the closure reads the loop variable {name} when it runs, after the loop, so every "
                "hook uses the value of the last iteration (last layer)",
                f"bind it: a default argument {name}={name}, functools.partial, or a factory function",
            )


def _outlives(code: Code, function: Function | ast.Lambda, loop: ast.AST) -> bool:
    """Whether a function made in an iteration is kept beyond it."""
    if isinstance(loop, ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp):
        above = code.parents[function]
        if isinstance(above, ast.Call):  # sorted(key=lambda …), partial(lambda …), immediately used
            return isinstance(above.func, ast.Attribute) and "register" in above.func.attr
        return isinstance(loop, ast.ListComp | ast.DictComp) and isinstance(
            above, ast.Tuple | ast.ListComp | ast.DictComp | ast.List
        )
    uses: list[ast.AST] = []
    if isinstance(function, ast.Lambda):
        uses = [function]
    else:
        uses = [
            each
            for each in inner(loop)
            if isinstance(each, ast.Name)
            and each.id == function.name
            and isinstance(each.ctx, ast.Load)
        ]
    body = list(inner(loop))
    runs_inside = {id(call) for call in forwards(code)}
    runs = any(
        isinstance(each, ast.Call)
        and (
            id(each) in runs_inside
            or code.op(each).name
            in ("run_with_hooks", "generate", "remove", "reset_hooks", "hooks", "clear")
        )
        for each in body
    )
    if runs:
        return False
    for use in uses:
        for above in code.up(use):
            if isinstance(above, ast.stmt):
                if isinstance(above, ast.Assign) and any(
                    isinstance(target, ast.Subscript | ast.Attribute) for target in above.targets
                ):
                    return True
                if isinstance(above, ast.AugAssign):
                    return True
                break
            if isinstance(above, ast.Call):
                name = code.op(above).name
                if name in ("append", "extend", "add_hook", "add", "insert") or name.startswith(
                    "register_"
                ):
                    return True
                if name in ("sorted", "max", "min", "map", "filter", "partial", "sort"):
                    break
    return False


@rule("hooks-never-removed", "medium")
def never_removed(code: Code) -> Iterator[Hit]:
    """Hooks registered in a loop, or by a function that runs a model, with no remove in the file."""
    if code.mentions("remove", "reset_hooks", "remove_all_hooks", "remove_hooks", "ExitStack"):
        return
    for call in code.all(ast.Call):
        if not isinstance(call.func, ast.Attribute):
            continue
        lens = call.func.attr == "add_hook" and code.mentions("HookedTransformer")
        if not lens and call.func.attr not in (
            "register_forward_hook",
            "register_forward_pre_hook",
        ):
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
        runs_in_loop = any(
            each is not call and (each in set(forwards(code)) or _calls_a_run(code, each))
            for loop in loops
            for each in inner(loop)
            if isinstance(each, ast.Call)
        )
        given = call.args[1:2] if lens else call.args[:1]
        targets = targets_of(code, given[0] if given else None)
        edits = [h for h in hooks(code) if h.function in targets and _changes(h)]
        if not edits:
            continue
        function = code.function(call)
        repeated = function is not None and (
            len(code.calls_of(function.name)) > 1
            or any(
                code.loops(each) or isinstance(code.scope(each), Comprehension)
                for each in code.calls_of(function.name)
            )
        )
        runs_after = any(
            code.function(each) is function and each.lineno > call.lineno for each in forwards(code)
        )
        if runs_in_loop or (repeated and runs_after):
            yield Hit(
                call,
                "this hook is never removed: it stays on the model, so later runs (baselines, other layers) are "
                "still edited and the interventions accumulate",
                "handle = …register_forward_hook(…); try: … finally: handle.remove()",
            )


def _calls_a_run(code: Code, call: ast.Call) -> bool:
    function = code.definition(call.func)
    return function is not None and any(each in set(forwards(code)) for each in inner(function))


def _changes(hook: Hook) -> bool:
    if isinstance(hook.function, ast.Lambda):
        return True
    return returns_value(hook.function) or any(
        isinstance(each, ast.AugAssign) and isinstance(each.target, ast.Subscript)
        for each in inner(hook.function)
    )


@rule("only-last-hook-removed", "high")
def only_last_removed(code: Code) -> Iterator[Hit]:
    """One name for the handles of a loop, removed once after it."""
    for assign in code.all(ast.Assign):
        target, value = assign.targets[0], assign.value
        if not (
            isinstance(target, ast.Name)
            and isinstance(value, ast.Call)
            and isinstance(value.func, ast.Attribute)
            and value.func.attr.startswith("register_forward")
        ):
            continue
        loops = code.loops(assign)
        if not loops:
            continue
        inside = {
            each.attr
            for each in inner(loops[0])
            if isinstance(each, ast.Attribute)
            and isinstance(each.value, ast.Name)
            and each.value.id == target.id
        }
        kept = any(
            isinstance(each, ast.Call)
            and code.op(each).name == "append"
            and any(isinstance(a, ast.Name) and a.id == target.id for a in each.args)
            for each in inner(loops[0])
        )
        scope = code.function(assign) or code.module
        after = any(
            op.name == "remove"
            and isinstance(op.x, ast.Name)
            and op.x.id == target.id
            and loops[0] not in code.up(op.node)
            for op in code.ops("remove")
            if (code.function(op.node) or code.module) is scope
        )
        if after and not kept and "remove" not in inside:
            yield Hit(
                assign,
                f"{target.id} is overwritten in every iteration and removed once after the loop: only the last "
                "hook is removed, the others stay on the model",
                "collect the handles in a list and remove every one",
            )
