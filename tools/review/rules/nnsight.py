"""nnsight and nnterp: what happens inside a trace, in which order, and what is left of it afterwards."""

from __future__ import annotations

import ast
import re
from collections import defaultdict

from gadfly.tools.review.code.hooking import Trace, touches_model, traces, uses_nnsight
from gadfly.tools.review.code.names import listed
from gadfly.tools.review.code.nodes import Function, integer, is_attribute, is_name, position
from gadfly.tools.review.code.walk import identifiers, inner, named_values, names_in, within
from gadfly.tools.review.registry import Code, Hit, Hits, kept, rule


def _tops(code: Code) -> list[Trace]:
    return (
        [each for each in traces(code) if each.kind in ("trace", "generate")]
        if uses_nnsight(code)
        else []
    )


@rule("missing-save", "high")
def missing_save(code: Code) -> Hits:
    """A name bound in a trace and read after it, without save()."""
    sessions = {each.block for each in traces(code) if each.kind == "session"}
    for trace in _tops(code):
        if any(each in sessions or code.is_call(each, "session") for each in code.up(trace.block)):
            continue
        saved = _saved_in(code, trace.block)
        scope = code.function(trace.block) or code.module
        for name, value, node in named_values(trace.block):
            if not touches_model(code, value) or _saves(code, value):
                continue
            if "trace" in {code.op(c).name for c in within(value, ast.Call)}:
                continue
            if name in saved or code.is_rebound(name, scope, node):
                continue
            if code.is_read_below(name, scope, trace.block.end_lineno):
                yield Hit(node, name=name)


@kept
def _saved_in(code: Code, block: ast.AST) -> frozenset[str]:
    """The names in what a block calls ``save()`` on."""
    return frozenset().union(*(identifiers(op.x) for op in code.ops_in(block, "save")))


def _saves(code: Code, node: ast.AST) -> bool:
    return code.calls_any(node, "save")


@rule("edit-not-written-back", "high")
def not_written_back(code: Code) -> Hits:
    """hidden = layer.output; hidden = hidden + v: the model never sees it."""
    for trace in _tops(code):
        views: dict[str, ast.AST] = {}
        for name, value, node in named_values(trace.block):
            if is_attribute(value, "output", "input") or (
                isinstance(value, ast.Subscript)
                and is_attribute(
                    value.value, *listed("output layers_output mlps_output attentions_output")
                )
            ):
                views[name] = node
            elif name in views and isinstance(value, ast.BinOp) and name in names_in(value):
                scope = code.function(trace.block) or code.module
                if not code.is_read_below(name, scope, node.end_lineno):
                    yield Hit(node, name=name)


@rule("trace-shared-between-threads", "high")
def threads(code: Code) -> Hits:
    """Traces of one model are not thread-safe."""
    if not uses_nnsight(code) or not code.mentions("ThreadPoolExecutor", "ThreadPool", "Thread"):
        return
    if code.mentions("Lock", "RLock", "Semaphore"):
        return
    around = (above for each in _tops(code) for above in code.up(each.block))
    tracing = {each.name for each in around if isinstance(each, Function)}
    alone = any(
        each.arg == "max_workers" and integer(each.value) == 1 for each in code.all(ast.keyword)
    )
    for op in code.ops("map", "submit", "Thread", "starmap", "imap", "apply_async"):
        given = [*op.node.args[:1], *(k.value for k in op.node.keywords if k.arg == "target")]
        runs = any(is_name(each, *tracing) for each in given)
        if runs and not alone:
            yield Hit(op.node)


@rule("attention-probabilities-not-enabled", "medium")
def attention_off(code: Code) -> Hits:
    """nnterp needs enable_attention_probs=True."""
    if not code.imports_from("nnterp") or code.mentions("enable_attention_probs"):
        return
    loads = list(code.ops("StandardizedTransformer"))
    for node in code.all(ast.Attribute):
        if (
            node.attr == "attention_probabilities"
            and loads
            and not any(each.arg is None for op in loads for each in op.node.keywords)
        ):
            yield Hit(node)
            return


@rule("traced-state-into-same-prompt", "high")
def same_prompt(code: Code) -> Hits:
    """A state saved in trace(clean) and written in another trace(clean)."""
    tops = [each for each in _tops(code) if each.kind == "trace" and len(each.call.args) == 1]
    by_block: dict[ast.AST, list[Trace]] = defaultdict(list)
    for each in tops:
        by_block[each.block].append(each)
    for trace in tops:
        for node in inner(trace.block):
            if not (isinstance(node, ast.Assign) and isinstance(node.value, ast.Name)):
                continue
            if not touches_model(code, node.targets[0]):
                continue
            found = code.binding(node.value)
            if found is None or found.value is None or not touches_model(code, found.value):
                continue
            around = (each for above in code.up(found.node) for each in by_block.get(above, ()))
            for other in around:
                if (
                    other is not trace
                    and isinstance(trace.call.args[0], ast.Name)
                    and code.same(other.call.args[0], trace.call.args[0])
                    and isinstance(code.value(found.value), ast.Call)
                    and code.function(trace.block) is code.function(other.block)
                    and not _edited_between(found.value)
                ):
                    yield Hit(trace.call)


