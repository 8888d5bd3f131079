"""Rows and columns of weight, singular-vector and correlation matrices."""

from __future__ import annotations

import ast

from gadfly.tools.review.code.names import listed, words
from gadfly.tools.review.code.nodes import (
    constant,
    indices,
    integer,
    is_attribute,
    is_full_slice,
)
from gadfly.tools.review.code.shapes import axis
from gadfly.tools.review.code.tree import Op
from gadfly.tools.review.code.walk import identifiers
from gadfly.tools.review.registry import Code, Hit, Hits, rule


def _decomposed(code: Code, name: ast.expr) -> tuple[Op, int | None] | None:
    """The decomposition that a name was unpacked from, and which part of it."""
    if isinstance(name, ast.Attribute) and isinstance(name.value, ast.Name | ast.Call):
        value = code.value(name.value)
        if isinstance(value, ast.Call):
            part = {"Vh": 2, "V": 2, "U": 0, "S": 1, "eigenvectors": 1, "eigenvalues": 0}
            return (code.op(value), part[name.attr]) if name.attr in part else None
    if isinstance(name, ast.Name):
        found = code.binding(name)
        if found is not None and found.kind == "unpack" and isinstance(found.value, ast.Call):
            return code.op(found.value), found.part
    if isinstance(name, ast.Subscript) and isinstance(name.value, ast.Call):
        return code.op(name.value), integer(name.slice)
    return None


@rule("singular-vectors-wrong-axis", "high")
def singular_vectors(code: Code) -> Hits:
    """Rows of V, columns of Vh, columns of components_."""
    for node in code.all(ast.Subscript):
        parts = indices(node)
        column = len(parts) == 2 and is_full_slice(parts[0]) and not is_full_slice(parts[1])
        row = len(parts) == 1 or (len(parts) == 2 and is_full_slice(parts[1]))
        if is_attribute(node.value, "components_") and column:
            yield Hit(node, "components")
            continue
        found = _decomposed(code, node.value)
        if found is None or not (row or column):
            continue
        op, part = found
        module = code.dotted(op.node.func)
        if op.name == "svd" and part == 2:
            modern = "linalg" in module or module.startswith("numpy")
            if modern and column:
                yield Hit(node)
            elif module == "torch.svd" and row and not _is_transposed(code, node):
                yield Hit(node, "torch-svd")
        elif op.name in ("pca_lowrank", "svd_lowrank") and part == 2 and row:
            yield Hit(node, "columns", call=op.name)
        elif op.name in ("eigh", "eig") and part == 1 and row and not _is_transposed(code, node):
            if len(parts) == 1 and not isinstance(parts[0], ast.Slice | ast.Name):
                yield Hit(node, "eigenvectors")
        elif op.name == "eigh" and part == 1 and column and len(parts) == 2:
            k = parts[1]
            start = integer(k) == 0 or (
                isinstance(k, ast.Slice)
                and k.lower is None
                and k.upper is not None
                and (integer(k.upper) or 1) > 0
                and not k.step
                and not (isinstance(k.upper, ast.UnaryOp))
            )
            text = code.lines[node.lineno - 1].lower()
            if start and not any(
                each in text for each in ("small", "null", "bottom", "flip", "least")
            ):
                scope = code.function(node) or code.module
                if not (identifiers(scope) & {"flip", "argsort", "flipud", "fliplr", "descending"}):
                    yield Hit(node, "ascending")


@rule("conv1d-weight-is-transposed", "high")
def conv1d(code: Code) -> Hits:
    """GPT-2's c_proj.weight is [in, out]: heads are its rows."""
    for node in code.all(ast.Subscript):
        value = code.value(node.value)
        if not is_attribute(value, "weight"):
            continue
        owner = value.value
        if not (is_attribute(owner, "c_proj") and "attn" in code.unparsed(owner)):
            continue
        parts = indices(node)
        if len(parts) != 2 or not is_full_slice(parts[0]) or not isinstance(parts[1], ast.Slice):
            continue
        if any(axis(each) == "head" for each in identifiers(parts[1].lower)):
            yield Hit(node)


def _is_transposed(code: Code, node: ast.AST) -> bool:
    above = code.parents.get(node)
    return is_attribute(above, "T", "mT")


@rule("correlation-matrix-diagonal", "high")
def correlation_diagonal(code: Code) -> Hits:
    """``np.corrcoef(a, b)[0, 0]`` is always 1."""
    for node in code.all(ast.Subscript):
        value = code.value(node.value)
        if not code.is_call(value, "corrcoef", "cov"):
            continue
        numbers = [integer(each) for each in indices(node)]
        if (
            code.op(value).name == "corrcoef" and len(numbers) == 2 and numbers[0] is not None
        ) and (numbers[0] == numbers[1]):
            yield Hit(node)


@rule("weight-matrix-wrong-axis", "high")
def weight_axis(code: Code) -> Hits:
    """A row taken where the direction of a token or neuron is a column, or the reverse."""
    lens = code.imports_from("transformer_lens", "sae_lens")
    rows = {"W_E", "W_out", "W_dec", "W_pos"}
    columns = {"W_U", "W_enc", "W_in"}
    linear_rows = {"lm_head", "up_proj", "gate_proj", "embed_tokens", "wte", "embed_out"}
    linear_columns = {"down_proj", "o_proj", "dense_4h_to_h"}
    things = listed("token neuron feature target answer id tok latent feat ids")
    for node in code.all(ast.Subscript):
        base = code.value(node.value)
        if isinstance(node.ctx, ast.Store) or not isinstance(base, ast.Attribute):
            continue
        parts = indices(node)
        name = base.attr
        if name == "weight" and isinstance(base.value, ast.Attribute):
            name = base.value.attr
            by_row, by_column = name in linear_rows, name in linear_columns
        elif lens:
            by_row, by_column = name in rows, name in columns
        else:
            continue
        row = len(parts) == 1 or (len(parts) == 2 and is_full_slice(parts[1]))
        column = len(parts) == 2 and is_full_slice(parts[0]) and not is_full_slice(parts[1])
        which = parts[0] if row else parts[-1]
        is_slice = isinstance(which, ast.Slice)
        said = words(code.unparsed(which))
        if is_slice and name == "o_proj":
            said = frozenset({"token"} if "head" in said else ())
        elif is_slice or constant(which) is Ellipsis:
            continue
        if not said & things or "layer" in said:
            continue
        if (row and by_column) or (column and by_row):
            shapes = "one row per" if by_row else "one column per"
            yield Hit(
                node,
                name=name,
                layout=shapes,
                repair=f"{name}[index]" if by_row else f"{name}[:, index]",
            )
