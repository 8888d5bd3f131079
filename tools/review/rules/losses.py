"""Losses: logits against probabilities, and the shift by one token."""

from __future__ import annotations

import ast

from gadfly.tools.review.code.batches import keyword
from gadfly.tools.review.code.concepts import is_forward, is_model, value_kind
from gadfly.tools.review.code.flow import LONGEST_CHAIN
from gadfly.tools.review.code.names import listed, words
from gadfly.tools.review.code.nodes import (
    constant,
    indices,
    integer,
    is_attribute,
    is_binary,
    is_name,
)
from gadfly.tools.review.code.walk import identifiers, inner, word_set
from gadfly.tools.review.registry import Code, Hit, Hits, kept, rule


@rule("log-of-softmax", "warning")
def log_softmax(code: Code) -> Hits:
    """log(softmax(x)) is -inf where the softmax underflows."""
    for op in code.ops("log", "log2"):
        given = value = code.value(op.x)
        for _ in range(LONGEST_CHAIN):
            value = code.value(value.value) if isinstance(value, ast.Subscript) else value
        precise = value is not given and "double" in identifiers(value)
        name = code.dotted(op.node.func)
        if code.is_call(value, "softmax") and not precise and not ("math" in name or "np" in name):
            yield Hit(op.node)


@rule("loss-on-wrong-scale", "error")
def loss_scale(code: Code) -> Hits:
    """cross_entropy of probabilities, BCE-with-logits of a sigmoid, BCE of logits."""
    for op in code.ops("cross_entropy", "binary_cross_entropy_with_logits", "nll_loss"):
        kind = value_kind(code, op.x)
        if op.name == "nll_loss":
            if kind in ("prob", "logit"):
                yield Hit(op.node, "nll")
        elif kind == "prob":
            yield Hit(op.node, call=op.name)
    criteria = {
        name: code.op(b.value).name
        for scope in code.bindings.values()
        for name, found in scope.items()
        for b in found
        if b.kind == "assign" and code.is_call(b.value, "CrossEntropyLoss", "BCEWithLogitsLoss")
    }
    for call in code.all(ast.Call):
        if (is_name(call.func, *criteria) and call.args) and (
            value_kind(code, call.args[0]) == "prob"
        ):
            yield Hit(call, call=criteria[call.func.id])


@rule("loss-without-shift", "error")
def unshifted(code: Code) -> Hits:
    """Logits at position t compared with the token at position t."""
    for op in code.ops("cross_entropy", "gather", "nll_loss"):
        target = op.arg(1, "index") if op.name == "gather" else op.arg(0, "target")
        if op.x is None or target is None:
            continue
        if op.name == "gather" and integer(op.arg(0, "dim")) not in (-1, 2, 1):
            continue
        tokens = _bare_tokens(code, target)
        logits = _bare_logits(code, op.x)
        if tokens is None or logits is None:
            continue
        named = (each for each in logits.keywords if each.arg in ("input_ids", "input", None))
        given = [*logits.args[:1], *(each.value for each in named)]
        same = any(
            code.same(each, tokens)
            or code.same(code.value(each), code.value(tokens))
            or (isinstance(tokens, ast.Subscript | ast.Attribute) and code.same(each, tokens.value))
            for each in given
        )
        if same:
            yield Hit(op.node)
    for op in code.ops("gather", "cross_entropy"):
        if op.name == "gather" and integer(op.arg(0, "dim")) not in (-1, 2, 1):
            continue
        if op.x is not None and _starts_at_prompt_end(code, op.x):
            yield Hit(op.node, "continuation")
    for call in code.all(ast.Call):
        if (is_forward(code, call) and call.args) or is_model(code, call.func):
            ids = keyword(call, "input_ids") or (call.args[0] if call.args else None)
            if _cut(keyword(call, "labels")) == "1:" and _cut(ids) == ":-1":
                yield Hit(call, "twice")
    for op in code.ops("cross_entropy", "gather"):
        target = op.arg(1, "index") if op.name == "gather" else op.arg(0, "target")
        first = {_cut(each) for each in code.flow(op.x)[:150]}
        second = {_cut(each) for each in code.flow(target)[:150]}
        if "1:" in first and ":-1" in second and not (":-1" in first or "1:" in second):
            yield Hit(op.node, "wrong-way")


