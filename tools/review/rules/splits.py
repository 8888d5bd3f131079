"""Which rows are on which side of the split."""

from __future__ import annotations

import ast

from gadfly.tools.review.code.names import CROSS_VALIDATION, SPLITS, TEST, TRAIN, listed, words
from gadfly.tools.review.code.nodes import assigned, constant, integer, is_binary, position
from gadfly.tools.review.code.tree import Op
from gadfly.tools.review.code.walk import identifiers, inner, word_set
from gadfly.tools.review.registry import Code, Hit, Hits, rule


@rule("token-rows-split-at-random", "error")
def token_rows(code: Code) -> Hits:
    """Positions of one prompt on both sides of the split."""
    grouped = any("groups" in op.kw for op in code.ops("split", *CROSS_VALIDATION))
    if grouped or any(
        code.ops("GroupKFold", "GroupShuffleSplit", "StratifiedGroupKFold", "LeaveOneGroupOut")
    ):
        return
    for op in code.ops(*SPLITS, *CROSS_VALIDATION):
        data = op.x if op.name in SPLITS else op.arg(0, "X")
        if _one_row_a_position(code, data):
            yield Hit(op.node)
            continue
        for each in code.flow(data):
            if not isinstance(each, ast.Call):
                continue
            inside = code.op(each)
            if _merges_positions(inside) and code.flow_words(inside.x) & _ACTIVATIONS:
                yield Hit(op.node)
                break


_ACTIVATIONS = listed("hidden acts activations resid residual states cache activation act")


def _merges_positions(op: Op) -> bool:
    """Whether an operation makes one axis of the batch and the positions."""
    if op.name == "flatten":
        numbers = [integer(each) for each in op.args]
        return numbers in ([0, 1], [0, -2]) or integer(op.kw.get("end_dim")) == 1
    if op.name in ("reshape", "view") and len(op.args) == 2:
        rows, size = op.args
        if is_binary(rows, ast.Mult):
            return bool(word_set(rows) & listed("seq len t s pos length tokens"))
        return integer(rows) == -1 and bool(word_set(size) & listed("d model hidden dim shape"))
    text = constant(op.arg(0)) if op.name == "rearrange" else None
    if not isinstance(text, str) or not text.split("->")[-1].strip().startswith("("):
        return False
    return bool(set(text.split("->")[0].split()) & listed("s seq pos t tokens position"))


def _one_row_a_position(code: Code, data: ast.AST | None) -> bool:
    """Rows that two nested loops append, the inner one over positions of an activation."""
    for each in code.flow(data):
        if not (isinstance(each, ast.Subscript) and isinstance(each.ctx, ast.Load)):
            continue
        loops = [loop for loop in code.loops(each) if isinstance(loop, ast.For)]
        if len(loops) < 2 or not isinstance(loops[0].target, ast.Name | ast.Tuple):
            continue
        index = identifiers(each.slice)
        over = code.unparsed(loops[0].iter)
        names = identifiers(loops[0].target)
        lengths = ("shape[", "size(", "seq_len", "len(ids", "len(tokens", "n_tokens")
        counts = over.startswith(("range", "enumerate")) and any(w in over for w in lengths)
        if index & names and counts:
            activations = listed("hidden acts resid cache activations states")
            return bool(code.flow_words(each.value) & activations)
    return False


@rule("train-and-test-drawn-apart", "error")
def drawn_apart(code: Code) -> Hits:
    """Two independent samples of one pool, or overlapping slices."""
    for scope in code.scopes():
        drawn: dict[str, dict[str, ast.AST]] = {}
        cut: dict[str, dict[str, tuple[int, int | None, ast.AST]]] = {}
        for node in inner(scope, nested=False):
            if not isinstance(node, ast.Assign):
                continue
            for target, value in assigned(node):
                side = _side(target)
                if not side or not isinstance(target, ast.Name):
                    continue
                pool_name = _pool(code, value)
                if side == "test" and pool_name and words(pool_name) & {"train", "training"}:
                    again = code.bindings[code.scope(node)].get(pool_name, ())
                    if not again or again[-1].at <= position(node):
                        yield Hit(
                            node, repair="hold the test rows out before the training rows are taken"
                        )
                        continue
                if code.is_call(value, "sample", "choice", "choices"):
                    pool: ast.AST | None = value.args[0] if value.args else code.op(value).x
                    if pool is not None and isinstance(value.func, ast.Attribute):
                        if code.op(value).name == "sample" and not value.args:
                            pool = value.func.value
                        drawn.setdefault(code.unparsed(pool), {})[side] = node
                if not isinstance(value, ast.Subscript):
                    continue
                part = value.slice
                if not isinstance(part, ast.Slice) or part.step is not None:
                    continue
                a = 0 if part.lower is None else integer(code.value(part.lower))
                b = None if part.upper is None else integer(code.value(part.upper))
                if a is not None and (part.upper is None or b is not None):
                    cut.setdefault(code.unparsed(value.value), {})[side] = (a, b, node)
        for sides in drawn.values():
            if len(sides) == 2:
                repair = "draw once, then cut the sample in two disjoint parts"
                yield Hit(sides["test"], repair=repair)
        for parts in cut.values():
            if len(parts) < 2:
                continue
            (a, b, _), (c, d, node) = parts["train"], parts["test"]
            if min(a, c, b or 0, d or 0) < 0:
                continue
            if (b is None or c < b) and (d is None or a < d):
                yield Hit(node, repair="make the slices disjoint")


def _side(target: ast.AST) -> str:
    said = word_set(target)
    if said & {"train", "training"}:
        return "train"
    return "test" if said & {"test", "heldout"} else ""


def _pool(code: Code, node: ast.AST) -> str:
    """The name that rows are drawn or cut from."""
    pool: ast.AST | None = None
    if code.is_call(node, "sample", "choices", "choice"):
        pool = node.args[0] if node.args else None
    elif isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Slice):
        pool = node.value
    return pool.id if isinstance(pool, ast.Name) else ""


@rule("split-unpacked-in-wrong-order", "error")
def wrong_order(code: Code) -> Hits:
    """``x_train, y_train, x_test, y_test = train_test_split(x, y)``"""
    for assign in code.all(ast.Assign):
        target, value = assign.targets[0], assign.value
        if not (isinstance(target, ast.Tuple) and isinstance(value, ast.Call)):
            continue
        if code.op(value).name not in SPLITS or len(value.args) != 2 or len(target.elts) != 4:
            continue
        train = [bool(word_set(each) & TRAIN) for each in target.elts]
        test = [bool(word_set(each) & (TEST | {"val"})) for each in target.elts]
        if all(a or b for a, b in zip(train, test, strict=True)) and train in (
            [True, True, False, False],
            [False, True, False, True],
            [False, False, True, True],
        ):
            yield Hit(assign)
