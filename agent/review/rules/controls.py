"""Random controls: their norm."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from gadfly.agent.review.flow import Code
from gadfly.agent.review.names import (
    VECTOR_WORDS,
    words,
)
from gadfly.agent.review.registry import Hit, rule
from gadfly.agent.review.tree import (
    identifiers,
    inner,
    parameters,
    word_set,
)


@rule("random-control-not-norm-matched", "medium")
def random_control(code: Code) -> Iterator[Hit]:
    """A random vector of norm sqrt(d) beside a unit (or otherwise scaled) steering vector."""
    yield from _random_in_place(code)
    yield from _random_beside(code)
    for assign in code.all(ast.Assign):
        target = assign.targets[0]
        if not isinstance(target, ast.Name) or not words(target.id) & {
            "random",
            "rand",
            "control",
            "rnd",
        }:
            continue
        if words(target.id) & {"state", "seed", "generator", "idx", "indices", "baseline_acc"}:
            continue
        value = assign.value
        while isinstance(value, ast.Call) and code.op(value).name in ("to", "float", "cuda"):
            inside = code.op(value).x
            if not isinstance(inside, ast.expr) or inside is value:
                break
            value = inside
        if not isinstance(value, ast.Call):
            continue
        op = code.op(value)
        if op.name in ("rand", "rand_like") and words(target.id) & {
            "direction",
            "vector",
            "vec",
            "dir",
        }:
            yield Hit(
                assign,
                "rand draws from [0, 1): all coordinates are positive, so this is not a random direction; and its norm "
                "does not match the steering vector",
                "torch.randn_like(v), then scale to v.norm()",
            )
            continue
        if op.name not in ("randn_like", "randn", "standard_normal"):
            continue
        if not words(target.id) & {"direction", "vector", "vec", "dir", "control"} and not (
            op.x is not None and word_set(op.x) & VECTOR_WORDS
        ):
            continue
        scope = code.function(assign) or code.module
        rescaled = any(
            isinstance(each, ast.Call)
            and code.op(each).name in ("norm", "normalize", "vector_norm")
            and code.op(each).x is not None
            and target.id
            in {e.id for e in inner(code.op(each).x or each) if isinstance(e, ast.Name)}
            for each in inner(scope)
        )
        if rescaled or {"normalize", "unit"} & {
            w for n in _called_with(code, target.id) for w in words(n)
        }:
            continue
        normed = any(
            op2.x is not None
            and word_set(op2.x) & (VECTOR_WORDS | {"steering"})
            and target.id not in identifiers(op2.x)
            for op2 in code.ops("norm", "normalize")
        )
        if normed:
            yield Hit(
                assign,
                "the random control is not norm-matched: randn has norm about sqrt(d_model), "
                "the steering vector another "
                "one, so the comparison is between magnitudes, not directions",
                "r = r / r.norm() * v.norm()",
            )


def _random_in_place(code: Code) -> Iterator[Hit]:
    """``alpha * v`` beside ``alpha * torch.randn_like(v)``, in a function that never takes a norm."""
    for op in code.ops("randn_like", "randn", "standard_normal"):
        function = code.function(op.node)
        if function is None or code.loops(op.node) == []:
            continue
        said = word_set(op.x) | frozenset(word for each in op.args for word in word_set(each))
        vectors = {each for each in parameters(function) if words(each) & VECTOR_WORDS}
        if not vectors & set(identifiers(op.node)) or not said & VECTOR_WORDS:
            continue
        if {"norm", "normalize", "normalise", "vector_norm", "unit"} & identifiers(function):
            continue
        statement = code.statement(op.node)
        target = getattr(statement, "targets", [None])[0]
        name = target.id if isinstance(target, ast.Name) else ""
        drawn = [
            op.node,
            *(e for e in inner(function) if isinstance(e, ast.Name) and e.id == name and name),
        ]
        scaled = {
            code.unparsed(above.left)
            for each in drawn
            for above in [code.parents.get(each)]
            if isinstance(above, ast.BinOp)
            and isinstance(above.op, ast.Mult)
            and above.right is each
        }
        same = any(
            isinstance(each, ast.BinOp)
            and isinstance(each.op, ast.Mult)
            and isinstance(each.right, ast.Name)
            and each.right.id in vectors
            and code.unparsed(each.left) in scaled
            for each in inner(function)
        )
        if same:
            yield Hit(
                drawn[-1],
                "the random control is not norm-matched: randn has norm about sqrt(d_model), the vector another one, "
                "and both get the same coefficient, so magnitudes are compared and not directions",
                "r = r / r.norm() * v.norm()",
            )


def _random_beside(code: Code) -> Iterator[Hit]:
    """``measure(vec)`` beside ``measure(torch.randn_like(vec))``, with no norm anywhere in the function."""
    if not code.mentions("randn_like", "randn"):
        return
    for function in code.defs():
        if any("norm" in each or "unit" in each for each in code.identifiers(function)):
            continue
        calls = [each for each in inner(function) if isinstance(each, ast.Call)]
        for call in calls:
            for place, given in enumerate(call.args):
                value = code.value(given)
                if not (
                    isinstance(value, ast.Call) and code.op(value).name in ("randn_like", "randn")
                ):
                    continue
                like = identifiers(value) & {
                    each for each in parameters(function) if words(each) & VECTOR_WORDS
                }
                beside = any(
                    other is not call
                    and code.same(other.func, call.func)
                    and place < len(other.args)
                    and isinstance(other.args[place], ast.Name)
                    and other.args[place].id in like  # type: ignore[attr-defined]
                    for other in calls
                )
                if beside:
                    yield Hit(
                        value,
                        "the random control is not norm-matched: randn has norm about sqrt(d_model), the "
                        "vector another "
                        "one, so the comparison is between magnitudes, not directions",
                        "r = r / r.norm() * vector.norm()",
                    )


def _called_with(code: Code, name: str) -> set[str]:
    return {
        code.op(call).name
        for call in code.all(ast.Call)
        for each in call.args
        if isinstance(each, ast.Name) and each.id == name
    }
