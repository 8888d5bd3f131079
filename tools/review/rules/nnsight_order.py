"""nnsight and nnterp: the order in which values are read, and iterations that never end."""

from __future__ import annotations

import ast
import re

from gadfly.tools.review.code.hooking import touches_model, traces, uses_nnsight
from gadfly.tools.review.code.nodes import integer, is_attribute, position
from gadfly.tools.review.code.walk import identifiers, inner, names_in, within
from gadfly.tools.review.registry import Code, Hit, Hits, rule


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
