"""Rows and columns of weight, singular-vector and correlation matrices."""

from __future__ import annotations

import ast

from gadfly.tools.review.code.names import listed, words
from gadfly.tools.review.code.nodes import indices, integer, is_attribute, is_full_slice
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


def _row_or_column(parts: list[ast.expr]) -> tuple[bool, bool]:
    """Whether indices take rows of a matrix, and whether they take columns."""
    row = len(parts) == 1 or (len(parts) == 2 and is_full_slice(parts[1]))
    return row, len(parts) == 2 and is_full_slice(parts[0]) and not is_full_slice(parts[1])


@rule("singular-vectors-wrong-axis", "error")
def singular_vectors(code: Code) -> Hits:
    """Rows of V, columns of Vh, columns of components_."""
    for node in code.all(ast.Subscript):
        parts = indices(node)
        row, column = _row_or_column(parts)
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
        elif op.name == "eigh" and part == 1 and column and _takes_first(parts[1]):
            text = code.lines[node.lineno - 1].lower()
            meant = any(each in text for each in ("small", "null", "bottom", "flip", "least"))
            turned = listed("flip argsort flipud fliplr descending")
            if not meant and not identifiers(code.home(node)) & turned:
                yield Hit(node, "ascending")


def _takes_first(index: ast.expr) -> bool:
    """``0`` or ``:k``"""
    if not isinstance(index, ast.Slice):
        return integer(index) == 0
    if index.lower or index.step or index.upper is None:
        return False
    return (integer(index.upper) or 1) > 0 and not isinstance(index.upper, ast.UnaryOp)


@rule("conv1d-weight-is-transposed", "error")
def conv1d(code: Code) -> Hits:
    """GPT-2's c_proj.weight is [in, out]: heads are its rows."""
    for node in code.all(ast.Subscript):
        value, parts = code.value(node.value), indices(node)
        owner = value.value if is_attribute(value, "weight") else None
        if not (is_attribute(owner, "c_proj") and "attn" in code.unparsed(owner)):
            continue
        if len(parts) != 2 or not is_full_slice(parts[0]) or not isinstance(parts[1], ast.Slice):
            continue
        if any(axis(each) == "head" for each in identifiers(parts[1].lower)):
            yield Hit(node)


def _is_transposed(code: Code, node: ast.AST) -> bool:
    above = code.parents.get(node)
    return is_attribute(above, "T", "mT")


@rule("correlation-matrix-diagonal", "error")
def correlation_diagonal(code: Code) -> Hits:
    """``np.corrcoef(a, b)[0, 0]`` is always 1."""
    for node in code.all(ast.Subscript):
        numbers = [integer(each) for each in indices(node)]
        diagonal = len(numbers) == 2 and numbers[0] is not None and numbers[0] == numbers[1]
        if diagonal and code.is_call(code.value(node.value), "corrcoef"):
            yield Hit(node)


@rule("weight-matrix-wrong-axis", "error")
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
        row, column = _row_or_column(parts)
        which = parts[0] if row else parts[-1]
        said = words(code.unparsed(which))
        if isinstance(which, ast.Slice):
            picks = name == "o_proj" and "head" in said
        else:
            picks = bool(said & things) and "layer" not in said
        if picks and ((row and by_column) or (column and by_row)):
            layout = "one row per" if by_row else "one column per"
            repair = f"{name}[index]" if by_row else f"{name}[:, index]"
            yield Hit(node, name=name, layout=layout, repair=repair)
