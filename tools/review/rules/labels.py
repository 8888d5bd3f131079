"""Labels that lose their rows, or stand in order."""

from __future__ import annotations

import ast

from gadfly.tools.review.code.names import METRICS, listed, words
from gadfly.tools.review.code.nodes import assigned, integer, is_binary, is_name, position, truth
from gadfly.tools.review.code.walk import inner, within, word_set
from gadfly.tools.review.registry import Code, Hit, Hits, kept, rule


def _sorted_labels(code: Code, node: ast.AST | None) -> bool:
    """Labels built as all of one class, then all of the other."""
    value = code.value(node)
    if isinstance(value, ast.Call):
        op = code.op(value)
        if op.name in listed("array tensor asarray numpy long float astype to"):
            return _sorted_labels(code, op.x)
        joins = op.name in ("concatenate", "cat", "concat", "hstack")
        parts = op.x.elts if joins and isinstance(op.x, ast.List | ast.Tuple) else []
        made = [code.op(each).name for each in parts if isinstance(each, ast.Call)]
        return len(made) == 2 and {n.removesuffix("_like") for n in made} == {"ones", "zeros"}
    if is_binary(value, ast.Add):
        return all(
            is_binary(each, ast.Mult)
            and isinstance(each.left, ast.List)
            and len(each.left.elts) == 1
            for each in (value.left, value.right)
        )
    return False


@rule("sorted-labels-not-shuffled", "error")
def sorted_labels(code: Code) -> Hits:
    """shuffle=False, or a plain KFold, on labels in class order."""
    for op in code.ops("train_test_split"):
        if truth(op.kw.get("shuffle")) is False and op.args and _sorted_labels(code, op.args[0]):
            yield Hit(op.node, repair="shuffle=True, stratify=y")
    for op in code.ops("KFold"):
        if truth(op.arg(0, "shuffle")) is True or code.mentions("permutation", "randperm"):
            continue
        if _has_sorted_labels(code, code.home(op.node)):
            yield Hit(op.node, repair="StratifiedKFold(n, shuffle=True, random_state=seed)")
    if code.mentions("randperm", "permutation", "shuffle", "sample", "choice"):
        return
    for assign in code.all(ast.Assign):
        for target, part in assigned(assign):
            if (
                isinstance(part, ast.Subscript)
                and isinstance(part.slice, ast.Slice)
                and (part.slice.lower is None) != (part.slice.upper is None)
                and _sorted_labels(code, part.value)
                and word_set(target) & {"test", "train"}
            ):
                yield Hit(assign, repair="permute the rows before cutting")
                return


@kept
def _has_sorted_labels(code: Code, scope: ast.AST) -> bool:
    return any(
        b.kind == "assign" and _sorted_labels(code, b.value)
        for name, found in code.bindings[scope].items()
        if words(name) & {"y", "labels", "label"}
        for b in found
    )


@rule("rows-and-labels-shuffled-apart", "error")
def shuffled_apart(code: Code) -> Hits:
    """Two permutations for one data set."""
    for scope in code.scopes():
        seen: list[tuple[str, ast.AST]] = []
        for node in inner(scope, nested=False):
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Subscript):
                base, by = node.value.value, node.value.slice
                if code.is_call(by, "randperm", "permutation") and not isinstance(
                    base, ast.Subscript
                ):
                    seen.append((code.unparsed(base), node))
            elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
                op = code.op(node.value)
                if op.name == "shuffle" and node.value.args:
                    seen.append((code.unparsed(node.value.args[0]), node))
            elif code.is_call(node, "seed", "manual_seed"):
                seen.clear()  # re-seeding before each shuffle gives the same order
        labels = {"y", "label", "labels", "targets", "target", "answers"}
        data_names = listed("x acts activations prompts texts hidden features statements data")
        found_labels = [n for t, n in seen if words(t) & labels]
        found_data = [n for t, n in seen if words(t) & data_names and not words(t) & labels]
        if found_labels and found_data:
            last = max([found_labels[0], found_data[0]], key=position)
            yield Hit(last)


@rule("classes-swapped-by-split-name", "error")
def split_name(code: Code) -> Hits:
    """``X_test = acts[train_idx]``; ``test_acc = clf.score(X_train, y_train)``."""
    for assign in code.all(ast.Assign):
        name, value = code.target_name(assign), assign.value
        mine = words(name)
        if code.is_call(value, "float", "round", "item"):
            value = code.op(value).x or value
        if isinstance(value, ast.Subscript) and isinstance(value.slice, ast.Name | ast.Attribute):
            theirs = word_set(value)
        elif code.is_call(value, *("score", *METRICS)):
            theirs = frozenset().union(*(word_set(each) for each in value.args))
        else:
            continue
        for pair in ("train test", "test train", "val train", "train val"):
            split, source = pair.split()
            if split in mine - theirs and source in theirs - mine:
                yield Hit(assign, name=name, source=source, split=split)
                break


@rule("activations-from-a-shuffled-loader", "error")
def shuffled_loader(code: Code) -> Hits:
    """Rows come from DataLoader(shuffle=True), labels from the dataset in its own order."""
    for op in code.ops("DataLoader"):
        if truth(op.kw.get("shuffle")) is not True or not isinstance(op.x, ast.Name):
            continue
        dropped, ordered = _walked(code, code.home(op.node))
        if code.target_name(op.node) in dropped and op.x.id in ordered:
            yield Hit(op.node)


@kept
def _walked(code: Code, scope: ast.AST) -> tuple[frozenset[str], frozenset[str]]:
    """The names that are walked over with a part dropped; and those that are walked over or asked for labels."""
    dropped: set[str] = set()
    ordered: set[str] = set()
    for each in inner(scope):
        if isinstance(each, ast.For | ast.comprehension) and isinstance(each.iter, ast.Name):
            ordered.add(each.iter.id)
            names = (n.id for n in within(each.target, ast.Name))
            if any(name.startswith("_") for name in names):
                dropped.add(each.iter.id)
        elif (
            isinstance(each, ast.Attribute)
            and isinstance(each.value, ast.Name)
            and each.attr in ("labels", "targets", "y")
        ):
            ordered.add(each.value.id)
    return frozenset(dropped), frozenset(ordered)


@rule("labels-used-as-rows", "error")
def labels_as_rows(code: Code) -> Hits:
    """``acts[y]`` and ``acts[1 - y]`` with labels 0 and 1 pick rows 0 and 1."""
    by_base: dict[str, list[ast.Subscript]] = {}
    for node in code.all(ast.Subscript):
        if isinstance(node.ctx, ast.Load):
            by_base.setdefault(code.unparsed(node.value), []).append(node)
    for nodes in by_base.values():
        for node in nodes:
            part = node.slice
            if not (is_binary(part, ast.Sub) and integer(part.left) == 1):
                continue
            name = part.right.id if isinstance(part.right, ast.Name) else ""
            plain = [each for each in nodes if is_name(each.slice, name)]
            if plain and words(name) & {"labels", "label", "y", "targets"}:
                yield Hit(plain[0])
                return
