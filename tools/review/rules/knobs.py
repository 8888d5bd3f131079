"""What is passed, looped over or computed and then changes nothing."""

from __future__ import annotations

import ast
from collections import Counter, defaultdict

from gadfly.tools.review.code.batches import keyword
from gadfly.tools.review.code.hooking import hooks
from gadfly.tools.review.code.names import VECTOR_WORDS, listed
from gadfly.tools.review.code.nodes import Function, integer, is_name, parameters
from gadfly.tools.review.code.walk import inner, within, word_set
from gadfly.tools.review.registry import Code, Hit, Hits, kept, rule

_KNOBS = listed(
    "scale alpha coeff coef coefficient strength multiplier temperature normalize "
    "normalise normalized attention_mask mask direction vector position positions pos "
    "seed eps epsilon head layer threshold steering_vector steering scaling lam center "
    "centre token_pos noise std beta magnitude"
)
_DRAWS = listed(
    "randn randn_like permutation randperm choice shuffle standard_normal normal sample"
)
_MANY = listed(
    "seeds trials repeats n_random n_controls bootstrap permutations n_perm random controls perm "
    "boot null"
)
_MADE = listed(
    "scaled normed unit normalized_vector vec_norm shuffled y_shuffled y_perm "
    "shuffled_labels permuted centered centred masked unit_vector scaled_vector"
)


@rule("knob-never-used", "error")
def knob_unused(code: Code) -> Hits:
    """A parameter called scale, layer, mask … that is never read, or a scaled value that is never used."""
    for function in code.defs():
        yield from _idle_parameters(code, function)
        yield from _idle_values(code, function)


def _idle_parameters(code: Code, function: Function) -> Hits:
    given = function.args
    if _is_stub(function) or isinstance(code.parents.get(function), ast.ClassDef):
        return
    hooked, names = _values(code).get(function, set()), parameters(function)
    dictated = hooked or "hook" in names or given.kwarg or given.vararg
    if dictated and _partials(code).get(function.name, set()).isdisjoint(names):
        return
    if not code.calls_of(function.name):
        return
    mentioned = {
        each.id if isinstance(each, ast.Name) else code.op(each).name
        for each in within(function, ast.Name, ast.Call)
    }
    if mentioned & {"locals", "vars"}:
        return
    inside = Counter(each.arg for each in within(function, ast.arg))
    for each in (*given.posonlyargs, *given.args, *given.kwonlyargs):
        name = each.arg
        if name in _KNOBS - hooked and name not in mentioned and inside[name] == 1:
            if _handed_over(code, function.name):
                return
            yield Hit(_where_it_belongs(function, name) or each, name=name, function=function.name)


def _idle_values(code: Code, function: Function) -> Hits:
    for name, found in code.bindings[function].items():
        if name not in _KNOBS | _MADE or len(found) != 1:
            continue
        node = found[0].node
        plain = isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
        if plain and not code.is_used(name, function):
            yield Hit(node, "value", name=name)


@kept
def _values(code: Code) -> dict[ast.AST, set[str]]:
    """The parameters that hold an activation, by hook function."""
    found: dict[ast.AST, set[str]] = defaultdict(set)
    for each in hooks(code):
        found[each.function].add(each.value)
    return found


def _is_stub(function: Function) -> bool:
    decorators = " ".join(map(ast.dump, function.decorator_list))
    if "overload" in decorators or "abstract" in decorators:
        return True
    return all(
        isinstance(each, ast.Pass | ast.Raise)
        or (isinstance(each, ast.Expr) and isinstance(each.value, ast.Constant))
        for each in function.body
    )


@kept
def _partials(code: Code) -> dict[str, set[str | None]]:
    """The keywords that a function is given by partial, by the name of the function."""
    found: dict[str, set[str | None]] = defaultdict(set)
    for op in code.ops("partial"):
        for each in op.node.args:
            if isinstance(each, ast.Name):
                found[each.id] |= {given.arg for given in op.node.keywords}
    return found


@kept
def _handed_over(code: Code, name: str) -> bool:
    """Whether a function is passed on as a value: its signature is then its caller's."""
    for each in code.reads(name):
        above = code.parents.get(each)
        if isinstance(above, ast.Call) and (above.func is each or code.op(above).name == "partial"):
            continue
        return True
    return False


@rule("loop-variable-never-used", "error")
def loop_unused(code: Code) -> Hits:
    """for layer in range(n): every iteration computes the same."""
    knobs = listed(
        "layer head seed alpha scale coeff coef strength threshold temperature feature prompt "
        "lr layer_idx multiplier pos position"
    )
    for loop in code.for_loops():
        names = list(within(loop.target, ast.Name))
        if len(names) != 1 or names[0].id not in knobs:
            continue
        name, body = names[0].id, [each for part in loop.body for each in inner(part)]
        works = any(isinstance(each, ast.Call) for each in body)
        stores = any(
            isinstance(each, ast.Assign | ast.AugAssign) or code.is_call(each, "append")
            for each in body
        )
        if works and stores and all(_only_shown(code, e) for e in body if is_name(e, name)):
            yield Hit(loop, name=name)


def _only_shown(code: Code, name: ast.AST) -> bool:
    """Whether a read is only for a printed text or the key of a result."""
    for above in code.up(name):
        if isinstance(above, ast.Call) and is_name(above.func, "print"):
            return True
        if isinstance(above, ast.Subscript) and isinstance(above.ctx, ast.Store):
            base = above.value.id if isinstance(above.value, ast.Name) else ""
            loop = next((each for each in code.up(above) if isinstance(each, ast.For)), above)
            # A key of the result, not a place in something that is read again.
            return not base or code.times_read(base, loop) <= 1
        if isinstance(above, ast.stmt):
            return False
    return False


@rule("seed-not-varied", "error")
def seed_fixed(code: Code) -> Hits:
    """A constant seed inside a loop over seeds or random controls."""
    repeats = {"seed", "trial", "repeat", "rep", "run"}
    for call in code.all(ast.Call):
        sets_seed = code.is_call(call, *listed("manual_seed seed default_rng set_seed"))
        makes_state = code.is_call(call, "RandomState")
        seed = keyword(call, "random_state")
        if seed is None and call.args and (sets_seed or makes_state):
            seed = call.args[0]
        loop = next(iter(code.loops(call)), None)
        if integer(seed) is None or not isinstance(loop, ast.For):
            continue
        draws = code.calls_any(loop, *_DRAWS)
        over, repeated = word_set(loop.iter), bool(word_set(loop.target) & repeats)
        many = repeated or bool(over & _MANY)
        varied = many if sets_seed else repeated
        idle = _is_idle(code, loop) and draws and "range" in over
        if not ((many and draws) or varied or idle):
            continue
        first = next((each.id for each in within(loop.target, ast.Name)), "_")
        if not code.is_used(first, call):
            yield Hit(call)


@kept
def _is_idle(code: Code, loop: ast.For) -> bool:
    """Whether the body of a loop reads none of its variables."""
    names = [each.id for each in within(loop.target, ast.Name)]
    return bool(names) and not any(
        code.is_used(name, statement) for name in names for statement in loop.body
    )


def _where_it_belongs(function: Function, name: str) -> ast.AST | None:
    """For a coefficient: the place where a vector is added without it."""
    if name not in listed("alpha coef coeff coefficient scale strength multiplier magnitude"):
        return None
    for each in within(function, ast.BinOp, ast.AugAssign):
        if isinstance(each.op, ast.Add):
            added = each.right if isinstance(each, ast.BinOp) else each.value
            if word_set(added) & VECTOR_WORDS:
                return each
    return None
