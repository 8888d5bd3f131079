"""Sparse autoencoders: biases, scaling, where they were trained, what is spliced."""

from __future__ import annotations

import ast
import re

from gadfly.tools.review.code.hooking import hook_functions, hooks, runs_in
from gadfly.tools.review.code.names import listed, words
from gadfly.tools.review.code.nodes import (
    arguments,
    constant,
    indices,
    integer,
    is_attribute,
    is_binary,
)
from gadfly.tools.review.code.shapes import axis
from gadfly.tools.review.code.walk import identifiers, inner, returned, within, word_set
from gadfly.tools.review.registry import Code, Hit, Hits, kept, rule

_HOOK = re.compile(
    r"blocks\.(\d+)\.(hook_resid_pre|hook_resid_post|hook_resid_mid|hook_mlp_out|hook_attn_out|attn\.hook_z)"
)


@rule("decoder-bias-missing", "error")
def decoder_bias(code: Code) -> Hits:
    """A reconstruction f @ W_dec without b_dec, in a file that knows b_dec."""
    biases = {"b_dec", "decoder_bias", "dec_bias", "bias_dec", "b_d", "pre_bias", "dec_b", "b_pre"}
    if not code.mentions(*biases):
        return
    products: list[ast.BinOp | ast.Call] = code.all(ast.BinOp, ast.Call)
    for node in products:
        if isinstance(node, ast.BinOp):
            if not isinstance(node.op, ast.MatMult):
                continue
            weight: ast.AST | None = node.right
        else:
            if code.op(node).name != "einsum":
                continue
            weight = node.args[-1] if node.args else None
        if not identifiers(weight) & listed("W_dec w_dec W_d decoder_weight dec_weight dec_w Wd"):
            continue
        if isinstance(weight, ast.Subscript) and not isinstance(weight.slice, ast.Constant):
            continue  # single features: a contribution, not a reconstruction
        transposed = is_attribute(weight, "T", "mT")
        if transposed and not identifiers(weight) & {"dec_w", "decoder_weight", "dec_weight"}:
            continue  # W_dec.T encodes or compares
        statement, names = code.statement(node), code.called(node)
        if identifiers(statement) & biases:
            continue
        if names & {"aux", "auxk", "dead", "residual", "error"}:
            continue  # an auxiliary loss reconstructs what is left over
        if not names & listed(
            "recon reconstruction reconstructed reconstruct decode decoded xhat hat sae out "
            "forward rec recons"
        ):
            continue
        function, name = code.function(node), code.target_name(node)
        if function is None or name not in _added_to_a_bias(code, function, frozenset(biases)):
            yield Hit(statement)


@kept
def _added_to_a_bias(code: Code, function: ast.AST, biases: frozenset[str]) -> frozenset[str]:
    """The names that stand in one arithmetic expression of a function with a bias."""
    sums = (each for each in within(function, ast.BinOp, ast.AugAssign))
    return frozenset().union(*(identifiers(e) for e in sums if identifiers(e) & biases))


@rule("sae-at-another-hook", "error")
def other_hook(code: Code) -> Hits:
    """The SAE was trained on one activation and is fed another."""
    if code.mentions("hook_name", "hook_point", "HookedSAETransformer"):
        return
    trained: set[tuple[str, str]] = set()
    for call in code.all(ast.Call):
        name = code.dotted(call.func)
        if name.endswith("from_pretrained") and "SAE" in name:
            parts = (part for each in arguments(call) for part in code.flow(each)[:20])
            trained |= {found for part in parts if (found := _hook_point(part)) is not None}
    if len(trained) != 1:
        return
    layer, kind = next(iter(trained))
    yield from _spliced_elsewhere(code, layer, kind)
    for op in code.ops("encode", "forward"):
        if op.x is None or not word_set(op.x) & {"sae"}:
            continue
        used: set[tuple[str, str]] = set()
        for part in code.flow(op.arg(0)):
            named = _hook_point(part)
            if named is not None:
                used.add(named)
            if not (isinstance(part, ast.Subscript) and len(indices(part)) >= 2):
                continue
            short, number = constant(indices(part)[0]), integer(code.value(indices(part)[1]))
            cached = "cache" in code.unparsed(part.value).lower()
            if isinstance(short, str) and number is not None and cached:
                used.add((str(number), f"hook_{short.removeprefix('hook_')}"))
        if used and _same_place(layer, kind) not in {_same_place(*each) for each in used}:
            there = ", ".join(f"blocks.{a}.{b}" for a, b in sorted(used))
            yield Hit(op.node, layer=layer, hook=kind, fed=there)


def _hook_point(node: ast.AST) -> tuple[str, str] | None:
    """The layer and the hook that a text names."""
    text = constant(node)
    found = _HOOK.search(text) if isinstance(text, str) else None
    return (found[1], found[2]) if found else None


def _same_place(layer: str, kind: str) -> tuple[str, str]:
    """What leaves a block is what enters the next one."""
    if kind == "hook_resid_pre" and int(layer) > 0:
        return str(int(layer) - 1), "hook_resid_post"
    return layer, kind


