"""argsort, ranks and the order of what a function returns."""

from __future__ import annotations

import ast

from gadfly.tools.review.code.names import listed, words
from gadfly.tools.review.code.nodes import indices, integer, truth
from gadfly.tools.review.registry import Code, Hit, Hits, rule


@rule("argsort-takes-the-smallest", "high")
def argsort_smallest(code: Code) -> Hits:
    """``x.argsort()[:k]`` under a name that says top."""
    for node in code.all(ast.Subscript):
        order = code.value(node.value)
        if not isinstance(order, ast.Call):
            continue
        op = code.op(order)
        if op.name not in ("argsort", "sorted") or op.x is None:
            continue
        if order is not node.value and op.name == "sorted":
            continue
        piece = indices(node)[-1]
        if not (isinstance(piece, ast.Slice) and piece.lower is None and piece.upper is not None):
            continue
        if isinstance(piece.upper, ast.UnaryOp) or piece.step is not None:
            continue
        if truth(op.arg(9, "descending", "reverse")) is not False and (
            "descending" in op.kw or "reverse" in op.kw
        ):
            continue
        ranking = op.kw.get("key", op.x) if op.name == "sorted" else op.x
        if any(isinstance(each, ast.USub) for each in ast.walk(ranking)):
            continue
        names = code.context(node, doc=order is not node.value)
        high = {"top", "best", "highest", "largest", "strongest", "max", "most", "important"}
        low = {"loss", "bottom", "worst", "lowest", "smallest", "rank", "distance", "dist", "least"}
        seen = names | code.flow_words(op.x)
        if names & high and not seen & low and not any("dist" in each for each in seen):
            yield Hit(node)


@rule("rank-from-argsort", "high")
def rank_from_argsort(code: Code) -> Hits:
    """``argsort(x)[token]`` is the token at a rank, not the rank of a token."""
    for node in code.all(ast.Subscript):
        value = code.value(node.value)
        if not code.is_call(value, "argsort"):
            continue
        ordered = code.op(value).x
        inside = code.value(ordered)
        if code.is_call(inside, "argsort"):
            continue
        unpacked = code.binding(ordered) if isinstance(ordered, ast.Name) else None
        if unpacked is not None and unpacked.kind == "unpack" and unpacked.part == 1:
            continue  # the positions that sort() returns
        statement = code.statement(node)
        names = {w for t in getattr(statement, "targets", []) for w in words(code.unparsed(t))}
        function = code.function(node)
        if isinstance(statement, ast.Return) and function is not None:
            names |= words(function.name)
        last = indices(node)[-1]
        token = bool(
            words(code.unparsed(last)) & {"token", "target", "answer", "id", "tok", "correct"}
        )
        if names & {"rank", "ranks"} and token and not isinstance(last, ast.Slice):
            yield Hit(node)


@rule("statistic-and-p-value-swapped", "high")
def p_value_swapped(code: Code) -> Hits:
    """``r = pearsonr(a, b)[1]``."""
    tests = listed("pearsonr spearmanr kendalltau ttest_ind ttest_rel mannwhitneyu wilcoxon")
    p_words = {"p", "pval", "pvalue", "pvals", "value", "significance"}
    r_words = {"r", "rho", "corr", "correlation", "tau", "stat", "statistic", "t", "coefficient"}
    for assign in code.all(ast.Assign):
        target, value = assign.targets[0], assign.value
        found: list[tuple[str, int]] = []
        call: ast.AST = value
        if isinstance(value, ast.Subscript) and integer(value.slice) is not None:
            call = value.value
            found = [(code.unparsed(target), integer(value.slice) or 0)]
        elif isinstance(target, ast.Tuple) and len(target.elts) == 2:
            found = [(code.unparsed(each), n) for n, each in enumerate(target.elts)]
        if not code.is_call(call, *tests):
            continue
        for name, place in found:
            said = words(name)
            if (place == 1 and said & r_words and not said & p_words) or (
                place == 0 and said & p_words and not said & r_words
            ):
                yield Hit(assign)
                break


@rule("correlation-of-sorted-values", "high")
def sorted_apart(code: Code) -> Hits:
    """``pearsonr(np.sort(a), np.sort(b))``: the pairs are gone."""
    for op in code.ops("pearsonr", "spearmanr", "kendalltau", "corrcoef"):
        pair = [op.x, *op.args[:1]]
        values = [code.value(each) for each in pair]
        if len(values) == 2 and all(code.is_call(each, "sort", "sorted") for each in values):
            yield Hit(op.node)
