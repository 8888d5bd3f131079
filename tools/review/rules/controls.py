"""Random controls: their norm."""

from __future__ import annotations

import ast
from collections import Counter, defaultdict

from gadfly.tools.review.code.names import VECTOR_WORDS, listed, words
from gadfly.tools.review.code.nodes import Function, is_binary, parameters
from gadfly.tools.review.code.walk import identifiers, inner, place, within, word_set
from gadfly.tools.review.registry import Code, Hit, Hits, kept, rule


@rule("random-control-not-norm-matched", "warning")
def random_control(code: Code) -> Hits:
    """A random vector of norm sqrt(d) beside a unit (or otherwise scaled) steering vector."""
    yield from _random_in_place(code)
    yield from _random_beside(code)
    for assign in code.all(ast.Assign):
        name, said = code.target_name(assign), words(code.target_name(assign))
        value: ast.expr | None = assign.value
        if not said & listed("random rand control rnd"):
            continue
        if said & {"state", "seed", "generator", "idx", "indices"}:
            continue
        while code.is_call(value, "to", "float", "cuda") and code.op(value).x is not None:
            value = code.op(value).x
        if not isinstance(value, ast.Call):
            continue
        op = code.op(value)
        if op.name in ("rand", "rand_like") and said & listed("direction vector vec dir"):
            yield Hit(assign, "positive")
            continue
        if op.name not in ("randn_like", "randn", "standard_normal"):
            continue
        if not (said & listed("direction vector vec dir control") or word_set(op.x) & VECTOR_WORDS):
            continue
        used_by = {w for each in _calls_by_argument(code).get(name, ()) for w in words(each)}
        if name in _normed(code, code.home(assign)) or {"normalize", "unit"} & used_by:
            continue
        if any(name not in names for names in _normed_vectors(code)):
            yield Hit(assign)


def _random_in_place(code: Code) -> Hits:
    """``alpha * v`` beside ``alpha * torch.randn_like(v)``, in a function that never takes a norm."""
    for op in code.ops("randn_like", "randn", "standard_normal"):
        function = code.function(op.node)
        if function is None or code.loops(op.node) == []:
            continue
        said = word_set(op.x) | frozenset(word for each in op.args for word in word_set(each))
        vectors = _vectors(function)
        if not vectors & identifiers(op.node) or not said & VECTOR_WORDS:
            continue
        if {"norm", "normalize", "normalise", "vector_norm", "unit"} & identifiers(function):
            continue
        name, above = code.target_name(op.node), code.parents.get(op.node)
        scales = _scales(code, function)
        scaled = set(scales.get(name, ()))
        if is_binary(above, ast.Mult) and above.right is op.node:
            scaled.add(code.unparsed(above.left))
        if any(scaled & scales.get(each, set()) for each in vectors):
            yield Hit(_last_use(code, name, function) or op.node, "same")


def _random_beside(code: Code) -> Hits:
    """``measure(vec)`` beside ``measure(torch.randn_like(vec))``, with no norm anywhere in the function."""
    if not code.mentions("randn_like", "randn"):
        return
    for function in code.defs():
        if any("norm" in each or "unit" in each for each in identifiers(function)):
            continue
        calls = list(within(function, ast.Call))
        named = Counter(
            (code.unparsed(call.func), number, given.id)
            for call in calls
            for number, given in enumerate(call.args)
            if isinstance(given, ast.Name) and words(given.id) & VECTOR_WORDS
        )
        for call in calls:
            for number, given in enumerate(call.args):
                value = code.value(given)
                if not code.is_call(value, "randn_like", "randn"):
                    continue
                like = identifiers(value) & _vectors(function)
                text = code.unparsed(call.func)
                own = given.id if isinstance(given, ast.Name) else ""
                if any(named[text, number, name] > (name == own) for name in like):
                    yield Hit(value, "measured")


def _vectors(function: Function) -> set[str]:
    """The parameters of a function that are called like vectors."""
    return {each for each in parameters(function) if words(each) & VECTOR_WORDS}


@kept
def _calls_by_argument(code: Code) -> dict[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for call in code.all(ast.Call):
        for each in call.args:
            if isinstance(each, ast.Name):
                found[each.id].add(code.op(call).name)
    return found


@kept
def _normed(code: Code, scope: ast.AST) -> frozenset[str]:
    """The plain names whose norm is taken in a function."""
    return frozenset(
        each.id
        for op in code.ops_in(scope, "norm", "normalize", "vector_norm")
        for each in (inner(op.x) if op.x is not None else ())
        if isinstance(each, ast.Name)
    )


@kept
def _normed_vectors(code: Code) -> frozenset[frozenset[str]]:
    """The names in each vector whose norm is taken."""
    return frozenset(
        identifiers(op.x)
        for op in code.ops("norm", "normalize")
        if op.x is not None and word_set(op.x) & (VECTOR_WORDS | {"steering"})
    )


@kept
def _scales(code: Code, function: ast.AST) -> dict[str, set[str]]:
    """What a plain name on the right of a product is multiplied by, in a function."""
    found: dict[str, set[str]] = defaultdict(set)
    for each in inner(function):
        if is_binary(each, ast.Mult) and isinstance(each.right, ast.Name):
            found[each.right.id].add(code.unparsed(each.left))
    return found


@kept
def _last_use(code: Code, name: str, function: ast.AST) -> ast.AST | None:
    uses = [*code.reads(name, function), *code.writes(name, function)]
    return max(uses, key=place, default=None)
