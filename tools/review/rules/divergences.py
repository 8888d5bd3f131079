"""Kullback-Leibler divergence: direction, reduction and what it is fed."""

from __future__ import annotations

import ast
import re

from gadfly.tools.review.code.concepts import value_kind
from gadfly.tools.review.code.names import listed, words
from gadfly.tools.review.code.nodes import both_ways, constant, is_binary, is_open, truth
from gadfly.tools.review.code.walk import word_set
from gadfly.tools.review.registry import Code, Hit, Hits, rule

_KL_DOC = re.compile(
    r"(?:KL|D_?KL)\s*\(\s*([\w .^*'-]+?)\s*(?:\|\|?|‖|∥|;|,)\s*([\w .^*'-]+?)\s*\)", re.IGNORECASE
)


@rule("kl-of-probabilities", "error")
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


@rule("kl-averaged-over-vocabulary", "warning")
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
        if said == "mean" and not is_open(op.node):
            yield Hit(op.node)


@rule("kl-direction", "warning")
def kl_direction(code: Code) -> Hits:
    """The docstring says KL(p || q), the call computes KL(q || p)."""
    for op in code.ops("kl_div"):
        if op.args and op.x is not None:
            yield from _against_doc(code, op.node, op.args[0], op.x)
    for node in code.binary(ast.Mult):
        for weight, difference in both_ways(node):
            if not is_binary(difference, ast.Sub):
                continue
            p, q = difference.left, difference.right
            mine, first, second = (_log_name(code, each) for each in (weight, p, q))
            if None in (mine, first, second) or first == second:
                continue
            if not (_is_log(code, p) and _is_log(code, q)):
                continue
            if mine == first:
                yield from _against_doc(code, node, p, q)
            elif mine == second:
                yield Hit(node)


def _is_log(code: Code, node: ast.AST) -> bool:
    said = {"log", "logp", "logprobs", "logprob"} & word_set(node)
    return bool(said) or value_kind(code, node) == "log"


def _log_name(code: Code, node: ast.AST) -> str | None:
    """The distribution that p, p.log(), p.exp() or log_p is about."""
    if isinstance(node, ast.Call):
        op = code.op(node)
        kept = listed("log exp clamp clamp_min float log_softmax softmax")
        return _log_name(code, op.x) if op.name in kept and op.x is not None else None
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


def _against_doc(code: Code, place: ast.AST, p: ast.expr, q: ast.expr) -> Hits:
    """Whether the docstring states the divergence of ``p`` from ``q`` the other way round."""
    stated = _KL_DOC.search(code.docstring(code.function(place)))
    if stated is None:
        return
    first, second = words(stated[1]), words(stated[2])
    first, second = first - second, second - first
    mine = word_set(p) | word_set(code.value(p))
    theirs = word_set(q) | word_set(code.value(q))
    if mine & second and theirs & first and not mine & first and not theirs & second:
        yield Hit(place, "stated", p=stated[1], q=stated[2])
