"""Softmax, argmax, cosine and norms over the wrong axis."""

from __future__ import annotations

import ast

from gadfly.tools.review.code.names import listed
from gadfly.tools.review.code.nodes import integer, is_binary
from gadfly.tools.review.code.shapes import Shape, dims, shape, stated_return
from gadfly.tools.review.code.walk import returned, word_set
from gadfly.tools.review.registry import Code, Hit, Hits, rule


@rule("softmax-over-wrong-axis", "high")
def softmax_axis(code: Code) -> Hits:
    """A distribution over batch, heads or queries instead of vocabulary or keys."""
    for op in code.ops("softmax", "log_softmax"):
        which = dims(op)
        axes = shape(code, op.x)
        if which is None or axes is None or not -len(axes) <= which[0] < len(axes):
            continue
        got = axes[which[0]]
        want = "vocab" if "vocab" in axes else "key" if "key" in axes and "query" in axes else ""
        if want and got not in (want, "?"):
            yield Hit(
                op.node,
                dim=which[0],
                axes=_shown(axes),
                axis=got,
                right_axis=want,
                repair="softmax(dim=-1)" if axes[-1] == want else f"the axis of {want}",
            )


@rule("argmax-over-wrong-axis", "high")
def argmax_axis(code: Code) -> Hits:
    """The top token taken over positions or batch."""
    for op in code.ops("argmax", "topk"):
        place = 1 if op.name == "topk" else 0
        which, axes = dims(op, place), shape(code, op.x)
        if which is None or axes is None or "vocab" not in axes:
            continue
        if not -len(axes) <= which[0] < len(axes):
            continue
        got = axes[which[0]]
        if got in ("batch", "pos"):
            yield Hit(op.node, call=op.name, dim=which[0], axes=_shown(axes), axis=got)


@rule("cosine-over-wrong-axis", "high")
def cosine_axis(code: Code) -> Hits:
    """cosine_similarity and normalize work on dim=1 unless told otherwise."""
    for op in code.ops("cosine_similarity", "normalize"):
        if not code.dotted(op.node.func).startswith(("torch", "F.")) and op.name == "normalize":
            continue
        if "sklearn" in code.dotted(op.node.func):
            continue
        axes = shape(code, op.x)
        other = shape(code, op.args[0]) if op.args and op.name == "cosine_similarity" else None
        if axes is None or (other and len(other) > len(axes)):
            axes = other or axes
        given = op.arg(1, "dim")
        number = 1 if given is None else integer(given)
        if axes is None or number is None or not -len(axes) <= number < len(axes):
            continue
        got = axes[number]
        if "d_model" in axes and got not in ("d_model", "?", "1"):
            how = "the default dim=1" if given is None else f"dim={number}"
            yield Hit(op.node, call=op.name, dim=how, axes=_shown(axes), axis=got)


@rule("normalised-over-wrong-axis", "high")
def norm_axis(code: Code) -> Hits:
    """``v / v.norm(dim=0)`` where the vectors are the rows."""
    divisions: list[ast.BinOp | ast.AugAssign] = code.all(ast.BinOp, ast.AugAssign)
    for node in divisions:
        if not isinstance(node.op, ast.Div):
            continue
        left = node.left if isinstance(node, ast.BinOp) else node.target
        right = node.right if isinstance(node, ast.BinOp) else node.value
        value = code.value(right)
        if is_binary(value, ast.Add):
            value = code.value(value.left)
        if code.is_call(value, *listed("clamp clamp_min unsqueeze maximum")):
            value = code.value(code.op(value).x)
        if isinstance(value, ast.Subscript):
            value = code.value(value.value)
        if not isinstance(value, ast.Call):
            continue
        op = code.op(value)
        if op.name not in ("norm", "vector_norm"):
            continue
        base = op.x
        if not (code.same(base, left) or code.same(code.value(base), code.value(left))):
            continue
        axes = shape(code, left)
        above = code.parents.get(node)
        if isinstance(above, ast.Return):
            function = code.function(above)
            stated = stated_return(code, function) if function else None
            axes = stated or axes
        elif isinstance(above, ast.Assign) and axes is None:
            axes = (
                shape(code, above.targets[0])
                if not isinstance(above.targets[0], ast.Name)
                else None
            )
        if axes is None or "d_model" not in axes or len(axes) < 2:
            continue
        given = op.arg(1, "dim", "axis")
        if given is None and "numpy" not in code.dotted(op.node.func):
            given = (
                op.arg(0, "dim", "axis")
                if isinstance(op.arg(0), ast.Constant) and op.name != "norm"
                else None
            )
        number = integer(given)
        if given is None:
            if not op.args and not op.kw:
                yield Hit(node, "whole", axes=_shown(axes))
            continue
        if number is None or not -len(axes) <= number < len(axes):
            continue
        got = axes[number]
        if got not in ("d_model", "?"):
            yield Hit(node, dim=number, axes=_shown(axes), axis=got)


