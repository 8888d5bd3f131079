"""Tensors and weights that are edited in place while something else still holds them, or for good."""

from __future__ import annotations

import ast
from bisect import bisect_left

from gadfly.tools.review.code.concepts import MODEL_WORDS
from gadfly.tools.review.code.hooking import hooks
from gadfly.tools.review.code.names import listed, words
from gadfly.tools.review.code.nodes import (
    Function,
    indices,
    integer,
    is_attribute,
    is_full_slice,
    is_name,
    position,
)
from gadfly.tools.review.code.walk import holds, inner, place, within, word_set
from gadfly.tools.review.registry import Code, Hit, Hits, kept, rule

_COUNTERS = frozenset(
    {"position", "index", "count", "step", "start", "end", "length", "size", "offset", "i", "n"}
)


@rule("stored-activation-edited-in-place", "high")
def edited_in_place(code: Code) -> Hits:
    """The 'before' value is the same tensor that is edited afterwards."""
    libraries = ("torch", "nnsight", "nnterp", "transformer_lens", "numpy", "jaxtyping")
    if not (code.imports_from(*libraries) or hooks(code)):
        return
    for scope in code.scopes():
        saved: dict[str, tuple[str, ast.AST]] = {}  # base text -> (where it was kept, statement)
        for node in inner(scope, nested=False):
            if isinstance(node, ast.Assign):
                target, value = node.targets[0], node.value
                base = _shared(code, value)
                before = word_set(target) & listed(
                    "before orig original clean old pre baseline unpatched unedited stored saved"
                )
                copied = isinstance(target, ast.Subscript) and isinstance(
                    target.slice, ast.Slice | ast.Tuple
                )
                if (
                    base
                    and before
                    and not copied
                    and isinstance(target, ast.Name | ast.Subscript | ast.Attribute)
                ) and (not is_name(target, base)):
                    saved[base] = (code.unparsed(target), node)
                    continue
                if isinstance(target, ast.Name):
                    saved.pop(target.id, None)
            edited = _edited(node)
            if (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)) and (
                node.func.attr in ("add_", "mul_", "sub_", "zero_", "copy_", "fill_")
            ):
                edited = node.func.value
                edited = _whole(edited)
            if isinstance(edited, ast.Name) and words(edited.id) & _COUNTERS:
                continue  # a number: adding to it makes a new one
            text = code.unparsed(edited) if edited is not None else ""
            if text in saved and position(node) > position(saved[text][1]):
                kept, where = saved[text]
                if _block(code, where) is not _block(code, node) and not isinstance(
                    _block(code, where), ast.Module
                ):
                    continue  # another invoke: other rows of the batch
                if code.unparsed(edited) == kept:
                    continue
                if isinstance(node, ast.Assign) and code.unparsed(node.value) == kept:
                    continue  # the same value is written back
                yield Hit(where, name=kept, tensor=text)
                saved.pop(text)


def _edited(node: ast.AST) -> ast.AST | None:
    """What a statement writes into in place: ``x`` of ``x[i] = …``, ``x += …`` and ``x[i] += …``."""
    if isinstance(node, ast.AugAssign):
        return _whole(node.target)
    target = node.targets[0] if isinstance(node, ast.Assign) else None
    return target.value if isinstance(target, ast.Subscript) else None


def _whole(node: ast.AST) -> ast.AST:
    return node.value if isinstance(node, ast.Subscript) else node


def _block(code: Code, node: ast.AST) -> ast.AST:
    """The innermost ``with`` around a statement, else the module."""
    return next((each for each in code.up(node) if isinstance(each, ast.With)), code.module)


def _shared(code: Code, node: ast.AST) -> str | None:
    """The text of the tensor that an expression shares its memory with."""
    if isinstance(node, ast.Call):
        op = code.op(node)
        if op.name in ("detach", "save", "view", "squeeze", "unsqueeze") and op.x is not None:
            return _shared(code, op.x)
        return None
    if isinstance(node, ast.Name):
        found = code.binding(node)
        if found is not None and found.kind == "assign" and isinstance(found.value, ast.Constant):
            return None
        return node.id
    if is_attribute(node, "output", "input", "data"):
        return code.unparsed(node)
    if isinstance(node, ast.Subscript):
        parts = indices(node)
        base = _shared(code, node.value)
        if base and all(
            is_full_slice(each) or isinstance(each, ast.Slice) or integer(each) is not None
            for each in parts
        ):
            return (
                code.unparsed(node) if base.endswith(".output") and integer(parts[0]) == 0 else base
            )
        if base and base.split(".")[-1] == "output":
            return base
    return None


@rule("cache-edited-in-place", "high")
def cache_edited(code: Code) -> Hits:
    """A tensor taken out of a cache, edited in place, while the cache is used again."""
    for assign in code.all(ast.Assign):
        target, value = assign.targets[0], assign.value
        if not isinstance(target, ast.Name) or not isinstance(value, ast.Subscript):
            continue
        store = value.value
        if not isinstance(store, ast.Name) or not words(store.id) & {"cache", "caches"}:
            continue
        if not all(
            is_full_slice(each) or not isinstance(each, ast.Compare) for each in indices(value)
        ):
            continue
        scope = code.function(assign) or code.module
        repeated = code.loops(assign) or isinstance(scope, Function)
        if not repeated:
            continue
        edit = _edits(code, scope).get((assign, target.id))
        if edit is not None:
            yield Hit(edit, name=target.id, cache=store.id, item=code.unparsed(value))


