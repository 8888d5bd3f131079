"""Kullback-Leibler divergence: direction, reduction and what it is fed."""

from __future__ import annotations

import ast
import re

from gadfly.tools.review.code.concepts import value_kind
from gadfly.tools.review.code.names import words
from gadfly.tools.review.code.nodes import constant, is_binary, truth
from gadfly.tools.review.code.walk import word_set
from gadfly.tools.review.registry import Code, Hit, Hits, rule

_KL_DOC = re.compile(
    r"(?:KL|D_?KL)\s*\(\s*([\w .^*'-]+?)\s*(?:\|\|?|‖|∥|;|,)\s*([\w .^*'-]+?)\s*\)", re.IGNORECASE
)


@rule("kl-of-probabilities", "high")
def kl_inputs(code: Code) -> Hits:
    """F.kl_div wants log-probabilities first."""
    for op in code.ops("kl_div", "KLDivLoss"):
        if op.name == "KLDivLoss" or not op.args:
            continue
        first, second = value_kind(code, op.x), value_kind(code, op.args[0])
        log_target = truth(op.kw.get("log_target")) is True
        if first in ("prob", "logit"):
            yield Hit(op.node)
        elif second == "log" and not log_target:
            yield Hit(op.node, "unset")
        elif log_target and second == "prob":
            yield Hit(op.node, "set")


@rule("kl-averaged-over-vocabulary", "medium")
def kl_reduction(code: Code) -> Hits:
    """reduction='mean' divides by the size of the vocabulary too."""
    for op in code.ops("kl_div", "KLDivLoss"):
        module = code.dotted(op.node.func)
        if not module.startswith(("torch", "F", "nn")) and "functional" not in module:
            continue
        reduction = op.kw.get("reduction")
        said = constant(code.value(reduction)) if reduction is not None else "mean"
        if op.kw.get("size_average") is not None or (op.name == "kl_div" and len(op.args) > 1):
            continue
        if any(each.arg is None for each in op.node.keywords):
            continue
        if said == "mean":
            yield Hit(op.node)


@rule("kl-direction", "medium")
def kl_direction(code: Code) -> Hits:
    """The docstring says KL(p || q), the call computes KL(q || p)."""
    for op in code.ops("kl_div"):
        if op.args:
            yield from _against_doc(
                code, op.node, code.value(op.args[0]), code.value(op.x), op.args[0], op.x
            )
    for node in code.binary(ast.Mult):
        for weight, difference in ((node.left, node.right), (node.right, node.left)):
            if is_binary(difference, ast.Sub):
                names = [_log_name(code, each) for each in (difference.left, difference.right)]
                mine = _log_name(code, weight)
                if mine is None or None in names:
                    continue
                if not all(
                    value_kind(code, each) == "log"
                    or {"log", "logp", "logprobs", "logprob"} & word_set(each)
                    for each in (difference.left, difference.right)
                ):
                    continue
                if names[0] == names[1]:
                    continue
                if mine == names[0]:
                    yield from _against_doc(
                        code,
                        node,
                        difference.left,
                        difference.right,
                        difference.left,
                        difference.right,
                    )
                elif mine == names[1]:
                    yield Hit(node)


def _log_name(code: Code, node: ast.AST) -> str | None:
    """The distribution that p, p.log(), p.exp() or log_p is about."""
    if isinstance(node, ast.Call):
        op = code.op(node)
        if (
            op.name in ("log", "exp", "clamp", "clamp_min", "float", "log_softmax", "softmax")
            and op.x is not None
        ):
            return _log_name(code, op.x)
        return None
    if isinstance(node, ast.Subscript):
        return _log_name(code, node.value)
    if isinstance(node, ast.Name):
        found = re.sub(
            r"(?:_?(?:log_?probs?|logp|probs?|lp|log|logits|dist))+$|^(?:log_?probs?|logp|log|lp|probs?)_?",
            "",
            node.id,
        )
        return found or None
    return None


def _against_doc(
    code: Code,
    place: ast.AST,
    p: ast.AST | None,
    q: ast.AST | None,
    p_name: ast.AST | None,
    q_name: ast.AST | None,
) -> Hits:
    function = code.function(place)
    if function is None:
        return
    said = _KL_DOC.search(ast.get_docstring(function) or "")
    if said is None:
        return
    one, other = words(said[1]), words(said[2])
    if one == other:
        return
    mine = word_set(p_name) | word_set(code.value(p))
    theirs = word_set(q_name) | word_set(code.value(q))
    one, other = one - other, other - one
    if mine & other and theirs & one and not mine & one and not theirs & other:
        yield Hit(place, "stated", p=said[1], q=said[2])
