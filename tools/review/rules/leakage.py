"""What the test set knows of the training set: statistics, neighbours, the same prompts."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator

from gadfly.tools.review.code.flow import LONGEST_CHAIN
from gadfly.tools.review.code.names import CROSS_VALIDATION, SPLITS, listed, words
from gadfly.tools.review.code.nodes import integer, is_binary, parameters, position
from gadfly.tools.review.code.tree import Op
from gadfly.tools.review.code.walk import within, word_set
from gadfly.tools.review.registry import Code, Hit, Hits, kept, rule

_FITTED = listed(
    "StandardScaler PCA SelectKBest MinMaxScaler RobustScaler TruncatedSVD "
    "TfidfVectorizer CountVectorizer SelectFromModel Normalizer_ QuantileTransformer "
    "KernelPCA FastICA LDA SelectPercentile VarianceThreshold PowerTransformer"
)


def _is_fitted_transform(code: Code, call: ast.Call) -> bool:
    op = code.op(call)
    if op.name != "fit_transform" and not (op.name == "transform" and _fitted_on_same(code, op)):
        return False
    named = word_set(op.x) & {"scaler", "pca", "vectorizer", "selector"}
    return bool(named) or any(code.is_call(each, *_FITTED) for each in code.calls_in(op.x))


def _fitted_on_same(code: Code, op: Op) -> bool:
    """``PCA().fit(x)`` in the chain or above, on the very rows that are transformed."""
    made, data = code.value(op.x), op.arg(0, "X")
    if code.is_call(made, "fit") and code.same(code.op(made).arg(0, "X"), data):
        return True
    key = (code.function(op.node), code.unparsed(op.x))
    return data is not None and code.unparsed(data) in _fitted_rows(code).get(key, ())


@kept
def _fitted_rows(code: Code) -> dict[tuple[ast.AST | None, str], set[str]]:
    """The rows that each model is fitted on, by function and by the text of the model."""
    found: dict[tuple[ast.AST | None, str], set[str]] = defaultdict(set)
    for op in code.ops("fit"):
        data = op.arg(0, "X")
        if op.x is not None and data is not None:
            found[code.function(op.node), code.unparsed(op.x)].add(code.unparsed(data))
    return found


def _split_points(code: Code) -> Iterator[tuple[ast.AST, ast.expr]]:
    """Where data is divided in training and test parts, with the data."""
    for op in code.ops(*SPLITS):
        if op.x is not None:
            yield op.node, op.x
    for op in code.ops(*CROSS_VALIDATION):
        data = op.arg(0, "X")
        if data is not None:
            yield op.node, data
    for call in code.all(ast.Call):
        function = code.definition(call.func)
        if function is not None and call.args:
            said = words(function.name)
            if "split" in said or {"train", "test"} <= said:
                yield call, call.args[0]
    for node in code.all(ast.Subscript):
        if isinstance(node.ctx, ast.Store) or isinstance(node.slice, ast.Tuple):
            continue
        said = word_set(node.slice)
        if said & {"train", "training", "tr"} and isinstance(node.value, ast.Name):
            yield node, node.value


@rule("fitted-before-the-split", "error")
def before_split(code: Code) -> Hits:
    """Standardising, PCA or feature selection on all data, then the split."""
    seen: set[int] = set()
    for place, data in _split_points(code):
        for copied in code.calls_in(data):
            if code.op(copied).name in ("fit_resample", "resample") and copied.lineno not in seen:
                seen.add(copied.lineno)
                yield Hit(copied, "resampled")
        for call in _chain(code, data):
            if isinstance(call, ast.Call) and _is_fitted_transform(code, call):
                given = code.op(call).arg(0, "X")
                if given is not None and word_set(given) & {"train", "training", "tr"}:
                    continue
                if call.lineno in seen or position(call) > position(place):
                    continue
                seen.add(call.lineno)
                yield Hit(call)
            elif (
                isinstance(call, ast.BinOp)
                and _standardises(code, call)
                and call.lineno not in seen
            ):
                seen.add(call.lineno)
                yield Hit(call)


def _chain(code: Code, node: ast.AST) -> Iterator[ast.AST]:
    """What an array was made of, step by step, along its main operand only."""
    current: ast.AST | None = node
    for _ in range(8):
        current = code.value(current)
        if current is None:
            return
        yield current
        if isinstance(current, ast.Call):
            op = code.op(current)
            if op.name in ("fit_transform", "transform"):
                current = op.arg(0, "X")
            elif op.name in ("float", "numpy", "cpu", "astype", "array", "asarray", "to", "detach"):
                current = op.x
            else:
                return
        elif isinstance(current, ast.BinOp):
            current = current.left
        else:
            return


def _standardises(code: Code, node: ast.BinOp) -> bool:
    """``(x - x.mean(0)) / x.std(0)``"""
    above = node.left
    if not (is_binary(node, ast.Div) and is_binary(above, ast.Sub)):
        return False
    mean, spread = code.value(above.right), code.value(node.right)
    for _ in range(LONGEST_CHAIN):
        spread = code.value(spread.left) if isinstance(spread, ast.BinOp) else spread
    if not (code.is_call(mean, "mean") and code.is_call(spread, "std", "norm")):
        return False
    of_rows = integer(code.op(mean).arg(0, "dim", "axis")) == 0
    return of_rows and all(code.same(code.op(each).x, above.left) for each in (mean, spread))


@rule("test-data-refits-the-scaler", "error")
def refit_on_test(code: Code) -> Hits:
    """``scaler.fit_transform(X_test)``"""
    for op in code.ops("fit_transform"):
        given = op.arg(0, "X")
        said = words(code.unparsed(given))
        if said & {"test", "te", "val", "heldout", "eval"} and not said & {"train", "retrieval"}:
            yield Hit(op.node)


@rule("standardised-by-its-own-statistics", "error")
def own_statistics(code: Code) -> Hits:
    """Test rows centred and scaled by the mean and spread of the test rows."""
    for node in code.binary(ast.Div):
        if not (_standardises(code, node) and isinstance(node.left, ast.BinOp)):
            continue
        base = node.left.left
        said = words(code.unparsed(base))
        stated = bool(said & {"test", "te", "heldout"}) and not said & {"train"}
        if stated or _class_keeps_statistics(code, node, base):
            yield Hit(node)


def _class_keeps_statistics(code: Code, node: ast.AST, base: ast.AST) -> bool:
    """Whether another method of the class keeps self.mean and this one takes the mean of its argument."""
    function = code.function(node)
    if function is None or not isinstance(code.parents.get(function), ast.ClassDef):
        return False
    if function.name in ("fit", "__init__", "fit_transform") or not isinstance(base, ast.Name):
        return False
    means = {"self.mean", "self.mu", "self.mean_", "self.mu_"} & set(code.attributes)
    read = {code.unparsed(each) for each in within(function, ast.Attribute)}
    return bool(means) and base.id in parameters(function) and not means & read
