"""Which rows are on which side of the split."""

from __future__ import annotations

import ast

from gadfly.tools.review.code.names import CROSS_VALIDATION, SPLITS, TEST, TRAIN, listed, words
from gadfly.tools.review.code.nodes import constant, integer, is_binary, position
from gadfly.tools.review.code.walk import identifiers, inner, word_set
from gadfly.tools.review.registry import Code, Hit, Hits, rule


@rule("token-rows-split-at-random", "high")
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
            numbers = [integer(a) for a in inside.args]
            merged = inside.name == "flatten" and numbers in ([0, 1], [0, -2])
            if inside.name == "flatten" and integer(inside.kw.get("end_dim")) == 1:
                merged = True
            if inside.name in ("reshape", "view") and len(inside.args) == 2 and numbers[0] == -1:
                merged = bool(word_set(inside.args[1]) & {"d", "model", "hidden", "dim", "shape"})
            if inside.name in ("reshape", "view") and len(inside.args) == 2:
                product = inside.args[0]
                if is_binary(product, ast.Mult):
                    merged = bool(
                        word_set(product) & {"seq", "len", "t", "s", "pos", "length", "tokens"}
                    )
            if inside.name == "rearrange" and inside.args:
                text = constant(inside.args[0])
                merged = isinstance(text, str) and text.split("->")[-1].strip().startswith("(")
                source = text.split("->")[0] if isinstance(text, str) else ""
                merged = merged and any(
                    w in source.split() for w in ("s", "seq", "pos", "t", "tokens", "position")
                )
            if merged and code.flow_words(inside.x) & listed(
                "hidden acts activations resid residual states cache activation act"
            ):
                yield Hit(op.node)
                break


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
        if (
            index & names
            and over.startswith(("range", "enumerate"))
            and any(w in over for w in lengths)
        ):
            return bool(
                code.flow_words(each.value)
                & {"hidden", "acts", "resid", "cache", "activations", "states"}
            )
    return False


@rule("train-and-test-drawn-apart", "high")
def drawn_apart(code: Code) -> Hits:
    """Two independent samples of one pool, or overlapping slices."""
    for scope in code.scopes():
        drawn: dict[str, dict[str, ast.AST]] = {}
        cut: dict[str, dict[str, tuple[int | None, int | None, ast.AST]]] = {}
        for node in inner(scope, nested=False):
            if not isinstance(node, ast.Assign):
                continue
            pairs: list[tuple[ast.expr, ast.expr]] = [(node.targets[0], node.value)]
            if isinstance(node.value, ast.Tuple) and isinstance(node.targets[0], ast.Tuple):
                pairs = list(zip(node.targets[0].elts, node.value.elts, strict=False))
            for target, value in pairs:
                said = word_set(target)
                side = (
                    "train"
                    if said & {"train", "training"}
                    else "test"
                    if said & {"test", "heldout"}
                    else ""
                )
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
                if (
                    isinstance(value, ast.Subscript)
                    and isinstance(value.slice, ast.Slice)
                    and value.slice.step is None
                ):
                    low = value.slice.lower
                    high = value.slice.upper
                    a = 0 if low is None else integer(code.value(low))
                    b = None if high is None else integer(code.value(high))
                    if (low is not None and a is None) or (high is not None and b is None):
                        continue
                    cut.setdefault(code.unparsed(value.value), {})[side] = (a, b, node)
        for sides in drawn.values():
            if len(sides) == 2:
                yield Hit(
                    sides["test"], repair="draw once, then cut the sample in two disjoint parts"
                )
        for parts in cut.values():
            if len(parts) < 2:
                continue
            (a, b, _), (c, d, node) = parts["train"], parts["test"]
            if None in (a, c) or (a or 0) < 0 or (c or 0) < 0 or (b or 0) < 0 or (d or 0) < 0:
                continue
            if (b is None or (c or 0) < b) and (d is None or (a or 0) < d):
                yield Hit(node, repair="make the slices disjoint")


def _pool(code: Code, node: ast.AST) -> str:
    """The name that rows are drawn or cut from."""
    if code.is_call(node, "sample", "choices", "choice"):
        first = node.args[0] if node.args else None
        return first.id if isinstance(first, ast.Name) else ""
    if (
        isinstance(node, ast.Subscript)
        and isinstance(node.slice, ast.Slice)
        and isinstance(node.value, ast.Name)
    ):
        return node.value.id
    return ""


@rule("split-unpacked-in-wrong-order", "high")
def wrong_order(code: Code) -> Hits:
    """``x_train, y_train, x_test, y_test = train_test_split(x, y)``"""
    for assign in code.all(ast.Assign):
        target, value = assign.targets[0], assign.value
        if not (isinstance(target, ast.Tuple) and isinstance(value, ast.Call)):
            continue
        if code.op(value).name not in SPLITS or len(value.args) != 2 or len(target.elts) != 4:
            continue
        sides = [
            "train"
            if word_set(each) & TRAIN
            else "test"
            if word_set(each) & (TEST | {"val"})
            else ""
            for each in target.elts
        ]
        if sides in (
            ["train", "train", "test", "test"],
            ["test", "train", "test", "train"],
            ["test", "test", "train", "train"],
        ):
            yield Hit(assign)
