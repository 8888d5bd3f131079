"""Statistics of sparse features: L0, firing counts, TopK, and what BOS does to them."""

from __future__ import annotations

import ast

from gadfly.tools.review.code.names import listed, words
from gadfly.tools.review.code.nodes import constant, integer
from gadfly.tools.review.code.shapes import dims, shape
from gadfly.tools.review.code.walk import inner, word_set
from gadfly.tools.review.registry import Code, Hit, Hits, rule


@rule("l0-is-a-sum-over-features", "warning")
def l0_mean(code: Code) -> Hits:
    """``(z > 0).float().mean()`` called L0: it is a share, not a number of features."""
    for op in code.ops("mean"):
        if op.args or op.kw or op.x is None:
            continue
        base = code.peeled(op.x, "float", "to", "double")
        if not (isinstance(base, ast.Compare) and constant(base.comparators[0]) in (0, 0.0)):
            continue
        target = code.target(op.node)
        said = code.context(op.node, doc=True) if target is None else word_set(target)
        if said & {"l0", "L0"} or {"l", "0"} <= said:
            yield Hit(op.node)


@rule("counted-per-token-not-per-feature", "warning")
def counted_per_token(code: Code) -> Hits:
    """Firing counts of features that are summed over the features."""
    for op in code.ops("sum", "mean", "any"):
        if integer(op.arg(0, "dim", "axis")) != -1 or op.x is None:
            continue
        base = code.peeled(op.x, *listed("float to double int long"))
        if not (isinstance(base, ast.Compare) and constant(base.comparators[0]) in (0, 0.0)):
            continue
        if not any(code.op(each).name == "encode" for each in code.calls_in(base.left)):
            continue
        statement = code.statement(op.node)
        target = getattr(statement, "targets", [getattr(statement, "target", None)])[0]
        said = word_set(target) if target is not None else code.context(op.node)
        if said & listed("density densities frequency fired dead firing alive count counts"):
            yield Hit(op.node)


@rule("topk-over-the-tokens", "error")
def topk_tokens(code: Code) -> Hits:
    """A TopK activation function that selects over the batch."""
    for op in code.ops("topk"):
        which, axes = dims(op, 1), shape(code, op.x)
        if which is None or axes is None or axes[-1] != "feature" or len(axes) < 2:
            continue
        said = code.function_words(op.node) & listed("topk encode forward activation")
        if said and which[0] not in (-1, len(axes) - 1):
            yield Hit(op.node, dim=which[0])


@rule("bos-among-top-activations", "warning")
def bos_on_top(code: Code) -> Hits:
    """The largest feature activations, BOS position included."""
    if code.uses_text("bos") or not code.imports_from("transformer_lens", "sae_lens"):
        return
    for op in code.ops("topk", "argmax", "max"):
        if op.x is None:
            continue
        flow = code.flow(op.x)
        calls = {code.op(each).name for each in flow if isinstance(each, ast.Call)}
        if "encode" not in calls or not calls & {"run_with_cache", "run_with_cache_with_saes"}:
            continue
        flat = calls & {"flatten", "reshape", "view"}
        cut = any(isinstance(each, ast.Slice) and integer(each.lower) == 1 for each in flow)
        if flat and not cut and "mask" not in code.flow_words(op.x):
            yield Hit(op.node)
            return


@rule("bos-in-the-statistics", "warning")
def bos_counted(code: Code) -> Hits:
    """Explained variance or norms over all positions, BOS included."""
    if code.uses_text("bos") or not code.imports_from("sae_lens"):
        return
    if not code.mentions("run_with_cache"):
        return
    if any(integer(each.lower) == 1 for each in code.all(ast.Slice)):
        return
    for function in code.defs():
        if not words(function.name) & {"fvu", "variance", "explained", "fve", "mse"}:
            continue
        for node in inner(function):
            if (
                isinstance(node, ast.Subscript)
                and isinstance(node.value, ast.Subscript)
                and "cache" in code.unparsed(node.value.value)
                and integer(node.slice) == 0
            ) or (code.is_call(node, "flatten", "reshape") and "cache" in code.unparsed(node)):
                yield Hit(node)
                return
