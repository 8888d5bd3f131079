"""Standard errors, explained variance, bootstrap, ranks: the formula itself, and the order of what comes back."""

from __future__ import annotations

import ast
import re

from gadfly.tools.review.code.names import listed, words
from gadfly.tools.review.code.nodes import constant, indices, integer, is_binary, parameters, truth
from gadfly.tools.review.code.walk import identifiers, within, word_set
from gadfly.tools.review.registry import Code, Hit, Hits, kept, rule


@rule("mean-std-without-parentheses", "error")
def precedence(code: Code) -> Hits:
    """``x - x.mean() / x.std()``"""
    for node in code.binary(ast.Sub):
        quotient = node.right
        if not is_binary(quotient, ast.Div):
            continue
        mean, spread = quotient.left, quotient.right
        if isinstance(spread, ast.BinOp):
            spread = spread.left
        if (
            code.is_call(mean, "mean")
            and code.is_call(spread, "std", "norm", "var")
            and code.same(code.op(mean).x, node.left)
        ):
            yield Hit(node)


@rule("fvu-without-centring", "warning")
def fvu(code: Code) -> Hits:
    """Unexplained variance relative to the raw second moment."""
    for node in code.binary(ast.Div):
        names = code.called(node)
        if not (
            {"fvu", "fve", "r2", "ev", "unexplained"} & names or {"explained", "variance"} <= names
        ):
            continue
        below = _accumulated(code, node.right)
        text = code.unparsed(below)
        vocab = code.flow_words(below) | code.flow_words(node.right)
        if not re.search(r"pow\(2\)|\*\* 2|square|norm", text) or "sum" not in text + "norm":
            continue
        if listed("mean var std mu centred centered total tss center") & vocab:
            continue
        if is_binary(below, ast.Sub) or "-" in text.replace("-1", "").replace("-2", ""):
            continue
        above_flow = code.unparsed(_accumulated(code, node.left))
        if "-" not in above_flow.replace("-1", "").replace("-2", "") and not listed(
            "err error residual mse diff"
        ) & words(above_flow):
            continue
        yield Hit(node)


@kept
def _first_added(code: Code, scope: ast.AST, name: str) -> ast.AST | None:
    """What is added first to a name."""
    found = code.bindings[scope].get(name, ())
    return next((each.value for each in found if each.kind == "aug" and each.value), None)


def _accumulated(code: Code, node: ast.AST) -> ast.AST:
    """What a running sum adds up, else the value of an expression."""
    value = code.value(node)
    if isinstance(value, ast.Name):
        added = _first_added(code, code.scope(value), value.id)
        if added is not None:
            return added
    return value if value is not None else node


@rule("standard-error-without-root", "warning")
def standard_error(code: Code) -> Hits:
    """std / n called a standard error; 1.96 * std called an interval."""
    names = {"se", "sem", "stderr"}
    for assign in code.all(ast.Assign):
        said = word_set(assign.targets[0])
        value = assign.value
        if not said & names and not {"standard", "error"} <= said:
            continue
        if not is_binary(value, ast.Div):
            continue
        above = {code.op(each).name for each in within(value.left, ast.Call)}
        if not ({"std", "stdev"} & above or word_set(value.left) & {"std", "sd", "stdev"}):
            continue
        text = code.unparsed(value.right)
        flow = code.unparsed(code.value(value.right))
        if "sqrt" in flow or "0.5" in flow or "1 / 2" in flow:
            continue
        if text.startswith("len(") or words(text) & listed("n num count size shape samples"):
            yield Hit(assign)


@rule("interval-without-root-n", "warning")
def interval(code: Code) -> Hits:
    """``1.96 * std`` called a confidence interval of the mean."""
    for node in code.binary(ast.Mult):
        sides = (node.left, node.right)
        if not any(constant(each) in (1.96, 1.645, 2.576, 2.58) for each in sides):
            continue
        spread = node.right if constant(node.left) is not None else node.left
        value = code.value(spread)
        if not code.is_call(value, "std", "stdev"):
            continue
        statement = code.statement(node)
        if "sqrt" in identifiers(statement) or "0.5" in code.unparsed(statement):
            continue
        if code.context(node, doc=True) & {"ci", "confidence", "interval", "sem", "error"}:
            yield Hit(node)


@rule("bootstrap-without-replacement", "error")
def bootstrap(code: Code) -> Hits:
    """A bootstrap that only permutes the sample."""
    for op in code.ops("choice", "permutation", "sample", "randperm"):
        function = code.function(op.node)
        if function is not None and "replace" in parameters(function):
            continue  # a library's own resampling
        said = code.function_words(op.node) | word_set(code.target(op.node))
        for loop in code.loops(op.node):
            if isinstance(loop, ast.For):
                said |= word_set(loop.target) | word_set(loop.iter)
        if not said & listed("bootstrap boot resample resampled bootstraps"):
            continue
        permutes = op.name in ("permutation", "randperm")
        full = permutes or code.unparsed(op.arg(0, "size", "k") or op.x).startswith("len(")
        replace = op.kw.get("replace", op.arg(1) if op.name == "choice" else None)
        without = permutes or truth(replace) is False
        if op.name == "sample":
            without = truth(op.kw.get("replace")) is not True
        if without and full and not said & {"null", "perm", "permutation"}:
            yield Hit(op.node)


@rule("argsort-takes-the-smallest", "error")
def argsort_smallest(code: Code) -> Hits:
    """``x.argsort()[:k]`` under a name that says top."""
    for node in code.all(ast.Subscript):
        order, piece = code.value(node.value), indices(node)[-1]
        if not code.is_call(order, "argsort", "sorted"):
            continue
        op = code.op(order)
        if op.x is None or (order is not node.value and op.name == "sorted"):
            continue
        if not isinstance(piece, ast.Slice) or piece.lower or piece.step or piece.upper is None:
            continue
        down = op.kw.get("descending", op.kw.get("reverse"))
        if isinstance(piece.upper, ast.UnaryOp) or (down is not None and truth(down) is not False):
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


@rule("rank-from-argsort", "error")
def rank_from_argsort(code: Code) -> Hits:
    """``argsort(x)[token]`` is the token at a rank, not the rank of a token."""
    for node in code.all(ast.Subscript):
        value = code.value(node.value)
        ordered = code.op(value).x if code.is_call(value, "argsort") else None
        if ordered is None or code.is_call(code.value(ordered), "argsort"):
            continue
        unpacked = code.binding(ordered) if isinstance(ordered, ast.Name) else None
        if unpacked is not None and unpacked.kind == "unpack" and unpacked.part == 1:
            continue  # the positions that sort() returns
        last = indices(node)[-1]
        token = words(code.unparsed(last)) & listed("token target answer id tok correct")
        if code.called(node) & {"rank", "ranks"} and token and not isinstance(last, ast.Slice):
            yield Hit(node)


@rule("statistic-and-p-value-swapped", "error")
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
            right, other = (p_words, r_words) if place == 1 else (r_words, p_words)
            if place in (0, 1) and words(name) & other and not words(name) & right:
                yield Hit(assign)
                break


@rule("correlation-of-sorted-values", "error")
def sorted_apart(code: Code) -> Hits:
    """``pearsonr(np.sort(a), np.sort(b))``: the pairs are gone."""
    for op in code.ops("pearsonr", "spearmanr", "kendalltau", "corrcoef"):
        values = [code.value(each) for each in (op.x, op.arg(0))]
        if all(code.is_call(each, "sort", "sorted") for each in values):
            yield Hit(op.node)
