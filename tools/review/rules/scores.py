"""The number itself: which metric, of which arguments, divided by what, at which threshold."""

from __future__ import annotations

import ast

from gadfly.tools.review.code.concepts import value_kind
from gadfly.tools.review.code.names import listed, words
from gadfly.tools.review.code.nodes import constant, indices, integer
from gadfly.tools.review.code.walk import identifiers, word_set
from gadfly.tools.review.registry import Code, Hit, Hits, rule

_SCORES = {"predict_proba", "decision_function", "sigmoid", "softmax", "predict_log_proba"}


@rule("auc-of-hard-labels", "warning")
def auc_hard(code: Code) -> Hits:
    """roc_auc_score of predicted classes."""
    for op in code.ops(
        *listed("roc_auc_score average_precision_score roc_curve precision_recall_curve log_loss")
    ):
        call = op.node
        score = op.arg(0, "y_score", "y_pred", "y_prob")
        if _is_class(code, score):
            yield Hit(call, call=op.name)
            continue
        value = code.value(score)
        first = code.value(op.kw.get("y_true", call.args[0] if call.args else None))
        first = first.value if isinstance(first, ast.Subscript) else first
        if code.is_call(first, *_SCORES) and len(call.args) >= 2:
            yield Hit(call, "arguments", call=op.name)
            continue
        if (
            isinstance(value, ast.Subscript)
            and isinstance(made := code.value(value.value), ast.Call)
            and code.op(made).name == "predict_proba"
            and len(indices(value)) == 2
            and integer(indices(value)[1]) == 0
        ):
            yield Hit(call, "column")


def _is_class(code: Code, score: ast.AST | None) -> bool:
    """Whether a score is a predicted class, true or false, or rounded."""
    value = code.value(score)
    if not isinstance(value, ast.Call):
        return isinstance(value, ast.Compare)
    name = code.op(value).name
    if name == "predict":
        said = words(score.id) if isinstance(score, ast.Name) else frozenset()
        return not said & {"score", "scores", "prob", "probs"}
    if name in ("astype", "int", "long", "numpy", "float", "cpu"):
        base = code.value(code.op(value).x)
        return isinstance(base, ast.Compare) or code.is_call(base, "predict", "round")
    return name in ("round", "argmax")


@rule("metric-arguments-swapped", "warning")
def metric_swapped(code: Code) -> Hits:
    """precision_score(y_pred, y_true): precision and recall change places."""
    for op in code.ops(
        "precision_score", "recall_score", "r2_score", "classification_report", "confusion_matrix"
    ):
        call = op.node
        if len(call.args) < 2:
            continue
        first, second = call.args[:2]
        said = words(first.id) if isinstance(first, ast.Name) else frozenset()
        named = said & {"pred", "preds", "predicted", "predictions"}
        labels = word_set(second) & listed("true y label labels target targets")
        predicted = code.is_call(code.value(first), "predict") or (named and labels)
        if predicted and not code.is_call(code.value(second), "predict"):
            yield Hit(call, call=op.name)


@rule("threshold-from-the-test-set", "error")
def threshold(code: Code) -> Hits:
    """A threshold read off the test set's own curve."""
    for op in code.ops("precision_recall_curve", "roc_curve"):
        said = {word for each in op.node.args for word in word_set(each)}
        if not said & {"test", "te", "heldout"} and "test" not in words(code.unparsed(op.node)):
            names = {name.lower() for each in op.node.args for name in identifiers(each)}
            if not any(name.endswith("te") or "test" in name for name in names):
                continue
        for assign in code.all(ast.Assign):
            if (
                word_set(assign.targets[0]) & listed("threshold thr thresh cutoff")
                and op.node in code.flow(assign.value)
                and "argmax" in code.vocab(assign.value)
            ):
                yield Hit(op.node)
                return


@rule("probability-against-zero", "error")
def always_positive(code: Code) -> Hits:
    """``sigmoid(x) > 0`` is always true."""
    for node in code.all(ast.Compare):
        zero = constant(node.comparators[0]) in (0, 0.0)
        above_zero = zero and isinstance(node.ops[0], ast.Gt | ast.GtE)
        if above_zero and value_kind(code, node.left) == "prob":
            yield Hit(node)


@rule("divided-by-the-other-split", "error")
def other_split(code: Code) -> Hits:
    """Correct test answers divided by the number of training rows."""
    for node in code.binary(ast.Div):
        below = node.right
        if not (code.is_call(below, "len") and below.args):
            continue
        above = word_set(node.left) & {"train", "test", "val"}
        under = word_set(below.args[0]) & {"train", "test", "val"}
        compares = any(
            isinstance(each, ast.Compare) and isinstance(each.ops[0], ast.Eq)
            for each in code.flow(node.left)
        )
        if compares and len(above) == 1 and len(under) == 1 and above != under:
            yield Hit(node, counted=min(above), divisor=min(under))