def _shown(axes: Shape) -> str:
    return "[" + ", ".join(axes) + "]"


@rule("mean-over-the-vector", "high")
def mean_of_vector(code: Code) -> Hits:
    """A class mean, direction or ablation value averaged over d_model."""
    goal = listed("means centroid centroids direction vector steering ablate ablation prototype")
    for op in code.ops("mean"):
        which, axes = dims(op), shape(code, op.x)
        if axes is None or len(axes) < 2:
            continue
        statement = code.statement(op.node)
        alone = isinstance(statement, ast.Assign) and statement.value is op.node
        named = alone and word_set(statement.targets[0]) & {"mean", "avg", "average"}  # type: ignore[attr-defined]
        if not op.args and not op.kw and isinstance(op.x, ast.Name) and axes[-1] == "d_model":
            if named and code.context(op.node) & {"ablate", "ablation", "replace", "reference"}:
                yield Hit(op.node, "scalar", axes=_shown(axes))
            continue
        if which is None:
            continue
        got = [axes[n] for n in which if -len(axes) <= n < len(axes)]
        if got != ["d_model"] or not code.context(op.node) & goal:
            continue
        if code.context(op.node) & listed("norm center centre layernorm ln bias score scores"):
            continue
        yield Hit(op.node, dim=which[0], axes=_shown(axes))


@rule("returns-other-axes-than-stated", "medium")
def other_axes(code: Code) -> Hits:
    """The docstring says [batch, head] and the last line sums over heads."""
    for function in code.defs():
        stated = stated_return(code, function)
        if stated is None or {"?", "n", "1"} & set(stated):
            continue
        for value in returned(function):
            got = shape(code, value)
            if got is None or {"?", "n", "1"} & set(got) or len(got) != len(stated):
                continue
            if set(got) != set(stated) and code.is_call(value, *_REDUCING):
                yield Hit(value, stated=_shown(stated), returned=_shown(got))


_REDUCING = frozenset({"sum", "mean", "max", "amax", "norm", "any", "all"})


@rule("entropy-over-wrong-axis", "high")
def entropy_axis(code: Code) -> Hits:
    """``(p * p.log()).sum(dim)`` over queries or positions."""
    for op in code.ops("sum"):
        which, axes = dims(op), shape(code, op.x)
        product = code.value(op.x)
        if isinstance(product, ast.UnaryOp):
            product = product.operand
        if which is None or axes is None or not is_binary(product, ast.Mult):
            continue
        if not any(
            code.op(each).name in ("log", "log2", "log_softmax") for each in code.calls_in(product)
        ):
            continue
        want = "vocab" if "vocab" in axes else "key" if axes[-2:] == ("query", "key") else ""
        if not want or len(which) != 1 or not -len(axes) <= which[0] < len(axes):
            continue
        got = axes[which[0]]
        if got not in (want, "?"):
            yield Hit(op.node, dim=which[0], axes=_shown(axes), axis=got, right_axis=want)
