"""nnsight and nnterp: what happens inside a trace, and what is left of it afterwards."""

from __future__ import annotations

import ast
from collections import defaultdict

from gadfly.tools.review.code.hooking import Trace, touches_model, traces, uses_nnsight
from gadfly.tools.review.code.names import listed
from gadfly.tools.review.code.nodes import Function, integer, is_attribute, is_name
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