def _edited_between(node: ast.AST) -> bool:
    """Whether the saved value is more than the state itself: a mean, a sum with a vector."""
    return any(
        isinstance(each, ast.BinOp)
        or is_attribute(each, "mean", "roll", "flip", "zeros_like", "randn_like")
        for each in inner(node)
    )


@rule("code-after-unbounded-iteration", "high")
def unbounded(code: Code) -> Hits:
    """Statements after tracer.iter[:] or tracer.all() never run."""
    if not uses_nnsight(code):
        return
    blocks: list[ast.With | ast.For] = code.all(ast.With, ast.For)
    for node in blocks:
        heads: list[ast.AST] = (
            [i.context_expr for i in node.items] if isinstance(node, ast.With) else [node.iter]
        )
        endless = False
        for each in heads:
            if isinstance(each, ast.Subscript) and is_attribute(each.value, "iter"):
                endless = isinstance(each.slice, ast.Slice) and each.slice.upper is None
            elif isinstance(each, ast.Call) and is_attribute(each.func, "all"):
                endless = isinstance(each.func.value, ast.Name) and not each.args
        if not endless:
            continue
        above = code.parents.get(node)
        body = getattr(above, "body", [])
        if node in body and isinstance(above, ast.With):
            rest = [
                each
                for each in body[body.index(node) + 1 :]
                if not isinstance(each, ast.Pass)
                and not (isinstance(each, ast.Expr) and isinstance(each.value, ast.Constant))
            ]
            if rest:
                yield Hit(rest[0])


@rule("read-out-of-order", "high")
def out_of_order(code: Code) -> Hits:
    """Within one invoke, modules must be accessed in the order in which they run."""
    for trace in traces(code):
        if not uses_nnsight(code) or trace.kind not in ("trace", "invoke"):
            continue
        statements = [each for each in trace.block.body if not isinstance(each, ast.With)]
        last: tuple[int, ast.AST] | None = None
        for statement in statements:
            if isinstance(statement, ast.For):
                over = statement.iter
                backward = isinstance(over, ast.Call) and (
                    code.op(over).name == "reversed"
                    or (
                        code.op(over).name == "range"
                        and len(over.args) == 3
                        and (integer(over.args[2]) or 1) < 0
                    )
                )
                if (
                    backward
                    and touches_model(code, statement)
                    and "grad" not in identifiers(statement)
                    and _indexes(code, statement)
                ):
                    yield Hit(statement, repair="go through the layers forwards")
                last = None
                continue
            for place, node in sorted(
                _order(code, statement), key=lambda pair: _evaluated(code, pair[1])
            ):
                if last is not None and place < last[0]:
                    yield Hit(node, repair="access earlier layers first, or use a second invoke")
                    return
                last = (place, node)


def _evaluated(code: Code, node: ast.AST) -> tuple[int, int, int]:
    """Right-hand sides are evaluated before targets."""
    statement = code.statement(node)
    target = isinstance(statement, ast.Assign) and any(node in inner(t) for t in statement.targets)
    return (1 if target else 0, *position(node))


def _order(code: Code, statement: ast.AST) -> list[tuple[int, ast.AST]]:
    found: list[tuple[int, ast.AST]] = []
    for each in inner(statement):
        text = ""
        if is_attribute(each, "output") and isinstance(each.value, ast.Subscript):
            base = each.value
            if is_attribute(base.value, "h", "layers", "blocks"):
                number = integer(base.slice)
                if number is not None and number >= 0:
                    found.append((number, each))
        elif isinstance(each, ast.Subscript) and isinstance(each.value, ast.Attribute):
            if each.value.attr == "layers_output":
                number = integer(each.slice)
                if number is not None and number >= 0:
                    found.append((number, each))
        elif is_attribute(each, "output") and isinstance(each.value, ast.Attribute):
            text = each.value.attr
            if text == "lm_head":
                found.append((10_000, each))
    return found


def _indexes(code: Code, loop: ast.For) -> bool:
    names = names_in(loop.target)
    return any(
        is_attribute(
            each.value, "h", "layers", "blocks", "layers_output", "mlps_output", "attentions_output"
        )
        and names_in(each.slice) & names
        for each in within(loop, ast.Subscript)
    )


@rule("gradients-in-forward-order", "high")
def gradient_order(code: Code) -> Hits:
    """In a backward block .grad comes last layer first."""
    if not uses_nnsight(code):
        return
    for block in code.all(ast.With):
        if not any(
            isinstance(item.context_expr, ast.Call)
            and is_attribute(item.context_expr.func, "backward")
            for item in block.items
        ):
            continue
        for loop in inner(block):
            if not isinstance(loop, ast.For) or "grad" not in identifiers(loop):
                continue
            text = code.unparsed(loop.iter)
            if "reversed" in text or "[::-1]" in text or re.search(r"-1\)*$", text):
                continue
            if any(
                "reversed" in code.unparsed(each) or "[::-1]" in code.unparsed(each)
                for each in code.flow(loop.iter)[:40]
                if isinstance(each, ast.Call | ast.Subscript)
            ):
                continue
            yield Hit(loop)
