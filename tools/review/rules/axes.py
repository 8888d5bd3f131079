"""Softmax, argmax, cosine and norms over the wrong axis."""

from __future__ import annotations

import ast

from gadfly.tools.review.code.names import listed
from gadfly.tools.review.code.nodes import integer, is_binary
from gadfly.tools.review.code.shapes import along, dims, shape, shown, stated_return
from gadfly.tools.review.code.walk import returned, word_set
from gadfly.tools.review.registry import Code, Hit, Hits, rule


@rule("softmax-over-wrong-axis", "error")
def softmax_axis(code: Code) -> Hits:
    """A distribution over batch, heads or queries instead of vocabulary or keys."""
    for op in code.ops("softmax", "log_softmax"):
        found = along(code, op)
        if found is None:
            continue
        axes, dim, axis = found
        right = "vocab" if "vocab" in axes else "key" if "key" in axes and "query" in axes else ""
        if right and axis not in (right, "?"):
            repair = "softmax(dim=-1)" if axes[-1] == right else f"the axis of {right}"
            yield Hit(op.node, dim=dim, axes=found, axis=axis, right_axis=right, repair=repair)


@rule("argmax-over-wrong-axis", "error")
def argmax_axis(code: Code) -> Hits:
    """The top token taken over positions or batch."""
    for op in code.ops("argmax", "topk"):
        found = along(code, op, 1 if op.name == "topk" else 0)
        if found is not None and "vocab" in found.axes and found.axis in ("batch", "pos"):
            yield Hit(op.node, call=op.name, dim=found.dim, axes=found, axis=found.axis)


@rule("cosine-over-wrong-axis", "error")
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
        if "d_model" in axes and axes[number] not in ("d_model", "?", "1"):
            dim = "the default dim=1" if given is None else f"dim={number}"
            yield Hit(op.node, call=op.name, dim=dim, axes=shown(axes), axis=axes[number])


@rule("normalised-over-wrong-axis", "error")
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
        if not code.is_call(value, "norm", "vector_norm"):
            continue
        op = code.op(value)
        if not (code.same(op.x, left) or code.same(code.value(op.x), code.value(left))):
            continue
        axes = shape(code, left)
        above = code.parents.get(node)
        if isinstance(above, ast.Return):
            axes = stated_return(code, code.home(above)) or axes
        elif isinstance(above, ast.Assign) and axes is None:
            target = above.targets[0]
            axes = None if isinstance(target, ast.Name) else shape(code, target)
        if axes is None or "d_model" not in axes or len(axes) < 2:
            continue
        given = op.arg(1, "dim", "axis")
        if given is None and op.name == "vector_norm" and isinstance(op.arg(0), ast.Constant):
            given = op.arg(0) if "numpy" not in code.dotted(op.node.func) else None
        dim = integer(given)
        if given is None and not op.args and not op.kw:
            yield Hit(node, "whole", axes=shown(axes))
        if dim is None or not -len(axes) <= dim < len(axes) or axes[dim] in ("d_model", "?"):
            continue
        yield Hit(node, dim=dim, axes=shown(axes), axis=axes[dim])


@rule("mean-over-the-vector", "error")
def mean_of_vector(code: Code) -> Hits:
    """A class mean, direction or ablation value averaged over d_model."""
    goal = listed("means centroid centroids direction vector steering ablate ablation prototype")
    for op in code.ops("mean"):
        which, axes = dims(op), shape(code, op.x)
        if axes is None or len(axes) < 2:
            continue
        if not op.args and not op.kw and isinstance(op.x, ast.Name) and axes[-1] == "d_model":
            alone = isinstance(code.parents.get(op.node), ast.Assign)
            named = alone and word_set(code.target(op.node)) & {"mean", "avg", "average"}
            if named and code.context(op.node) & {"ablate", "ablation", "replace", "reference"}:
                yield Hit(op.node, "scalar", axes=shown(axes))
            continue
        if which is None:
            continue
        got = [axes[n] for n in which if -len(axes) <= n < len(axes)]
        if got != ["d_model"] or not code.context(op.node) & goal:
            continue
        if code.context(op.node) & listed("norm center centre layernorm ln bias score scores"):
            continue
        yield Hit(op.node, dim=which[0], axes=shown(axes))


@rule("returns-other-axes-than-stated", "warning")
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
            reduces = code.is_call(value, *listed("sum mean max amax norm any all"))
            if reduces and set(got) != set(stated):
                yield Hit(value, stated=shown(stated), returned=shown(got))


@rule("entropy-over-wrong-axis", "error")
def entropy_axis(code: Code) -> Hits:
    """``(p * p.log()).sum(dim)`` over queries or positions."""
    for op in code.ops("sum"):
        found, product = along(code, op), code.value(op.x)
        if isinstance(product, ast.UnaryOp):
            product = product.operand
        if found is None or not is_binary(product, ast.Mult) or len(dims(op) or ()) != 1:
            continue
        calls = {code.op(each).name for each in code.calls_in(product)}
        if not calls & {"log", "log2", "log_softmax"}:
            continue
        axes, dim, axis = found
        right = "vocab" if "vocab" in axes else "key" if axes[-2:] == ("query", "key") else ""
        if right and axis not in (right, "?"):
            yield Hit(op.node, dim=dim, axes=found, axis=axis, right_axis=right)
