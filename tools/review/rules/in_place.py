"""Tensors and weights that are edited in place while something else still holds them, or for good."""

from __future__ import annotations

import ast
from bisect import bisect_left

from gadfly.tools.review.code.concepts import MODEL_WORDS
from gadfly.tools.review.code.hooking import hooks
from gadfly.tools.review.code.names import listed, words
from gadfly.tools.review.code.nodes import (
    assigned,
    indices,
    integer,
    is_attribute,
    is_item_store,
    is_name,
    position,
)
from gadfly.tools.review.code.walk import holds, inner, place, within, word_set
from gadfly.tools.review.registry import Code, Hit, Hits, kept, rule

_COUNTERS = listed("position index count step start end length size offset i n")
_IN_PLACE = ("add_", "mul_", "sub_", "zero_", "copy_", "fill_")


@rule("stored-activation-edited-in-place", "error")
def edited_in_place(code: Code) -> Hits:
    """The 'before' value is the same tensor that is edited afterwards."""
    libraries = ("torch", "nnsight", "nnterp", "transformer_lens", "numpy", "jaxtyping")
    if not (code.imports_from(*libraries) or hooks(code)):
        return
    for scope in code.scopes():
        saved: dict[str, tuple[str, ast.AST]] = {}  # base text -> (where it was kept, statement)
        for node in inner(scope, nested=False):
            if isinstance(node, ast.Assign):
                target, base = node.targets[0], _shared(code, node.value)
                if base and _keeps_before(target) and not is_name(target, base):
                    saved[base] = (code.unparsed(target), node)
                    continue
                if isinstance(target, ast.Name):
                    saved.pop(target.id, None)
            edited = _edited(node)
            if isinstance(node, ast.Call) and is_attribute(node.func, *_IN_PLACE):
                edited = _whole(node.func.value)
            if isinstance(edited, ast.Name) and words(edited.id) & _COUNTERS:
                continue  # a number: adding to it makes a new one
            text = code.unparsed(edited)
            if text not in saved or position(node) <= position(saved[text][1]):
                continue
            name, where = saved[text]
            if _block(code, where) not in (_block(code, node), code.module):
                continue  # another invoke: other rows of the batch
            written_back = isinstance(node, ast.Assign) and code.unparsed(node.value) == name
            if text != name and not written_back:
                yield Hit(where, name=name, tensor=text)
                saved.pop(text)


def _keeps_before(target: ast.AST) -> bool:
    """Whether a name, attribute or item is for the value before an edit."""
    if isinstance(target, ast.Subscript) and isinstance(target.slice, ast.Slice | ast.Tuple):
        return False  # a copy
    before = listed("before orig original clean old pre baseline unpatched unedited stored saved")
    plain = isinstance(target, ast.Name | ast.Subscript | ast.Attribute)
    return plain and bool(word_set(target) & before)


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
        plain = all(isinstance(e, ast.Slice) or integer(e) is not None for e in parts)
        if base and plain:
            first = base.endswith(".output") and integer(parts[0]) == 0
            return code.unparsed(node) if first else base
        return base if base and base.split(".")[-1] == "output" else None
    return None


@rule("cache-edited-in-place", "error")
def cache_edited(code: Code) -> Hits:
    """A tensor taken out of a cache, edited in place, while the cache is used again."""
    for assign in code.all(ast.Assign):
        name, value = code.target_name(assign), assign.value
        if not (name and isinstance(value, ast.Subscript) and isinstance(value.value, ast.Name)):
            continue
        cache, scope = value.value.id, code.home(assign)
        if not words(cache) & {"cache", "caches"}:
            continue
        if any(isinstance(each, ast.Compare) for each in indices(value)):
            continue
        if code.loops(assign) or scope is not code.module:
            edit = _edits(code, scope).get((assign, name))
            if edit is not None:
                yield Hit(edit, name=name, cache=cache, item=code.unparsed(value))


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


@rule("write-into-indexed-copy", "error")
def indexed_copy(code: Code) -> Hits:
    """``x[mask][:, 3] = 0`` writes into a temporary copy."""
    for node in code.all(ast.Subscript):
        inside = indices(node.value) if isinstance(node.value, ast.Subscript) else []
        if is_item_store(node) and any(_picks_rows(code, each) for each in inside):
            yield Hit(node)


def _picks_rows(code: Code, index: ast.AST) -> bool:
    """Whether an index is a mask or a list of rows: what it takes out is a copy."""
    if isinstance(index, ast.UnaryOp):
        return isinstance(index.op, ast.Invert)
    if isinstance(index, ast.Name):
        if not words(index.id) & listed("mask idxs idx indices rows keep positions"):
            return False
        value = code.value(index)
        makers = listed("tensor nonzero arange where randperm topk array argsort")
        return isinstance(value, ast.Compare) or code.is_call(value, *makers)
    return isinstance(index, ast.Compare | ast.List)


@rule("weights-edited-and-not-restored", "error")
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


@rule("state-dict-not-copied", "error")
def state_dict_alias(code: Code) -> Hits:
    """``best = model.state_dict()`` in a training loop: it goes on changing."""
    for assign in code.all(ast.Assign):
        if not code.loops(assign):
            continue
        owners = MODEL_WORDS | {"probe", "sae", "module", "autoencoder"}
        for target, value in assigned(assign):
            if not (isinstance(target, ast.Name) and code.is_call(value, "state_dict")):
                continue
            if value.args or not word_set(code.op(value).x) & owners:
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