@kept
def _edits(code: Code, scope: ast.AST) -> dict[tuple[ast.AST, str], ast.AST]:
    """In a function, the first edit in place of what a statement bound to a name."""
    found: dict[tuple[ast.AST, str], ast.AST] = {}
    for node in inner(scope, nested=False):
        edited = _edited(node)
        bound = code.binding(edited, position(node)) if isinstance(edited, ast.Name) else None
        if bound is not None and position(node) > position(bound.node):
            found.setdefault((bound.node, bound.name), node)
    return found


_ROWS = frozenset({"mask", "idxs", "idx", "indices", "rows", "keep", "positions"})


@rule("write-into-indexed-copy", "high")
def indexed_copy(code: Code) -> Hits:
    """``x[mask][:, 3] = 0`` writes into a temporary copy."""
    for node in code.all(ast.Subscript):
        if not isinstance(node.ctx, ast.Store) or not isinstance(node.value, ast.Subscript):
            continue
        first = node.value
        parts = indices(first)
        if (
            isinstance(first.value, ast.Subscript)
            and len(parts) == 1
            and not isinstance(parts[0], ast.Compare)
        ):
            parts = indices(first)
        copies = any(
            isinstance(each, ast.Compare | ast.List)
            or (isinstance(each, ast.UnaryOp) and isinstance(each.op, ast.Invert))
            or (isinstance(each, ast.Name) and words(each.id) & _ROWS and _tensor_like(code, each))
            for each in parts
        )
        if copies:
            yield Hit(node)


def _tensor_like(code: Code, name: ast.Name) -> bool:
    value = code.value(name)
    if isinstance(value, ast.Compare):
        return True
    return code.is_call(value, *listed("tensor nonzero arange where randperm topk array argsort"))


@rule("weights-edited-and-not-restored", "high")
def weights_not_restored(code: Code) -> Hits:
    """A loop that zeroes weights and never puts them back."""
    if code.mentions("deepcopy", "state_dict", "load_state_dict", "copy_") or code.imports_from(
        "copy"
    ):
        return
    for node in code.all(ast.Assign, ast.AugAssign, ast.Expr):
        target: ast.AST | None = None
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Subscript):
            target = node.targets[0].value
        elif isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Subscript):
            target = node.target.value
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            call = node.value
            if is_attribute(call.func, "zero_", "mul_", "fill_"):
                target = call.func.value
                target = target.value if isinstance(target, ast.Subscript) else target
        alias = target.id if isinstance(target, ast.Name) else ""
        target = code.value(target)
        if is_attribute(target, "data"):
            target = target.value
        if not isinstance(target, ast.Attribute):
            continue
        if target.attr not in listed("weight W_O W_out W_V W_in W_E W_K W_Q bias"):
            continue
        loops = code.loops(node)
        if not loops:
            continue
        text = alias or code.unparsed(target)
        written, measures = _of_loop(code, loops[0])
        first = bisect_left(written, text)
        often = first + 1 < len(written) and written[first + 1].startswith(text)
        if measures and not often:
            yield Hit(node)


@kept
def _of_loop(code: Code, loop: ast.AST) -> tuple[list[str], bool]:
    """What is written to in a loop, in order of its text; and whether it has a variable and measures something."""
    written = sorted(
        code.unparsed(each)
        for each in within(loop, ast.Subscript, ast.Attribute)
        if isinstance(each.ctx, ast.Store)
    )
    has_names = any(within(getattr(loop, "target", loop), ast.Name))
    measures = any(
        {"loss", "eval", "evaluate", "score", "accuracy", "logit", "metric", "model"}
        & word_set(each.func)
        for each in within(loop, ast.Call)
    )
    return written, measures and has_names


@rule("state-dict-not-copied", "high")
def state_dict_alias(code: Code) -> Hits:
    """``best = model.state_dict()`` in a training loop: it goes on changing."""
    for assign in code.all(ast.Assign):
        if not code.loops(assign):
            continue
        pairs = [(assign.targets[0], assign.value)]
        if isinstance(assign.targets[0], ast.Tuple) and isinstance(assign.value, ast.Tuple):
            pairs = list(zip(assign.targets[0].elts, assign.value.elts, strict=False))
        for target, value in pairs:
            if not (isinstance(target, ast.Name) and isinstance(value, ast.Call)):
                continue
            owner = code.op(value).x
            if code.op(value).name != "state_dict" or value.args:
                continue
            if not word_set(owner) & (MODEL_WORDS | {"probe", "sae", "module", "autoencoder"}):
                continue
            back = _first_loads(code).get(target.id)
            if back is not None and not holds(code.loops(assign)[0], place(back)):
                yield Hit(assign)


@kept
def _first_loads(code: Code) -> dict[str, ast.Call]:
    """The first call of ``load_state_dict`` that each plain name stands in."""
    found: dict[str, ast.Call] = {}
    for op in code.ops("load_state_dict"):
        for each in inner(op.node):
            if isinstance(each, ast.Name):
                found.setdefault(each.id, op.node)
    return found