def _spliced_elsewhere(code: Code, layer: str, kind: str) -> Hits:
    """``(hook name, lambda act, hook: sae(act))`` at another hook than the one it was trained at."""
    for pair in code.all(ast.Tuple):
        if len(pair.elts) != 2 or not isinstance(pair.elts[0], ast.Constant):
            continue
        text = pair.elts[0].value
        found = _HOOK.fullmatch(text) if isinstance(text, str) else None
        if found is None or _same_place(found[1], found[2]) == _same_place(layer, kind):
            continue
        replaces = any(
            isinstance(each, ast.Call) and "sae" in word_set(each.func)
            for function in runs_in(code, pair.elts[1])
            for value in returned(function)
            for each in inner(value)
        )
        if replaces:
            yield Hit(pair, "spliced", layer=layer, hook=kind, spliced_at=found[0])


@kept
def _decoding(code: Code) -> frozenset[ast.AST]:
    """The hook functions that decode."""
    return frozenset(h.function for h in hooks(code) if "decode" in identifiers(h.function))


@rule("feature-ablation-without-error", "warning")
def without_error(code: Code) -> Hits:
    """A hook that zeroes a feature and returns the bare reconstruction."""
    for function in hook_functions(code):
        names = {code.op(each).name for each in within(function, ast.Call)}
        if not {"encode", "decode"} <= names:
            continue
        said = {w for each in identifiers(function) for w in words(each)}
        if said & {"error", "err", "residual", "recon", "reconstruction", "delta", "clean", "diff"}:
            continue
        zeroed = [
            each
            for each in within(function, ast.Assign)
            if isinstance(each.targets[0], ast.Subscript) and constant(each.value) in (0, 0.0)
        ]
        if not zeroed or isinstance(code.parents.get(zeroed[0]), ast.If):
            continue
        if _decoding(code) - {function}:
            continue
        for value in returned(function):
            inside = code.op(value).x if code.is_call(value, "to") else value
            if code.is_call(inside, "decode"):
                yield Hit(value)


@rule("decoder-norm-wrong-axis", "error")
def decoder_norm(code: Code) -> Hits:
    """Decoder rows (features) must have unit norm, not columns."""
    layouts: dict[str, int] = {}
    for text, values in code.attributes.items():
        name = text.rsplit(".", 1)[-1]
        if name not in ("W_dec", "w_dec", "W_d"):
            continue
        for value in values:
            for call in code.calls_in(value):
                if code.is_call(call, "empty", "randn", "zeros", "rand"):
                    axes = [axis(code.unparsed(each)) for each in code.op(call).sizes()]
                    if sorted(axes) == ["d_model", "feature"]:
                        layouts[name] = axes.index("d_model")
    if code.imports_from("sae_lens"):
        layouts.setdefault("W_dec", 1)
    for op in code.ops("norm", "normalize"):
        text = code.unparsed(op.x).removesuffix(".data")
        right = layouts.get(text.rsplit(".", 1)[-1])
        if text.endswith(".decoder.weight") and _linear_decoder(code):
            right = 0
        dim = integer(op.arg(1, "dim", "axis"))
        if right is not None and dim is not None and dim % 2 != right:
            yield Hit(op.node, dim=dim, right_dim=right)


def _linear_decoder(code: Code) -> bool:
    for text, values in code.attributes.items():
        if text.endswith(".decoder") and values and isinstance(values[0], ast.Call):
            op = code.op(values[0])
            sizes = [axis(code.unparsed(each)) for each in values[0].args[:2]]
            return op.name == "Linear" and sizes != ["d_model", "feature"]
    return False


_TICKED = re.compile(r"``?([A-Za-z_][\w]*)``?")
_SCALES = {"norm", "scale", "factor", "scaling", "normalization", "normalisation", "mean", "std"}


@rule("documented-scaling-not-applied", "error")
def documented_scaling(code: Code) -> Hits:
    """The docstring names a stored scale that the code never reads."""
    for owner in (code.module, *code.defs()):
        text = code.docstring(owner)
        for found in _TICKED.finditer(text):
            name = found[1]
            if not words(name) & _SCALES or len(words(name)) < 2:
                continue
            sentence = text[max(0, found.start() - 160) : found.end() + 60].lower()
            if not re.search(
                r"scaled|normali[sz]ed|divided|multiplied|centred|centered|subtracted", sentence
            ):
                continue
            short = (each for each in code.idents if each != text[:80] and len(each) < 40)
            if name in code.idents or any(name in each for each in short):
                continue
            place = _first_use_of_activations(code, owner)
            if place is not None:
                yield Hit(place, name=name)
                return


_LOADS = ("float", "to", "load", "cat")


def _first_use_of_activations(code: Code, owner: ast.AST) -> ast.AST | None:
    for call in code.all(ast.Call):
        if owner is not code.module and owner not in code.up(call):
            continue
        if code.is_call(call, "encode", "sae", "encoder"):
            for each in code.calls_in(call.args[-1]) if call.args else ():
                above = code.parents.get(each)
                if isinstance(above, ast.Assign) and code.is_call(each, *_LOADS):
                    return above
            return code.statement(call)
    return None


@rule("scaled-input-unscaled-output", "error")
def scaled_one_way(code: Code) -> Hits:
    """``return sae(x / scale)``: the reconstruction stays in the scaled units."""
    for back in code.all(ast.Return):
        call = back.value
        if not (isinstance(call, ast.Call) and len(call.args) == 1 and not call.keywords):
            continue
        name = words(code.unparsed(call.func))
        if not name & {"sae", "autoencoder", "transcoder", "dictionary"}:
            continue
        given = code.value(call.args[0])
        if name & {"encode", "encoder"} or not is_binary(given, ast.Div, ast.Mult):
            continue
        if words(code.unparsed(given.right)) & (_SCALES - {"mean", "std"}):
            yield Hit(back)
