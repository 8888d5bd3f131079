"""Reading the residual stream through the unembedding: the final norm once, not twice and not never."""

from __future__ import annotations

import ast

from gadfly.tools.review.code.concepts import uses_lens
from gadfly.tools.review.code.hooking import hooks
from gadfly.tools.review.code.names import listed, words
from gadfly.tools.review.code.nodes import constant, integer, is_attribute
from gadfly.tools.review.code.tree import Op
from gadfly.tools.review.code.walk import within
from gadfly.tools.review.registry import Code, Hit, Hits, kept, rule

_NORMS = listed("norm ln_f final_layer_norm ln_final final_norm final_layernorm norm_f layernorm")
_UNEMBEDS = listed("lm_head embed_out unembed get_output_embeddings output_embeddings lm_head_")


def _is_norm(code: Code, node: ast.AST | None) -> bool:
    if isinstance(node, ast.Attribute):
        return node.attr in _NORMS
    if isinstance(node, ast.Name):
        value = code.value(node)
        if isinstance(value, ast.Attribute):
            return value.attr in _NORMS
        return bool(words(node.id) & {"norm", "ln", "layernorm"})
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


@rule("final-norm-applied-twice", "high")
def norm_twice(code: Code) -> Hits:
    """The last entry of hidden_states is already normalised."""
    for call in code.all(ast.Call):
        if not (_is_norm(code, call.func) and call.args):
            continue
        given = call.args[0]
        entry = _entry(code, given)
        if entry is None:
            continue
        kind = entry[0]
        if kind == "last":
            yield Hit(call)
        elif kind == "all" and not _excepted(code, call):
            yield Hit(call, "all")
    for op in code.ops("project_on_vocab"):
        flow = code.flow(op.args[0] if op.args else None)
        if any(isinstance(each, ast.Call) and _is_norm(code, each.func) for each in flow) or any(
            is_attribute(each, "ln_final") for each in flow
        ):
            yield Hit(op.node, "called", repair="model.project_on_vocab(hidden)")
    for op in code.ops("ln_final"):
        argument = op.node.args[0] if op.node.args else None
        for call in code.calls_in(argument):
            inside = code.op(call)
            if code.function(call) is not code.function(op.node):
                continue
            if inside.name in ("accumulated_resid", "decompose_resid", "apply_ln_to_stack") and (
                inside.name == "apply_ln_to_stack" or _true(inside, "apply_ln")
            ):
                yield Hit(op.node, "called", repair="drop ln_final, or apply_ln=False")
                break


def _true(op: Op, name: str) -> bool:
    value = op.kw.get(name)
    return isinstance(value, ast.Constant) and value.value is True


def _entry(code: Code, node: ast.AST) -> tuple[str, ast.AST] | None:
    """Whether an expression is the last entry of hidden_states, or each of them in a loop."""
    current: ast.AST | None = node
    for _ in range(8):
        if isinstance(current, ast.Subscript):
            base = code.value(current.value)
            if is_attribute(base, "hidden_states"):
                if integer(current.slice) == -1:
                    return "last", current
                return None
            current = current.value
        elif isinstance(current, ast.Call):
            current = code.op(current).x
        elif isinstance(current, ast.Name):
            found = code.binding(current)
            if found is None or found.value is None:
                return None
            if found.kind == "for":
                over: ast.AST | None = found.value
                if code.is_call(over, "enumerate"):
                    if found.part != 1:
                        return None
                    over = code.op(over).x
                over = code.value(over)
                if is_attribute(over, "hidden_states"):
                    return "all", found.node
                return None
            if found.kind != "assign":
                return None
            current = found.value
        else:
            return None
    return None


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


@rule("lens-without-final-norm", "high")
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
        vocab = code.vocab(given)
        if vocab & (_NORMS | {"apply_ln", "apply_ln_to_stack", "LayerNorm", "RMSNorm", "ln"}):
            continue
        if any(
            ("norm" in each.lower() and each != "normalize") or each.startswith("ln")
            for each in vocab
        ):
            continue
        if any(_is_norm(code, each.func) for each in code.calls_in(given)):
            continue
        residual = _residual(code, given)
        if residual:
            yield Hit(place)


def _residual(code: Code, node: ast.AST) -> bool:
    """One intermediate residual stream: an entry of hidden_states, or resid_* from a cache."""
    for each in code.flow(node)[:150]:
        if isinstance(each, ast.Subscript):
            base = code.value(each.value)
            if is_attribute(base, "hidden_states"):
                return integer(each.slice) != -1
            if (
                isinstance(base, ast.Name | ast.Attribute)
                and "cache" in code.unparsed(base).lower()
            ):
                text = " ".join(code.vocab(each.slice))
                if "resid_post" in text or "resid_pre" in text or "resid_mid" in text:
                    return True
    recorded = _recording(code)
    for each in code.flow(node)[:150]:
        if isinstance(each, ast.Name) and code.scope(each) in recorded:
            found = code.binding(each)
            if found is not None and found.kind == "param":
                return True
    entry = _entry(code, node)
    return entry is not None and entry[0] == "all"


@kept
def _recording(code: Code) -> frozenset[ast.AST]:
    """The functions of the hooks that sit on whole decoder blocks."""
    return frozenset(each.function for each in hooks(code) if _on_block(code, each.site))


def _on_block(code: Code, site: ast.AST | None) -> bool:
    """Whether a hook sits on whole decoder blocks."""
    if isinstance(site, ast.Name):
        found = code.binding(site)
        if found is not None and found.kind == "for":
            return is_attribute(found.value, "layers", "h", "blocks")
        site = code.value(site)
    return isinstance(site, ast.Subscript) and is_attribute(site.value, "layers", "h", "blocks")


@rule("attribution-without-norm-scale", "medium")
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
            if op.name not in ("einsum", "matmul", "dot", "einops"):
                continue
            given = [
                each for each in (op.x, *op.args) if each is not None and constant(each) is None
            ]
            if len(given) != 2:
                continue
            one, other = given
        if not {"W_U"} & code.vocab(other) or "W_U" in code.vocab(one):
            continue
        reads = {
            text
            for each in code.flow(one)
            if isinstance(each, ast.Subscript) and "cache" in code.unparsed(each.value).lower()
            for text in code.vocab(each.slice)
        }
        if any(text in _COMPONENTS or "hook_z" in text or "_out" in text for text in reads):
            yield Hit(node)
            return


_COMPONENTS = frozenset({"z", "result", "attn_out", "mlp_out"})