def _cut(node: ast.AST | None) -> str | None:
    """':-1' or '1:' for a cut along positions."""
    if not isinstance(node, ast.Subscript):
        return None
    for part in indices(node)[1:2] or indices(node)[:1]:
        if isinstance(part, ast.Slice) and part.step is None:
            low, high = integer(part.lower), integer(part.upper)
            if part.lower is None and high == -1:
                return ":-1"
            if part.upper is None and low == 1:
                return "1:"
    return None


_RESHAPES = listed(
    "flatten view reshape float unsqueeze to long log_softmax softmax transpose "
    "contiguous cpu permute mT squeeze double log rearrange detach"
)


def _bare_tokens(code: Code, node: ast.AST) -> ast.AST | None:
    """The tokens behind reshapes, if nothing cuts them."""
    current: ast.AST | None = node
    for _ in range(8):
        if code.is_call(current, *_RESHAPES):
            current = code.op(current).x
        elif isinstance(current, ast.Subscript):
            if constant(current.slice) in ("input_ids", "tokens"):
                return current
            if not all(_takes_all(each) for each in indices(current)):
                return None
            current = current.value
        elif isinstance(current, ast.Name):
            value = code.value(current)
            if isinstance(value, ast.Subscript) or code.is_call(value, *_RESHAPES):
                return _bare_tokens(code, value)
            named = words(current.id) & listed("tokens ids toks input inputs token")
            return current if named else None
        elif isinstance(current, ast.Attribute):
            return current if current.attr == "input_ids" else None
        else:
            return None
    return None


def _takes_all(index: ast.AST) -> bool:
    """``:``, ``...`` or ``None``"""
    if isinstance(index, ast.Slice):
        return not (index.lower or index.upper)
    return isinstance(index, ast.Constant) and index.value in (None, Ellipsis)


def _bare_logits(code: Code, node: ast.AST) -> ast.Call | None:
    """The run of the model behind uncut logits."""
    current: ast.AST | None = node
    for _ in range(10):
        current = code.value(current)
        if isinstance(current, ast.Call):
            if is_forward(code, current):
                return current
            if code.op(current).name not in _RESHAPES:
                return None
            current = code.op(current).x
        elif is_attribute(current, "logits", "mT") or (
            isinstance(current, ast.Subscript) and integer(current.slice) == 0
        ):
            current = current.value
        else:
            return None
    return None


@rule("mean-of-exponentials", "warning")
def mean_of_exp(code: Code) -> Hits:
    """Perplexity as the mean of exp(loss) over batches."""
    for op in code.ops("exp"):
        if op.x is None or "loss" not in code.flow_words(op.x) | word_set(op.x):
            continue
        above = list(code.up(op.node))
        listing = any(isinstance(each, ast.ListComp | ast.GeneratorExp) for each in above)
        kept = any(isinstance(e, ast.AugAssign) or code.is_call(e, "append") for e in above)
        function = code.function(op.node)
        if function is None or not (listing or (code.loops(op.node) and kept)):
            continue
        averages = code.calls_any(function, "mean", "fmean")
        averages = averages or _last_division(code, function) > op.node.lineno
        if averages and code.context(op.node) & {"perplexity", "ppl", "perplexities"}:
            yield Hit(op.node)


@kept
def _last_division(code: Code, function: ast.AST) -> int:
    """The line of the last division in a function."""
    found = (e for e in inner(function) if is_binary(e, ast.Div))
    return max((each.lineno for each in found), default=0)


def _starts_at_prompt_end(code: Code, node: ast.AST) -> bool:
    """``logits[0, n:]`` where n is the number of tokens of a prompt."""
    if not isinstance(node, ast.Subscript) or value_kind(code, node.value) not in ("log", "logit"):
        return False
    for part in indices(node)[:2]:
        if not (isinstance(part, ast.Slice) and isinstance(part.lower, ast.Name)) or part.upper:
            continue
        start, counted = code.value(part.lower), None
        if code.is_call(start, "len") and start.args:
            counted = start.args[0]
        elif code.unparsed(start).endswith(("shape[1]", "shape[-1]")):
            counted = getattr(start, "value", None)
        if code.flow_words(counted) & {"prompt", "context", "prefix", "question"}:
            return True
    return False
