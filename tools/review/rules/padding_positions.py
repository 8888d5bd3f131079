"""Positions in a padded batch: which one is read, and from which side it was counted."""

from __future__ import annotations

import ast

from gadfly.tools.review.code.batches import (
    Batches,
    comes_from,
    is_mask,
    is_tokenizer,
    keyword,
    padded_batches,
    padding_side,
)
from gadfly.tools.review.code.concepts import forwards_in, from_model, is_forward, model_names
from gadfly.tools.review.code.hooking import uses_nnsight
from gadfly.tools.review.code.names import listed
from gadfly.tools.review.code.nodes import indices, integer, is_full_slice
from gadfly.tools.review.code.walk import word_set
from gadfly.tools.review.registry import Code, Hit, Hits, kept, rule

_ABSOLUTE = ("gpt2", "gpt-neo", "gpt_neo", "distilgpt2", "codegen", "biogpt", "dialogpt")


@rule("last-position-of-padded-batch", "error")
def last_position(code: Code) -> Hits:
    """``[:, -1]`` where the batch is padded on the right."""
    batches = padded_batches(code)
    side = padding_side(code)
    if not batches or side.left or (uses_nnsight(code) and not side.right):
        return
    loaded = any("Tokenizer" in code.dotted(call.func) for call in code.all(ast.Call))
    if not (side.right or loaded or code.mentions("pad_token")):
        unknown = all(
            keyword(call, "return_tensors") is None and keyword(call, "padding_value") is None
            for call in batches
        )
        if unknown:
            return
    for node in code.all(ast.Subscript):
        parts = indices(node)
        if len(parts) < 2 or integer(parts[1]) != -1 or isinstance(node.ctx, ast.Store):
            continue
        if not (is_full_slice(parts[0]) or isinstance(parts[0], ast.Name)):
            continue
        if word_set(node.value) & {"mask", "ids", "tokens"}:
            continue
        batched = comes_from(code, node.value, batches) and from_model(code, node.value)
        if batched or _recorded(code, node):
            yield Hit(node)


@kept
def _first_run(code: Code, function: ast.AST) -> float:
    """The line where a function first runs the model on a padded batch that it makes; infinity where it does not."""
    here = {each for each in padded_batches(code) if code.function(each) is function}
    runs = (
        each.lineno
        for each in forwards_in(code, function)
        if code.function(each) is function and not here.isdisjoint(code.flow(each))
    )
    return min(runs, default=float("inf"))


def _recorded(code: Code, node: ast.Subscript) -> bool:
    """Something that a hook kept while this function ran the model on a padded batch."""
    function = code.function(node)
    base = node.value
    if function is None or isinstance(base, ast.Call):
        return False
    kept = listed(
        "hidden act acts activation activations resid value states cache store stored "
        "recorded captured recorder saved"
    )
    if not word_set(base) & kept:
        return False
    runs = _first_run(code, function) < node.lineno
    return runs and code.mentions("register_forward_hook") and not from_model(code, base)


@rule("left-padding-without-position-ids", "warning")
def position_ids(code: Code) -> Hits:
    """Left padding on a model with learned absolute positions."""
    if not padding_side(code).left or code.mentions("position_ids", "HookedTransformer"):
        return
    if uses_nnsight(code):
        return
    names = {each.lower().rsplit("/", 1)[-1] for each in model_names(code)}
    if not any(each.startswith(_ABSOLUTE) for each in names):
        return
    batches = padded_batches(code)
    for call in code.all(ast.Call):
        if batches and is_forward(code, call) and comes_from(code, call, batches):
            yield Hit(call)


@rule("mask-sum-index-under-left-padding", "error")
def mask_sum_under_left(code: Code) -> Hits:
    """``attention_mask.sum(1) - 1`` is the last real token under right padding only."""
    side = padding_side(code)
    nnsight = uses_nnsight(code) and not side.right and bool(padded_batches(code))
    if side.right or not (side.left or nnsight):
        return
    for node in code.binary(ast.Sub):
        left = code.value(node.left)
        if integer(node.right) != 1 or not code.is_call(left, "sum"):
            continue
        op = code.op(left)
        if integer(op.arg(0, "dim", "axis")) in (1, -1) and is_mask(code, code.value(op.x)):
            yield Hit(node)


@rule("position-from-unpadded-prompt", "warning")
def position_from_unpadded(code: Code) -> Hits:
    """A position counted in the bare prompt, used in a left-padded row."""
    if not padding_side(code).left:
        return
    batches = padded_batches(code)
    if not batches:
        return
    yield from _cut_by_bare_length(code, batches)
    for node in code.all(ast.Subscript):
        parts = indices(node)
        if len(parts) < 2 or not comes_from(code, node.value, batches):
            continue
        if isinstance(parts[1], ast.Slice) or integer(parts[1]) is not None:
            continue
        if not from_model(code, node.value) or comes_from(code, parts[1], batches):
            continue
        padded = listed("attention_mask pad offset n_pad padding") & code.vocab(parts[1])
        if not padded and _counts_tokens(code, code.flow(parts[1]), "len", "index"):
            yield Hit(node)


def _cut_by_bare_length(code: Code, batches: Batches) -> Hits:
    """``out[i, len(tokenizer(prompt).input_ids):]`` of a left-padded generation."""
    for node in code.all(ast.Subscript):
        last = indices(node)[-1]
        if not (isinstance(last, ast.Slice) and last.lower is not None and last.upper is None):
            continue
        if comes_from(code, last.lower, batches) or not comes_from(code, node.value, batches):
            continue
        generated = any(code.is_call(each, "generate") for each in code.flow(node.value))
        if generated and _counts_tokens(code, code.flow(last.lower), "len"):
            yield Hit(node, "continuation")


def _counts_tokens(code: Code, flow: list[ast.AST], *counting: str) -> bool:
    """Whether a flow counts in the tokens of a text: ``len(tokenizer(prompt).input_ids)``."""
    return any(
        is_tokenizer(code, inside.func) or code.is_call(inside, "encode", "tokenize")
        for each in flow
        if code.is_call(each, *counting)
        for inside in code.calls_in(each)
    )
