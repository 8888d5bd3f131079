"""Operands: the same thing twice, shapes that broadcast by accident, too few bits."""

from __future__ import annotations

import ast

from gadfly.tools.review.code.batches import keyword
from gadfly.tools.review.code.concepts import is_forward
from gadfly.tools.review.code.names import listed, words
from gadfly.tools.review.code.nodes import integer, is_binary, is_name
from gadfly.tools.review.code.walk import identifiers, returned
from gadfly.tools.review.registry import Code, Hit, Hits, rule


@rule("same-operands", "error")
def same_operands(code: Code) -> Hits:
    """``f(clean) - f(clean)``: a comparison with itself."""
    for node in code.binary(ast.Sub, ast.Div):
        if not isinstance(node.left, ast.Call | ast.Subscript | ast.Name | ast.Attribute):
            continue
        if isinstance(code.statement(node), ast.Assert) or not code.same(node.left, node.right):
            continue  # a check that nothing changes where nothing should
        drawn = isinstance(node.left, ast.Call) and "rand" in code.unparsed(node.left)
        if not drawn and not code.is_call(node.left, *listed("time perf_counter next pop sample")):
            yield Hit(node)
    for op in code.ops(
        *listed("cosine_similarity kl_div allclose assert_close mse_loss pearsonr spearmanr")
    ):
        if op.x is not None and op.args and code.same(op.x, op.args[0]):
            yield Hit(op.node)


@rule("column-against-row", "error")
def column_against_row(code: Code) -> Hits:
    """[n, 1] predictions against [n] labels broadcast to [n, n]."""
    heads = {
        name
        for scope in code.bindings.values()
        for name, found in scope.items()
        for b in found
        if b.kind == "assign" and isinstance(b.value, ast.Call) and _one_output(code, b.value)
    }
    if not heads:
        return
    pairs: list[ast.BinOp | ast.Compare] = code.all(ast.BinOp, ast.Compare)
    for node in pairs:
        if isinstance(node, ast.BinOp):
            if not isinstance(node.op, ast.Sub):
                continue
            left, right = node.left, node.right
        else:
            if not isinstance(node.ops[0], ast.Eq):
                continue
            left, right = node.left, node.comparators[0]
        value = code.value(left)
        for _ in range(4):
            if isinstance(value, ast.Compare):
                value = code.value(value.left)
            elif code.is_call(value, *listed("float sigmoid long int round bool")):
                value = code.value(code.op(value).x)
        if not (isinstance(value, ast.Call) and is_name(value.func, *heads)):
            continue
        labels = code.value(right)
        text = code.unparsed(right)
        named = words(text) & listed("y labels label targets target")
        if not named or not isinstance(right, ast.Name | ast.Subscript) or "None" in text:
            continue
        if not {"unsqueeze", "None", "view", "reshape"} & code.vocab(labels):
            yield Hit(node)


def _one_output(code: Code, call: ast.Call) -> bool:
    op = code.op(call)
    if op.name == "Sequential" and call.args:
        last = call.args[-1]
        return isinstance(last, ast.Call) and _one_output(code, last)
    if op.name in ("to", "cuda", "double", "float") and isinstance(op.x, ast.Call):
        return _one_output(code, op.x)
    return op.name == "Linear" and len(call.args) >= 2 and integer(call.args[1]) == 1


_PURE = listed(
    "mul div masked_fill clamp index_fill scatter scatter_add index_add masked_scatter "
    "unsqueeze squeeze transpose permute reshape softmax log_softmax detach clone "
    "index_copy flip roll expand relu normalize contiguous nan_to_num clip"
)


@rule("result-thrown-away", "error")
def thrown_away(code: Code) -> Hits:
    """``x.masked_fill(mask, 0)`` as a statement: nothing changes."""
    libraries = listed("torch transformers transformer_lens nnsight nnterp sae_lens")
    if not code.imports_from(*libraries):
        return
    for statement in code.all(ast.Expr):
        call = statement.value
        if not (code.is_call(call, *_PURE) and isinstance(call.func, ast.Attribute)):
            continue
        op, owner = code.op(call), call.func.value
        if not isinstance(owner, ast.Name | ast.Subscript | ast.Attribute):
            continue
        around = (each for each in code.up(call) if isinstance(each, ast.With | ast.Try))
        if any(_expects(code, each) for each in around) or "distributed" in code.dotted(call.func):
            continue
        if "out" in op.kw or is_name(owner, "self"):
            continue  # self.relu(x) may well be an in-place module
        method = op.x is owner
        block = getattr(code.parents.get(statement), "body", [])
        if len(block) == 1 or (block and block[-1] is statement and not method):
            continue  # the last line of a notebook's cell or a bare probe of an error
        yield Hit(statement, call=op.name)


def _expects(code: Code, node: ast.AST) -> bool:
    return bool(
        identifiers(node)
        & {"raises", "assertRaises", "suppress", "trace", "generate", "profile", "FakeTensorMode"}
    )


@rule("cosine-without-norms", "warning")
def bare_cosine(code: Code) -> Hits:
    """A dot product called cosine similarity."""
    for function in code.defs():
        said = words(function.name)
        if not said & {"cosine", "cosines", "cos"} or said & listed(
            "sin schedule lr rotary rope embedding angle"
        ):
            continue
        vocab = identifiers(function) - {function.name}
        divided = ("norm", "unit", "cosine_sim")
        if any(part in each.lower() for each in vocab for part in divided):
            continue
        if {"cosine", "CosineSimilarity", "sqrt"} & vocab:
            continue
        for value in returned(function):
            shown = code.value(value)
            if is_binary(shown, ast.MatMult) or code.is_call(shown, "dot", "matmul", "einsum"):
                yield Hit(value)


_HALF = listed("bfloat16 float16 half")


@rule("half-precision-difference", "warning")
def half_precision(code: Code) -> Hits:
    """Logits of a bf16 model subtracted without an upcast."""
    casts = code.ops("bfloat16", "half")
    loads = [call for call in code.all(ast.Call) if "from_pretrained" in code.dotted(call.func)]
    if not any("from_pretrained" in code.vocab(op.x) for op in casts) and not any(
        _HALF & identifiers(keyword(call, name))
        for call in loads
        for name in ("torch_dtype", "dtype")
    ):
        return
    for node in code.binary(ast.Sub):
        if not (isinstance(node.left, ast.Subscript) and isinstance(node.right, ast.Subscript)):
            continue
        for side in (node.left, node.right):
            vocab = code.vocab(side)
            if "logits" not in vocab and not any(
                is_forward(code, each) for each in code.calls_in(side)
            ):
                break
            if {"float", "float32", "double", "float64", "log_softmax", "softmax"} & vocab:
                break
        else:
            yield Hit(node)


@rule("half-precision-accumulator", "warning")
def half_sum(code: Code) -> Hits:
    """A running sum kept in bf16 or fp16."""
    seen: set[tuple[ast.AST, str]] = set()
    for node in code.all(ast.AugAssign):
        if not (isinstance(node.op, ast.Add) and isinstance(node.target, ast.Name)):
            continue
        if not code.loops(node):
            continue
        scope, name = code.scope(node), node.target.id
        if (scope, name) in seen:
            continue
        seen.add((scope, name))
        for each in code.bindings[scope].get(name, ()):
            if each.kind == "assign" and isinstance(each.value, ast.Call):
                op = code.op(each.value)
                kind = op.kw.get("dtype")
                if op.name in ("zeros", "zeros_like") and identifiers(kind) & _HALF:
                    yield Hit(each.node)
