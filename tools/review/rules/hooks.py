"""Hook functions: what they are given and whether what they do arrives."""

from __future__ import annotations

import ast

from gadfly.tools.review.code.concepts import is_forward
from gadfly.tools.review.code.hooking import Hook, hook_functions, hooks, returns_value
from gadfly.tools.review.code.names import listed
from gadfly.tools.review.code.nodes import is_attribute, is_binary, is_name, parameters
from gadfly.tools.review.code.walk import inner, named_values, names_in, within, word_set
from gadfly.tools.review.registry import Code, Hit, Hits, rule

_IN_PLACE = listed(
    "add_ mul_ sub_ zero_ copy_ fill_ div_ index_add_ index_copy_ scatter_ scatter_add_ "
    "masked_fill_ normal_ clamp_ index_fill_ addcmul_ set_ lerp_"
)


def _views_and_copies(code: Code, hook: Hook) -> tuple[set[str], set[str]]:
    """Names in a hook that are the activation itself, and names of copies or new tensors made from it."""
    views, copies = {hook.value}, set[str]()
    if isinstance(hook.function, ast.Lambda):
        return views, copies
    for node in inner(hook.function, nested=False):
        if not isinstance(node, ast.Assign) or len(node.targets) != 1:
            continue
        names = [each.id for each in within(node.targets[0], ast.Name)]
        if isinstance(node.targets[0], ast.Subscript):
            continue
        value = node.value
        read = names_in(value)
        if not read & (views | copies):
            continue
        fresh = any(
            isinstance(each, ast.BinOp)
            or (isinstance(each, ast.Call) and not isinstance(each.func, ast.Name))
            or (isinstance(each, ast.Call) and code.op(each).name.endswith("_like"))
            for each in inner(value)
            if not _is_test(code, each)
        )
        if fresh:
            copies |= set(names)
            views -= set(names)
        elif read & views:
            views |= set(names)
            copies -= set(names)
        else:
            copies |= set(names)
    return views, copies


def _is_test(code: Code, node: ast.AST) -> bool:
    return code.is_call(node, "isinstance", "type", "len")


@rule("hook-without-effect", "high")
def no_effect(code: Code) -> Hits:
    """A hook that computes a new activation and neither returns it nor writes it in place."""
    for hook in hooks(code):
        function = hook.function
        if isinstance(function, ast.Lambda):
            continue
        if returns_value(function):
            continue
        if any(within(function, ast.Yield)):
            continue
        views, copies = _views_and_copies(code, hook)
        last: ast.stmt | None = None
        rescued = False
        for node in inner(function, nested=False):
            if isinstance(node, ast.Assign | ast.AugAssign | ast.AnnAssign):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                for target in targets:
                    base = target
                    while isinstance(base, ast.Subscript | ast.Attribute):
                        base = base.value
                    if not isinstance(base, ast.Name):
                        continue
                    if isinstance(target, ast.Attribute):
                        rescued = True  # stores something elsewhere: a recording hook
                    elif isinstance(target, ast.Subscript):
                        if base.id in copies:
                            last = node
                        else:
                            rescued = True  # writes into the activation, or into a store
                    elif isinstance(node, ast.AugAssign):
                        if base.id in copies:
                            last = node
                        elif base.id in views:
                            rescued = True
                        else:
                            rescued = True
                    elif base.id in copies and _edits(code, node, hook, views | copies):
                        last = node
            elif isinstance(node, ast.Global | ast.Nonlocal):
                rescued = True
            elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
                call = node.value
                if is_attribute(call.func, *_IN_PLACE):
                    base_node: ast.AST = call.func.value
                    chained = False
                    while isinstance(base_node, ast.Subscript | ast.Attribute | ast.Call):
                        if isinstance(base_node, ast.Call):
                            chained = True
                            base_node = base_node.func
                        else:
                            base_node = base_node.value
                    if isinstance(base_node, ast.Name) and (base_node.id in copies or chained):
                        last = node
                    else:
                        rescued = True
                elif is_name(call.func, "print"):
                    continue
                else:
                    rescued = (
                        True  # append(...), writer.add(...), edit(output): may keep or change it
                    )
        if last is not None and not rescued:
            yield Hit(last)


def _edits(code: Code, node: ast.AST, hook: Hook, known: set[str]) -> bool:
    """A statement that changes an activation, not one that measures it."""
    value = getattr(node, "value", None)
    if value is None:
        return False
    for each in inner(value):
        if is_binary(each, ast.Add, ast.Sub, ast.Mult):
            return True
        if code.is_call(
            each, *listed("zeros_like masked_fill where expand_as randn_like cat index_add")
        ):
            return True
    return False


@rule("hook-edits-copy", "high")
def edits_copy(code: Code) -> Hits:
    """A hook edits a clone and returns the untouched original."""
    for function in hook_functions(code):
        assigned = named_values(function, nested=False)
        clones = [name for name, value, _ in assigned if code.is_call(value, "clone", "deepcopy")]
        for name in dict.fromkeys(clones):
            writes = [
                each
                for each in inner(function, nested=False)
                if isinstance(each, ast.Assign | ast.AugAssign)
                and _base(each.targets[0] if isinstance(each, ast.Assign) else each.target) == name
                and isinstance(
                    each.targets[0] if isinstance(each, ast.Assign) else each.target, ast.Subscript
                )
            ]
            if not writes:
                continue
            reads = [
                each
                for each in inner(function, nested=False)
                if is_name(each, name) and isinstance(each.ctx, ast.Load)
            ]
            targets = {id(t) for w in writes for t in inner(w) if isinstance(t, ast.Name)}
            if all(id(each) in targets for each in reads) and returns_value(function):
                yield Hit(writes[-1], name=name)


def _base(node: ast.AST) -> str:
    while isinstance(node, ast.Subscript | ast.Attribute):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


@rule("hook-reads-wrong-parameter", "medium")
def takes_input(code: Code) -> Hits:
    """A TransformerLens-style (act, hook) function used as a torch hook, or the reverse."""
    for hook in hooks(code):
        if hook.kind != "forward" or hook.site is None or isinstance(hook.function, ast.Lambda):
            continue
        names = parameters(hook.function)
        if len(names) == 2 and names[1] == "hook":
            yield Hit(hook.function)


@rule("baseline-under-the-hooks", "high")
def baseline_hooked(code: Code) -> Hits:
    """``with model.hooks(…): base = model(tokens)``"""
    for assign in code.all(ast.Assign):
        if not word_set(assign.targets[0]) & listed(
            "base baseline clean original unpatched unablated"
        ):
            continue
        if not any(is_forward(code, each) for each in within(assign.value, ast.Call)):
            continue
        for _, item in code.withs(assign):
            call = item.context_expr
            if code.is_call(call, "hooks") and (call.args or call.keywords):
                yield Hit(assign)
                break


@rule("detached-copy-has-no-gradient", "high")
def detached(code: Code) -> Hits:
    """A hook that keeps ``h.detach().requires_grad_()`` and lets the model go on with the original."""
    for function in hook_functions(code):
        if returns_value(function):
            continue
        for node in inner(function):
            if not code.is_call(node, "detach"):
                continue
            statement = code.statement(node)
            target = getattr(statement, "targets", [None])[0]
            name = target.id if isinstance(target, ast.Name) else ""
            tracked = any(
                code.is_call(each, "requires_grad_", "retain_grad")
                and (code.unparsed(code.op(each).x) == name or node in inner(each))
                for each in inner(function)
            )
            if tracked:
                yield Hit(node)
                break
