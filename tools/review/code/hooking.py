"""Hook functions and tracing blocks: what runs inside a forward pass, and on which module."""

from __future__ import annotations

import ast
from collections import defaultdict
from typing import NamedTuple

from gadfly.tools.review.code.flow import Code
from gadfly.tools.review.code.memory import kept
from gadfly.tools.review.code.names import listed
from gadfly.tools.review.code.nodes import Function, constant, is_attribute, parameters
from gadfly.tools.review.code.walk import inner
from gadfly.tools.review.code.watch import Watched

_OUTPUT_NAMES = {"output", "out", "outputs", "o", "result"}
_INPUT_NAMES = listed("input inputs inp args inps ins x i _ __ _args _inputs a")


_MODULE_NAMES = listed("module mod m _module _m layer _ _mod self_ block __")


class Hook(NamedTuple):
    """A function that a model calls during its forward pass."""

    function: Function | ast.Lambda
    kind: str  # forward | pre | lens
    value: str  # the parameter that holds the activation
    site: ast.AST | None  # what it is registered on, where that is visible


@kept
def hooks(code: Code) -> list[Hook]:
    """The hook functions of a file: torch's (module, args, output) and TransformerLens' (act, hook)."""
    sites: dict[ast.AST, tuple[str, ast.AST]] = {}
    for call in code.all(ast.Call):
        if is_attribute(call.func, "register_forward_hook", "register_forward_pre_hook"):
            kind = "pre" if "pre" in call.func.attr else "forward"
            for target in targets_of(code, call.args[0] if call.args else None):
                sites[target] = kind, call.func.value
    found: list[Hook] = []
    functions: list[Function | ast.Lambda] = code.all(
        ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda
    )
    for function in functions:
        names = parameters(function)
        if names and names[0] == "self":
            names = names[1:]
        at: tuple[str | None, ast.AST | None] = sites.get(function, (None, None))
        style, site = at
        if style is None:
            required = names[: len(names) - len(function.args.defaults)] or names
            if (
                len(required) == 3
                and required[0] in _MODULE_NAMES
                and required[1] in _INPUT_NAMES
                and required[2] in _OUTPUT_NAMES
            ):
                style = "forward"
            elif "hook" in names[1:] or "_hook" in names[1:]:
                style = "lens"
        if style is None:
            continue
        if style == "forward" and len(names) >= 3:
            value = names[2]
        elif style == "forward" and len(names) == 2 and names[1] == "hook":
            value = names[0]
        elif style == "pre" and len(names) >= 2:
            value = names[1]
        elif style == "lens" and names:
            value = names[0]
        else:
            continue
        found.append(Hook(function, style, value, site))
    return Watched(found, code.watch)


@kept
def hook_functions(code: Code) -> list[Function]:
    """The hooks that are functions, not lambdas."""
    found = [each.function for each in hooks(code) if isinstance(each.function, Function)]
    return Watched(found, code.watch)


def targets_of(code: Code, node: ast.AST | None) -> list[Function | ast.Lambda]:
    """The functions that an expression may stand for: a name, partial(f, …), a factory's inner function."""
    if node is None:
        return []
    if isinstance(node, ast.Lambda):
        return [node]
    if isinstance(node, ast.Name):
        function = code.definition(node)
        if function is not None:
            return [function]
        value = code.value(node)
        return targets_of(code, value) if value is not node else []
    if isinstance(node, ast.Call):
        if code.op(node).name == "partial" and node.args:
            return targets_of(code, node.args[0])
        factory = code.definition(node.func)
        if factory is None and isinstance(node.func, ast.Attribute):
            named = code.functions.get(node.func.attr, [])
            factory = named[0] if len(named) == 1 else None
        if factory is not None:
            return [
                target
                for each in inner(factory, nested=False)
                if isinstance(each, ast.Return) and isinstance(each.value, ast.Name | ast.Lambda)
                for target in targets_of(code, each.value)
            ]
    if isinstance(node, ast.Attribute):
        named = code.functions.get(node.attr, [])
        return [named[0]] if len(named) == 1 else []
    return []


def runs_in(code: Code, node: ast.AST | None) -> list[Function | ast.Lambda]:
    """As ``targets_of``, with the function of this file that a lambda only hands over to."""
    found = targets_of(code, node)
    for each in list(found):
        if isinstance(each, ast.Lambda) and isinstance(each.body, ast.Call):
            function = code.definition(each.body.func)
            if function is not None:
                found.append(function)
    return found


class Trace(NamedTuple):
    """An nnsight or nnterp tracing block."""

    block: ast.With
    call: ast.Call
    kind: str  # trace | generate | invoke | edit | session | scan
    tracer: str | None


@kept
def traces(code: Code) -> list[Trace]:
    """The tracing blocks of a file."""
    found: list[Trace] = []
    for block in code.all(ast.With):
        for item in block.items:
            call = item.context_expr
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute):
                kind = call.func.attr
                if kind in ("trace", "generate", "edit", "session", "scan", "invoke"):
                    named = item.optional_vars
                    tracer = named.id if isinstance(named, ast.Name) else None
                    found.append(Trace(block, call, kind, tracer))
    return Watched(found, code.watch)


def uses_nnsight(code: Code) -> bool:
    """Whether the file is written for nnsight or nnterp."""
    return code.imports_from("nnsight", "nnterp")


def hooked_names(code: Code, function: ast.AST) -> set[str]:
    """Activation names that stand beside a hook function in (name, function) pairs."""
    return _hooked_names(code).get(function, set())


@kept
def _hooked_names(code: Code) -> dict[ast.AST, set[str]]:
    found: dict[ast.AST, set[str]] = defaultdict(set)
    for pair in code.all(ast.Tuple):
        functions = runs_in(code, pair.elts[1]) if len(pair.elts) == 2 else []
        names = {constant(each) for each in code.flow(pair.elts[0])} if functions else set()
        for function in functions:
            found[function] |= {each for each in names if isinstance(each, str)}
    return found


def returns_value(function: Function) -> bool:
    return any(
        isinstance(each, ast.Return)
        and each.value is not None
        and not (isinstance(each.value, ast.Constant) and each.value.value is None)
        for each in inner(function, nested=False)
    )


_PROXIES = listed(
    "output input inputs layers_output layers_input mlps_output attentions_output "
    "attention_probabilities logits token_embeddings grad next_token_probs embed_tokens"
)


def touches_model(code: Code, node: ast.AST) -> bool:
    """Whether an expression reads or writes a value of the traced model."""
    return any(is_attribute(each, *_PROXIES) for each in inner(node))
