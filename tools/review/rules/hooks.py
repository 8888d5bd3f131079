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
        if isinstance(node.targets[0], ast.Subscript):
            continue
        names, value = names_in(node.targets[0]), node.value
        read = names_in(value)
        if not read & (views | copies):
            continue
        if any(_is_fresh(code, each) for each in inner(value)):
            copies |= names
            views -= names
        elif read & views:
            views |= names
            copies -= names
        else:
            copies |= names
    return views, copies


def _is_fresh(code: Code, node: ast.AST) -> bool:
    """Whether a part of an expression makes a new tensor."""
    if not isinstance(node, ast.Call) or code.is_call(node, "isinstance", "type", "len"):
        return isinstance(node, ast.BinOp)
    return not isinstance(node.func, ast.Name) or code.op(node).name.endswith("_like")


@rule("hook-without-effect", "error")
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
        for node in inner(function, nested=False):
            effect = _effect(code, node, views, copies)
            if effect is True:
                break
            if effect is False and isinstance(node, ast.stmt):
                last = node
        else:
            if last is not None:
                yield Hit(last)


def _effect(code: Code, node: ast.AST, views: set[str], copies: set[str]) -> bool | None:
    """Whether what a statement of a hook does may be seen outside: False where it only edits a copy, else None."""
    if isinstance(node, ast.Global | ast.Nonlocal):
        return True
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        call = node.value
        if is_attribute(call.func, *_IN_PLACE):
            base, chained = call.func.value, False
            while isinstance(base, ast.Subscript | ast.Attribute | ast.Call):
                chained = chained or isinstance(base, ast.Call)
                base = base.func if isinstance(base, ast.Call) else base.value
            return not (isinstance(base, ast.Name) and (base.id in copies or chained))
        # append(...), writer.add(...), edit(output): may keep or change it
        return None if is_name(call.func, "print") else True
    if not isinstance(node, ast.Assign | ast.AugAssign | ast.AnnAssign):
        return None
    effects: set[bool] = set()
    for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
        name = _base(target)
        if not name:
            continue
        if isinstance(target, ast.Attribute):
            effects.add(True)  # stores something elsewhere: a recording hook
        elif isinstance(target, ast.Subscript) or isinstance(node, ast.AugAssign):
            effects.add(name not in copies)  # writes into the activation, or into a store
        elif name in copies and _edits(code, node):
            effects.add(False)
    return max(effects, default=None)


def _edits(code: Code, node: ast.Assign | ast.AnnAssign) -> bool:
    """A statement that changes an activation, not one that measures it."""
    makers = listed("zeros_like masked_fill where expand_as randn_like cat index_add")
    return node.value is not None and any(
        is_binary(each, ast.Add, ast.Sub, ast.Mult) or code.is_call(each, *makers)
        for each in inner(node.value)
    )


@rule("hook-edits-copy", "error")
def edits_copy(code: Code) -> Hits:
    """A hook edits a clone and returns the untouched original."""
    for function in hook_functions(code):
        assigned = named_values(function, nested=False)
        clones = [name for name, value, _ in assigned if code.is_call(value, "clone", "deepcopy")]
        for name in dict.fromkeys(clones):
            body = list(inner(function, nested=False))
            writes = [
                each
                for each in body
                if isinstance(each, ast.Assign | ast.AugAssign)
                for target in [each.targets[0] if isinstance(each, ast.Assign) else each.target]
                if isinstance(target, ast.Subscript) and _base(target) == name
            ]
            reads = [e for e in body if is_name(e, name) and isinstance(e.ctx, ast.Load)]
            targets = {id(each) for write in writes for each in inner(write)}
            if writes and all(id(e) in targets for e in reads) and returns_value(function):
                yield Hit(writes[-1], name=name)


def _base(node: ast.AST) -> str:
    while isinstance(node, ast.Subscript | ast.Attribute):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


@rule("hook-reads-wrong-parameter", "warning")
def takes_input(code: Code) -> Hits:
    """A TransformerLens-style (act, hook) function used as a torch hook, or the reverse."""
    for hook in hooks(code):
        if hook.kind != "forward" or hook.site is None or isinstance(hook.function, ast.Lambda):
            continue
        names = parameters(hook.function)
        if len(names) == 2 and names[1] == "hook":
            yield Hit(hook.function)


@rule("baseline-under-the-hooks", "error")
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


@rule("detached-copy-has-no-gradient", "error")
def detached(code: Code) -> Hits:
    """A hook that keeps ``h.detach().requires_grad_()`` and lets the model go on with the original."""
    for function in hook_functions(code):
        if returns_value(function):
            continue
        for node in inner(function):
            if not code.is_call(node, "detach"):
                continue
            name = code.target_name(node)
            tracked = any(
                code.is_call(each, "requires_grad_", "retain_grad")
                and (code.unparsed(code.op(each).x) == name or node in inner(each))
                for each in inner(function)
            )
            if tracked:
                yield Hit(node)
                break
