"""nnsight and nnterp: what happens inside a trace, in which order, and what is left of it afterwards."""

from __future__ import annotations

import ast
import re
from collections import defaultdict

from gadfly.tools.review.code.concepts import are_blocks
from gadfly.tools.review.code.hooking import Trace, touches_model, traces, uses_nnsight
from gadfly.tools.review.code.nodes import (
    Function,
    integer,
    is_attribute,
    is_name,
    is_open,
    position,
)
from gadfly.tools.review.code.walk import identifiers, inner, named_values, names_in, within
from gadfly.tools.review.registry import Code, Hit, Hits, kept, rule

_OUTPUTS = ("output", "layers_output", "mlps_output", "attentions_output")


def _tops(code: Code) -> list[Trace]:
    found = traces(code) if uses_nnsight(code) else []
    return [each for each in found if each.kind in ("trace", "generate")]


@rule("missing-save", "error")
def missing_save(code: Code) -> Hits:
    """A name bound in a trace and read after it, without save()."""
    sessions = {each.block for each in traces(code) if each.kind == "session"}
    for trace in _tops(code):
        if any(each in sessions or code.is_call(each, "session") for each in code.up(trace.block)):
            continue
        saved = _saved_in(code, trace.block)
        scope = code.home(trace.block)
        for name, value, node in named_values(trace.block):
            if not touches_model(code, value) or code.calls_any(value, "save", "trace"):
                continue
            if name in saved or code.is_rebound(name, scope, node):
                continue
            if code.is_read_below(name, scope, trace.block.end_lineno):
                yield Hit(node, name=name)


@kept
def _saved_in(code: Code, block: ast.AST) -> frozenset[str]:
    """The names in what a block calls ``save()`` on."""
    return frozenset().union(*(identifiers(op.x) for op in code.ops_in(block, "save")))


@rule("edit-not-written-back", "error")
def not_written_back(code: Code) -> Hits:
    """hidden = layer.output; hidden = hidden + v: the model never sees it."""
    for trace in _tops(code):
        views: set[str] = set()
        for name, value, node in named_values(trace.block):
            item = value.value if isinstance(value, ast.Subscript) else None
            if is_attribute(value, "output", "input") or is_attribute(item, *_OUTPUTS):
                views.add(name)
            elif (name in views and isinstance(value, ast.BinOp) and name in names_in(value)) and (
                not code.is_read_below(name, code.home(trace.block), node.end_lineno)
            ):
                yield Hit(node, name=name)


@rule("trace-shared-between-threads", "error")
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


@rule("attention-probabilities-not-enabled", "warning")
def attention_off(code: Code) -> Hits:
    """nnterp needs enable_attention_probs=True."""
    if not code.imports_from("nnterp") or code.mentions("enable_attention_probs"):
        return
    loads = code.ops("StandardizedTransformer")
    if not loads or any(is_open(op.node) for op in loads):
        return
    for node in code.all(ast.Attribute):
        if node.attr == "attention_probabilities":
            yield Hit(node)
            return


@rule("traced-state-into-same-prompt", "error")
def same_prompt(code: Code) -> Hits:
    """A state saved in trace(clean) and written in another trace(clean)."""
    tops = [each for each in _tops(code) if each.kind == "trace" and len(each.call.args) == 1]
    by_block: dict[ast.AST, list[Trace]] = defaultdict(list)
    for each in tops:
        by_block[each.block].append(each)
    for trace in tops:
        for node in within(trace.block, ast.Assign):
            if not isinstance(node.value, ast.Name) or not touches_model(code, node.targets[0]):
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


@rule("code-after-unbounded-iteration", "error")
def unbounded(code: Code) -> Hits:
    """Statements after tracer.iter[:] or tracer.all() never run."""
    if not uses_nnsight(code):
        return
    blocks: list[ast.With | ast.For] = code.all(ast.With, ast.For)
    for node in blocks:
        heads = [i.context_expr for i in node.items] if isinstance(node, ast.With) else [node.iter]
        above = code.parents.get(node)
        if not isinstance(above, ast.With) or not any(map(_is_endless, heads)):
            continue
        rest = (
            each
            for each in above.body[above.body.index(node) + 1 :]
            if not isinstance(each, ast.Pass)
            and not (isinstance(each, ast.Expr) and isinstance(each.value, ast.Constant))
        )
        if (first := next(rest, None)) is not None:
            yield Hit(first)


def _is_endless(node: ast.AST) -> bool:
    """``tracer.iter[n:]`` or ``tracer.all()``"""
    if isinstance(node, ast.Subscript) and is_attribute(node.value, "iter"):
        return isinstance(node.slice, ast.Slice) and node.slice.upper is None
    if isinstance(node, ast.Call) and is_attribute(node.func, "all"):
        return isinstance(node.func.value, ast.Name) and not node.args
    return False


@rule("read-out-of-order", "error")
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
                step = code.op(over).arg(1) if code.is_call(over, "range") else None
                backward = code.is_call(over, "reversed") or (integer(step) or 1) < 0
                if (backward and "grad" not in identifiers(statement)) and (
                    touches_model(code, statement) and _indexes(code, statement)
                ):
                    yield Hit(statement, repair="go through the layers forwards")
                last = None
                continue
            for place, node in sorted(
                _order(statement), key=lambda pair: _evaluated(code, pair[1])
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


def _order(statement: ast.AST) -> list[tuple[int, ast.AST]]:
    """The outputs that a statement reads or writes, with the place of their module in the model."""
    found: list[tuple[int, ast.AST]] = []
    for each in inner(statement):
        number: int | None = None
        base = each.value if is_attribute(each, "output") else None
        if isinstance(base, ast.Subscript) and are_blocks(base.value):
            number = integer(base.slice)
        elif is_attribute(base, "lm_head"):
            number = 10_000
        elif isinstance(each, ast.Subscript) and is_attribute(each.value, "layers_output"):
            number = integer(each.slice)
        if number is not None and number >= 0:
            found.append((number, each))
    return found


def _indexes(code: Code, loop: ast.For) -> bool:
    names = names_in(loop.target)
    return any(
        (are_blocks(each.value) or is_attribute(each.value, *_OUTPUTS[1:]))
        and names_in(each.slice) & names
        for each in within(loop, ast.Subscript)
    )


@rule("gradients-in-forward-order", "error")
def gradient_order(code: Code) -> Hits:
    """In a backward block .grad comes last layer first."""
    if not uses_nnsight(code):
        return
    for block in code.all(ast.With):
        calls = [item.context_expr for item in block.items]
        if not any(isinstance(e, ast.Call) and is_attribute(e.func, "backward") for e in calls):
            continue
        for loop in within(block, ast.For):
            flow = code.flow(loop.iter)[:40]
            parts = [loop.iter, *(e for e in flow if isinstance(e, ast.Call | ast.Subscript))]
            text = " ".join(map(code.unparsed, parts))
            backward = "reversed" in text or "[::-1]" in text
            counts_down = re.search(r"-1\)*$", code.unparsed(loop.iter))
            if "grad" in identifiers(loop) and not backward and not counts_down:
                yield Hit(loop)
