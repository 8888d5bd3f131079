"""An index into a flattened tensor, decoded."""

from __future__ import annotations

import ast
from collections import defaultdict

from gadfly.tools.review.code.nodes import assigned, integer, is_attribute, is_binary
from gadfly.tools.review.code.shapes import axis, shape
from gadfly.tools.review.code.walk import within
from gadfly.tools.review.registry import Code, Hit, Hits, kept, rule

_FLAT = {"flatten", "ravel", "view", "reshape"}


def _flat_source(code: Code, node: ast.AST) -> ast.AST | None:
    """The tensor whose flattened positions an index counts, if that is visible."""
    for each in code.flow(node):
        if not isinstance(each, ast.Call):
            continue
        op = code.op(each)
        if op.name in _FLAT and op.x is not None:
            flat = op.name in ("flatten", "ravel") and not op.args and not op.kw
            if flat or [integer(a) for a in op.args] == [-1]:
                return op.x
        already = code.is_call(op.x, *_FLAT)
        if op.name in ("argmax", "argmin") and not op.args and not op.kw and not already:
            return op.x
    return None


def _sizes(code: Code, tensor: ast.AST) -> tuple[set[str], set[str], str, str]:
    """How the first and the last size of a two-dimensional tensor are written, and their axes."""
    value = code.value(tensor)
    texts = {code.unparsed(tensor), code.unparsed(value)}
    texts |= {each.id for each in code.flow(tensor)[:120] if isinstance(each, ast.Name)}
    first: set[str] = set()
    last: set[str] = set()
    for text in texts:
        first |= {f"{text}.shape[0]", f"len({text})", f"{text}.size(0)"}
        last |= {f"{text}.shape[1]", f"{text}.shape[-1]", f"{text}.size(1)", f"{text}.size(-1)"}
    shapes = _unpacked_shapes(code)
    for one, other in (names for text in texts for names in shapes.get(text, ())):
        first.add(one)
        last.add(other)
    if code.is_call(value, "zeros", "empty", "ones", "full"):
        sizes = code.op(value).sizes()
        if len(sizes) == 2:
            first.add(code.unparsed(sizes[0]))
            last.add(code.unparsed(sizes[1]))
    axes = shape(code, tensor)
    if axes is not None and len(axes) != 2:
        return set(), set(), "?", "?"
    return first - last, last - first, *(axes or ("?", "?"))


@kept
def _unpacked_shapes(code: Code) -> dict[str, set[tuple[str, str]]]:
    """The two names that the shape of a tensor is unpacked into, by the text of the tensor."""
    found: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for assign in code.all(ast.Assign):
        target, value = assign.targets[0], assign.value
        if is_attribute(value, "shape") and isinstance(target, ast.Tuple) and len(target.elts) == 2:
            one, other = (code.unparsed(each) for each in target.elts)
            found[code.unparsed(value.value)].add((one, other))
    return found


@rule("flat-index-wrong-divisor", "error")
def flat_index(code: Code) -> Hits:
    """divmod(flat, n_rows): a row-major index is divided by the size of the last axis."""
    places: list[tuple[ast.AST, ast.AST, ast.AST]] = [
        (op.node, op.x, op.args[0]) for op in code.ops("divmod") if op.x is not None and op.args
    ]
    places += [
        (node, node.left, node.right)
        for node in code.all(ast.BinOp)
        if isinstance(node.op, ast.FloorDiv | ast.Mod) and not isinstance(node.left, ast.Constant)
    ]
    seen: set[int] = set()
    for place, index, divisor in places:
        if isinstance(divisor, ast.Constant):
            continue
        size = code.value(index)
        if isinstance(size, ast.Subscript) and code.unparsed(size.value).endswith(".shape"):
            continue  # a size, not an index
        tensor = _flat_source(code, index)
        if tensor is None:
            continue
        first, last, first_axis, last_axis = _sizes(code, tensor)
        texts = {code.unparsed(divisor), code.unparsed(code.value(divisor))}
        known = axis(code.unparsed(divisor))
        by_axis = "?" not in (first_axis, last_axis, known) and first_axis != last_axis
        wrong = (texts & first and not texts & last) or (by_axis and known == first_axis)
        wrong = wrong or _counts_the_rows(code, place, divisor)
        line = getattr(place, "lineno", 0)
        if wrong and line not in seen:
            seen.add(line)
            yield Hit(place)
    for op in code.ops("unravel_index"):
        order = op.arg(0, "shape", "dims")
        tensor = _flat_source(code, op.x) if op.x is not None else None
        if tensor is None or not isinstance(order, ast.Tuple) or len(order.elts) != 2:
            continue
        first, last, _, _ = _sizes(code, tensor)
        given = [code.unparsed(each) for each in order.elts]
        if given[0] in last and given[1] in first:
            yield Hit(op.node, "unravel")


@rule("flat-index-halves-swapped", "error")
def halves_swapped(code: Code) -> Hits:
    """``layer = i % n_heads; head = i // n_heads``."""
    for assign in code.all(ast.Assign):
        target, value = assign.targets[0], assign.value
        parts: list[tuple[ast.expr, ast.expr | None, type[ast.operator]]] = [
            (name, part.right, type(part.op))
            for name, part in assigned(assign)
            if isinstance(part, ast.BinOp)
        ]
        if isinstance(target, ast.Tuple) and len(target.elts) == 2:
            if code.is_call(value, "divmod"):
                size = code.op(value).arg(0)
                parts = [(target.elts[0], size, ast.FloorDiv), (target.elts[1], size, ast.Mod)]
        elif not isinstance(target, ast.Name):
            continue
        for name, size, operator in parts:
            mine, its = axis(code.unparsed(name)), axis(code.unparsed(size))
            if not {mine, its} <= {"layer", "head", "pos"}:
                continue
            quotient_of_itself = operator is ast.FloorDiv and mine == its
            remainder_of_other = operator is ast.Mod and mine != its
            if quotient_of_itself or remainder_of_other:
                yield Hit(assign, axis=its)
                break


def _counts_the_rows(code: Code, place: ast.AST, divisor: ast.AST) -> bool:
    """``row = i // len(texts)`` and then ``texts[row]``: the divisor is the size of the first axis."""
    if not (code.is_call(divisor, "len") and divisor.args):
        return False
    if not isinstance(place, ast.Call) and not is_binary(place, ast.FloorDiv):
        return False
    target = code.target(place)
    first = target.elts[0] if isinstance(target, ast.Tuple) and len(target.elts) == 2 else target
    text = code.unparsed(divisor.args[0])
    return isinstance(first, ast.Name) and (text, first.id) in _indexed(code, code.home(place))


@kept
def _indexed(code: Code, scope: ast.AST) -> frozenset[tuple[str, str]]:
    """What is indexed by a plain name in a function, and that name."""
    return frozenset(
        (code.unparsed(each.value), each.slice.id)
        for each in within(scope, ast.Subscript)
        if isinstance(each.slice, ast.Name)
    )
