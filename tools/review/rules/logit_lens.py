"""Reading the residual stream through the unembedding: the final norm once, not twice and not never."""

from __future__ import annotations

import ast

from gadfly.tools.review.code.concepts import are_blocks, uses_lens
from gadfly.tools.review.code.hooking import hooks
from gadfly.tools.review.code.names import listed, words
from gadfly.tools.review.code.nodes import constant, integer, is_attribute, truth
from gadfly.tools.review.code.walk import within
from gadfly.tools.review.registry import Code, Hit, Hits, kept, rule

_NORMS = listed("norm ln_f final_layer_norm ln_final final_norm final_layernorm norm_f layernorm")
_UNEMBEDS = listed("lm_head embed_out unembed get_output_embeddings output_embeddings lm_head_")


def _is_norm(code: Code, node: ast.AST | None) -> bool:
    if isinstance(node, ast.Attribute):
        return node.attr in _NORMS
    if isinstance(node, ast.Name):
        value = code.value(node)
        named = bool(words(node.id) & {"norm", "ln", "layernorm"})
        return value.attr in _NORMS if isinstance(value, ast.Attribute) else named
    return False


def _is_unembed(code: Code, node: ast.AST | None) -> bool:
    if isinstance(node, ast.Call):
        return code.op(node).name == "get_output_embeddings"
    if isinstance(node, ast.Attribute):
        return node.attr in _UNEMBEDS
    if isinstance(node, ast.Name):
        if node.id in _UNEMBEDS or words(node.id) & {"unembed", "unembedding"}:
            return True
        value = code.value(node)
        return value is not node and _is_unembed(code, value)
    return False


@rule("final-norm-applied-twice", "error")
def norm_twice(code: Code) -> Hits:
    """The last entry of hidden_states is already normalised."""
    for call in code.all(ast.Call):
        entry = _entry(code, call.args[0]) if _is_norm(code, call.func) and call.args else ""
        if entry == "last":
            yield Hit(call)
        elif entry == "all" and not _excepted(code, call):
            yield Hit(call, "all")
    for op in code.ops("project_on_vocab"):
        if any(
            is_attribute(each, "ln_final")
            or (isinstance(each, ast.Call) and _is_norm(code, each.func))
            for each in code.flow(op.arg(0))
        ):
            yield Hit(op.node, "called", repair="model.project_on_vocab(hidden)")
    for op in code.ops("ln_final"):
        argument = op.node.args[0] if op.node.args else None
        for call in code.calls_in(argument):
            inside = code.op(call)
            if code.function(call) is not code.function(op.node):
                continue
            scaled = inside.name in ("accumulated_resid", "decompose_resid") and (
                truth(inside.kw.get("apply_ln")) is True
            )
            if scaled or inside.name == "apply_ln_to_stack":
                yield Hit(op.node, "called", repair="drop ln_final, or apply_ln=False")
                break


def _entry(code: Code, node: ast.AST) -> str:
    """Whether an expression is the "last" entry of hidden_states, or "all" of them in a loop; else empty."""
    current: ast.AST | None = node
    for _ in range(8):
        if isinstance(current, ast.Subscript):
            if is_attribute(code.value(current.value), "hidden_states"):
                return "last" if integer(current.slice) == -1 else ""
            current = current.value
        elif isinstance(current, ast.Call):
            current = code.op(current).x
        elif isinstance(current, ast.Name):
            found = code.binding(current)
            if found is None:
                return ""
            if found.kind == "for":
                over = found.value
                if code.is_call(over, "enumerate") and found.part == 1:
                    over = code.op(over).x
                return "all" if is_attribute(code.value(over), "hidden_states") else ""
            if found.kind != "assign":
                return ""
            current = found.value
        else:
            return ""
    return ""


def _excepted(code: Code, call: ast.Call) -> bool:
    """Whether a condition around the norm speaks of the last layer."""
    for above in code.up(call):
        if isinstance(above, ast.If | ast.IfExp):
            return True
        if isinstance(above, ast.For | ast.FunctionDef):
            return _has_condition(code, above)
    return False


@kept
def _has_condition(code: Code, node: ast.AST) -> bool:
    return any(within(node, ast.If, ast.IfExp))


@rule("lens-without-final-norm", "error")
def lens_without_norm(code: Code) -> Hits:
    """Unembedding of a residual stream that skips the final norm."""
    places: list[tuple[ast.AST, ast.AST]] = [
        (call, call.args[0])
        for call in code.all(ast.Call)
        if _is_unembed(code, call.func) and call.args
    ]
    for node in code.binary(ast.MatMult):
        right = code.unparsed(code.value(node.right))
        if "lm_head.weight" in right or right.endswith("W_U") or "embed_out.weight" in right:
            places.append((node, node.left))
    for place, given in places:
        if any(
            ("norm" in each.lower() and each != "normalize") or each.startswith(("ln", "apply_ln"))
            for each in code.vocab(given)
        ):
            continue
        if any(_is_norm(code, each.func) for each in code.calls_in(given)):
            continue
        if _residual(code, given):
            yield Hit(place)


def _residual(code: Code, node: ast.AST) -> bool:
    """One intermediate residual stream: an entry of hidden_states, or resid_* from a cache."""
    for each in code.flow(node)[:150]:
        if isinstance(each, ast.Subscript):
            base = code.value(each.value)
            if is_attribute(base, "hidden_states"):
                return integer(each.slice) != -1
            named = isinstance(base, ast.Name | ast.Attribute)
            if named and "cache" in code.unparsed(base).lower():
                text = " ".join(code.vocab(each.slice))
                if any(point in text for point in ("resid_post", "resid_pre", "resid_mid")):
                    return True
    recorded = _recording(code)
    for each in code.flow(node)[:150]:
        if isinstance(each, ast.Name) and code.scope(each) in recorded:
            found = code.binding(each)
            if found is not None and found.kind == "param":
                return True
    return _entry(code, node) == "all"


@kept
def _recording(code: Code) -> frozenset[ast.AST]:
    """The functions of the hooks that sit on whole decoder blocks."""
    return frozenset(each.function for each in hooks(code) if _on_block(code, each.site))


def _on_block(code: Code, site: ast.AST | None) -> bool:
    """Whether a hook sits on whole decoder blocks."""
    over = code.looped(site)
    if over is not None:
        return are_blocks(over)
    value = code.value(site) if isinstance(site, ast.Name) else site
    return isinstance(value, ast.Subscript) and are_blocks(value.value)


@rule("attribution-without-norm-scale", "warning")
def attribution(code: Code) -> Hits:
    """Cached components times unembedding directions, without the final LayerNorm's scale."""
    if not uses_lens(code) or code.uses_text("ln_final", "apply_ln", "hook_scale", "logit_attrs"):
        return
    products: list[ast.BinOp | ast.Call] = code.all(ast.BinOp, ast.Call)
    for node in products:
        if isinstance(node, ast.BinOp):
            if not isinstance(node.op, ast.MatMult):
                continue
            one, other = node.left, node.right
        else:
            op = code.op(node)
            factors = [e for e in (op.x, *op.args) if e is not None and constant(e) is None]
            if op.name not in ("einsum", "matmul", "dot", "einops") or len(factors) != 2:
                continue
            one, other = factors
        if "W_U" not in code.vocab(other) or "W_U" in code.vocab(one):
            continue
        reads = {
            text
            for each in code.flow(one)
            if isinstance(each, ast.Subscript) and "cache" in code.unparsed(each.value).lower()
            for text in code.vocab(each.slice)
        }
        if any(text in ("z", "result") or "hook_z" in text or "_out" in text for text in reads):
            yield Hit(node)
            return
