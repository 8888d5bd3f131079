"""Two runs, hooks, models or samples that must match and do not."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable

from gadfly.tools.review.code.concepts import is_forward
from gadfly.tools.review.code.hooking import hooked_names, hooks, runs_in
from gadfly.tools.review.code.names import CLEAN, CORRUPT, listed, words
from gadfly.tools.review.code.nodes import (
    Position,
    both_ways,
    constant,
    integer,
    is_binary,
    is_name,
    position,
    truth,
)
from gadfly.tools.review.code.walk import identifiers, inner, names_in, within, word_set
from gadfly.tools.review.registry import Code, Hit, Hits, kept, rule

_KIND = re.compile(
    r"hook_(resid_pre|resid_mid|resid_post|mlp_out|attn_out|z|q|k|v|pattern|result|embed)\b"
)
_TESTS = {"test", "heldout", "eval", "val", "validation"}


def _kinds(texts: Iterable[object]) -> set[str]:
    """The hook points that are named in some texts, in full or for short."""
    short = listed("resid_pre resid_mid resid_post mlp_out attn_out z pattern")
    said = [each for each in texts if isinstance(each, str)]
    return {kind for each in said for kind in _KIND.findall(each)} | (short & set(said))


@rule("patched-at-another-hook", "error")
def another_hook(code: Code) -> Hits:
    """An activation cached at one hook point is written at another."""
    for hook in hooks(code):
        if hook.kind != "lens":
            continue
        at = _kinds(hooked_names(code, hook.function))
        if len(at) != 1:
            continue
        for node in within(hook.function, ast.Subscript):
            if "cache" in word_set(node.value):
                read = _kinds(map(constant, inner(node.slice)))
                if len(read) == 1 and read != at:
                    yield Hit(node, cached_at=min(read), written_at=min(at))
                    break


@rule("patched-from-a-fixed-layer", "error")
def fixed_layer(code: Code) -> Hits:
    """A hook that is put on every layer and always reads the cache of one."""
    for hook in hooks(code):
        if hook.kind != "lens" or hook.function not in _moving(code):
            continue
        for node in inner(hook.function):
            if not (isinstance(node, ast.Subscript) and "cache" in word_set(node.value)):
                continue
            if _names_one_layer(code, node.slice):
                yield Hit(node)
                break


@kept
def _moving(code: Code) -> frozenset[ast.AST]:
    """The hooks that are registered at a name that a loop over layers builds."""
    found: set[ast.AST] = set()
    for pair in code.all(ast.Tuple):
        if len(pair.elts) == 2 and _names_a_layer(code, pair):
            found |= set(runs_in(code, pair.elts[1]))
    return frozenset(found)


def _names_a_layer(code: Code, pair: ast.Tuple) -> bool:
    targets = [loop.target for loop in code.loops(pair) if isinstance(loop, ast.For)]
    named = names_in(pair.elts[0])
    return any("layer" in word_set(each) and names_in(each) & named for each in targets)


def _names_one_layer(code: Code, node: ast.AST) -> bool:
    """``("z", 0)``, ``"blocks.0.attn.hook_z"`` or ``get_act_name("z", 0)``."""
    if isinstance(node, ast.Tuple):
        named = isinstance(constant(node.elts[0]), str) if node.elts else False
        return named and len(node.elts) >= 2 and integer(node.elts[1]) is not None
    if code.is_call(node, "get_act_name"):
        return len(node.args) >= 2 and integer(node.args[1]) is not None
    text = constant(node)
    return isinstance(text, str) and re.search(r"blocks\.\d+\.", text) is not None


@rule("processed-and-raw-compared", "warning")
def processed(code: Code) -> Hits:
    """Logits of a HookedTransformer with processed weights against those of the raw model."""
    lens: set[str] = set()
    raw: set[str] = set()
    for assign in code.all(ast.Assign):
        if not (isinstance(assign.targets[0], ast.Name) and isinstance(assign.value, ast.Call)):
            continue
        call = assign.value
        while isinstance(call.func, ast.Attribute) and isinstance(call.func.value, ast.Call):
            call = call.func.value  # .eval(), .to(…)
        name = code.dotted(call.func)
        if name.endswith("HookedTransformer.from_pretrained"):
            processing = ("center_unembed", "fold_ln", "center_writing_weights")
            if not any(k.arg in processing and truth(k.value) is False for k in call.keywords):
                lens.add(assign.targets[0].id)
        elif name.endswith("from_pretrained") and ("ForCausalLM" in name or "LMHeadModel" in name):
            raw.add(assign.targets[0].id)
    if not (lens and raw):
        return
    places: list[tuple[ast.AST, ast.AST | None, ast.AST | None]] = [
        (node, node.left, node.right) for node in code.binary(ast.Sub)
    ]
    compared = code.ops("allclose", "assert_close", "mse_loss")
    places += [(op.node, op.x, op.arg(0)) for op in compared]
    for place, left, right in places:
        one, other = _runs_of(code, left), _runs_of(code, right)
        if (one & lens and other & raw) or (one & raw and other & lens):
            kinds = code.vocab(left) | code.vocab(right)
            if not {"log_softmax", "softmax", "argmax", "log_probs"} & kinds:
                yield Hit(place)
                return


def _runs_of(code: Code, node: ast.AST | None) -> set[str]:
    return {
        each.func.id
        for each in code.flow(node)
        if isinstance(each, ast.Call) and isinstance(each.func, ast.Name) and is_forward(code, each)
    }


@rule("gradient-of-the-other-run", "warning")
def other_gradient(code: Code) -> Hits:
    """Attribution patching: (clean - corrupted) goes with the gradient of the corrupted run."""
    for node in code.binary(ast.Mult):
        for factor, gradient in both_ways(node):
            difference, said = code.value(factor), word_set(gradient)
            if not is_binary(difference, ast.Sub):
                continue
            if not said & {"grad", "grads", "gradient", "gradients"}:
                continue
            base, to = word_set(difference.right), word_set(difference.left)
            for one, other in ((CLEAN, CORRUPT), (CORRUPT, CLEAN)):
                if base & one and to & other and said & other and not said & one:
                    yield Hit(node)


@rule("best-of-seeds-reported", "warning")
def best_seed(code: Code) -> Hits:
    """max over seeds, with no mean or spread."""
    for op in code.ops("max"):
        if not isinstance(op.node.func, ast.Name) and not isinstance(op.x, ast.Name):
            continue
        made = code.value(op.x) if isinstance(op.x, ast.Name) else op.x
        seeded = is_name(op.x, *_appended_by_seed(code))
        if isinstance(made, ast.ListComp) or (made is op.x and isinstance(made, ast.GeneratorExp)):
            seeded = seeded or "seed" in word_set(made.generators[0].target)
        scope = code.home(op.node)
        spread = code.calls_any(scope, "mean", "std", "median", "stdev", "sem")
        validated = _has_validation(code, scope)
        if seeded and not spread and not validated and op.kw.get("key") is None:
            yield Hit(op.node)


@kept
def _appended_by_seed(code: Code) -> frozenset[str]:
    """The lists that are appended to in a loop over seeds."""
    return frozenset(
        op.x.id
        for op in code.ops("append")
        if isinstance(op.x, ast.Name)
        and any("seed" in word_set(getattr(loop, "target", None)) for loop in code.loops(op.node))
    )


@kept
def _has_validation(code: Code, scope: ast.AST) -> bool:
    return "val" in words(" ".join(identifiers(scope)))


@rule("evaluated-on-training-prompts", "error")
def on_training_prompts(code: Code) -> Hits:
    """A test set is made and never used; the evaluation is given the training set."""
    stored = {
        each.id: each
        for each in code.all(ast.Name)
        if isinstance(each.ctx, ast.Store) and words(each.id) & {"test", "heldout"}
    }
    read = {each.id for each in code.all(ast.Name) if isinstance(each.ctx, ast.Load)}
    idle = [each for name, each in stored.items() if name not in read and not name.startswith("_")]
    if not idle:
        return
    for call in code.all(ast.Call):
        name = words(code.dotted(call.func).rsplit(".", 1)[-1])
        if not name & listed("evaluate eval accuracy score rate success effect test auc"):
            continue
        names = (each.id for each in call.args if isinstance(each, ast.Name))
        given = [each for each in names if "train" in words(each) and not words(each) & _TESTS]
        stated = "train" in name | word_set(code.target(call))
        here = any(code.function(each) is code.function(call) for each in idle)
        if given and here and not stated:
            yield Hit(call, held_out=idle[0].id, passed=given[0])
            return


@rule("shuffled-in-place", "error")
def shuffled_alias(code: Code) -> Hits:
    """A control that shuffles the original labels too, or stores None."""
    for assign in code.all(ast.Assign):
        value = assign.value
        if code.is_call(value, "shuffle"):
            owner = code.dotted(value.func)
            if owner in ("random.shuffle", "numpy.random.shuffle") or "rng" in owner:
                yield Hit(assign, "none")
        target = assign.targets[0]
        if not (isinstance(target, ast.Name) and isinstance(value, ast.Name)):
            continue
        last = _last_shuffles(code).get((code.function(assign), target.id), (0, 0))
        control = words(target.id) & listed("shuffled shuf permuted perm control random null")
        if control and last > position(assign):
            yield Hit(assign, name=target.id, original=value.id)


@kept
def _last_shuffles(code: Code) -> dict[tuple[ast.AST | None, str], Position]:
    """Where each plain name is last shuffled, by function and name."""
    found: dict[tuple[ast.AST | None, str], Position] = {}
    for op in code.ops("shuffle"):
        data = op.node.args[0] if op.node.args else None
        if isinstance(data, ast.Name):
            key = code.function(op.node), data.id
            found[key] = max(position(op.node), found.get(key, (0, 0)))
    return found
