"""How a probe is scored: on which rows, by which number, chosen by what."""

from __future__ import annotations

import ast
from bisect import bisect_left
from collections import defaultdict

from gadfly.tools.review.code.names import METRICS, TEST, TRAIN, listed, words
from gadfly.tools.review.code.nodes import constant, is_name, position
from gadfly.tools.review.code.walk import identifiers, inner, word_set
from gadfly.tools.review.registry import Code, Hit, Hits, kept, rule


@rule("scored-on-training-data", "high")
def scored_on_train(code: Code) -> Hits:
    """fit(X, y) and score(X, y), called accuracy; or a test name that holds a training score."""
    for call in code.all(ast.Call):
        op = code.op(call)
        data: ast.expr | None = None
        model: ast.AST | None = None
        if op.name == "score" and len(op.args) >= 2:
            data, model = op.args[0], op.x
        elif op.name in METRICS and len(call.args) >= 2:
            predicted = code.value(call.args[1])
            if isinstance(predicted, ast.Subscript):
                predicted = predicted.value
            if code.is_call(predicted, "predict", "predict_proba", "decision_function"):
                inside = code.op(predicted)
                data, model = inside.arg(0), inside.x
        if data is None or model is None:
            continue
        function_ = code.function(call)
        if function_ is not None and function_.name.startswith("test_"):
            continue  # a unit test
        fits = _fits_of(code, model, call)
        if len(fits) != 1:
            continue
        fitted = fits[0].args[0] if fits[0].args else None
        if fitted is None:
            continue
        context = _context_words(code, call)
        same = code.same(fitted, data) and _same_binding(code, fitted, data)
        subset = isinstance(data, ast.Subscript) and code.same(fitted, data.value)
        claims_test = bool(context & (TEST | {"heldout", "val", "held", "generalization"}))
        honest = bool(context & {"train", "training", "fit", "in", "sample", "insample", "resub"})
        if same and not honest:
            function = code.function(call)
            others = _names_of_tests(code)
            knows_test = function is not None and _speaks_of_tests(code, function)
            if word_set(data) & TRAIN and _scores_test_too(code, function or code.module):
                continue  # the training score beside the test score
            folds = code.mentions("KFold", "StratifiedKFold", "cross_val_score")
            shown_only = isinstance(code.statement(call), ast.Expr | ast.Assert)
            if claims_test or knows_test or not (others or folds or shown_only):
                yield Hit(call)
        elif (
            subset
            and not honest
            and word_set(data.slice if isinstance(data, ast.Subscript) else None) & TEST
        ):
            yield Hit(fits[0], "overlap")


@kept
def _names_of_tests(code: Code) -> frozenset[str]:
    return frozenset(
        each for each in code.idents if "test" in words(each) and "train" not in words(each)
    )


@kept
def _speaks_of_tests(code: Code, function: ast.AST) -> bool:
    return any("test" in words(each) for each in identifiers(function))


def _fits_of(code: Code, model: ast.AST, before: ast.AST) -> list[ast.Call]:
    value = code.value(model)
    if code.is_call(value, "fit"):
        return [value]
    found = _fits(code).get((code.function(before), code.unparsed(model)), [])
    upto = bisect_left(found, position(before), key=position)
    return found[upto - 1 : upto] if upto else []


@kept
def _fits(code: Code) -> dict[tuple[ast.AST | None, str], list[ast.Call]]:
    """The calls of ``fit`` by their function and by what is fitted, in the order of the source."""
    found: dict[tuple[ast.AST | None, str], list[ast.Call]] = defaultdict(list)
    for op in code.ops("fit"):
        if op.x is not None:
            found[code.function(op.node), code.unparsed(op.x)].append(op.node)
    return {key: sorted(calls, key=position) for key, calls in found.items()}


def _same_binding(code: Code, one: ast.AST, other: ast.AST) -> bool:
    if isinstance(one, ast.Name) and isinstance(other, ast.Name):
        return code.binding(one) is code.binding(other)
    return True


def _context_words(code: Code, node: ast.AST) -> frozenset[str]:
    """Words of the names, keys and text around an expression that say what it is."""
    statement = code.statement(node)
    found: set[str] = set()
    for target in getattr(statement, "targets", []):
        found |= word_set(target)
    for above in code.up(node):
        if isinstance(above, ast.keyword) and above.arg:
            found |= words(above.arg)
        if isinstance(above, ast.Dict):
            for key, value in zip(above.keys, above.values, strict=True):
                if any(each is node for each in inner(value)):
                    found |= words(str(constant(key)))
        if isinstance(above, ast.JoinedStr | ast.Call) and not isinstance(above, ast.stmt):
            for each in inner(above):
                text = constant(each)
                if isinstance(text, str):
                    found |= words(text)
        if isinstance(above, ast.stmt):
            break
    function = code.function(node)
    if function is not None:
        found |= words(function.name)
    return frozenset(found)


@rule("chosen-on-the-test-set", "high")
def chosen_on_test(code: Code) -> Hits:
    """The best layer by test accuracy, reported with that same accuracy."""
    yield from _best_so_far(code)
    if code.mentions("cv_results_", "cv_results", "mean_test_score"):
        return
    for assign in code.all(ast.Assign):
        value: ast.AST = assign.value
        while code.is_call(value, "int", "item"):
            value = code.op(value).x or ast.Pass()
        if isinstance(value, ast.Subscript):
            value = value.value
        if not isinstance(value, ast.Call):
            continue
        op = code.op(value)
        if op.name in ("unravel_index", "divmod") and isinstance(op.x, ast.Call):
            op = code.op(op.x)
        if op.name not in ("argmax", "max", "idxmax", "sorted", "nanargmax"):
            continue
        target_words = word_set(assign.targets[0])
        if not target_words & listed("best chosen selected top optimal star layer head"):
            continue
        key = op.kw.get("key")
        parts = [each for each in (op.x, key) if each is not None]
        direct = frozenset().union(*(word_set(each) for each in parts))
        fed = frozenset().union(*(_scored_on(code, each) for each in parts))
        if (direct | fed) & {"val", "dev", "validation", "valid", "tune"}:
            continue
        if not ((direct | fed) & {"test"}):
            continue
        yield Hit(assign)


def _best_so_far(code: Code) -> Hits:
    """``if score > best: best, best_layer = score, layer`` where the score is of the test rows."""
    for test in code.all(ast.If):
        compare = test.test
        if not (
            isinstance(compare, ast.Compare)
            and isinstance(compare.ops[0], ast.Gt | ast.Lt | ast.GtE | ast.LtE)
        ):
            continue
        stored = {
            each.id
            for statement in test.body
            for each in inner(statement)
            if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)
        }
        sides = [compare.left, compare.comparators[0]]
        kept = [each for each in sides if is_name(each, *stored)]
        score = [each for each in sides if each not in kept]
        if len(kept) != 1 or not code.loops(test) or len(stored) < 2:
            continue
        fed = _scored_on(code, score[0]) | (_SPLIT_WORDS & word_set(code.value(score[0])))
        if "test" in fed | word_set(score[0]) and not fed & listed(
            "val dev validation valid train tune"
        ):
            yield Hit(_score_call(code, score[0]), "best-so-far")


_SPLIT_WORDS = frozenset({"test", "val", "dev", "validation", "valid", "train", "tune"})


def _score_call(code: Code, node: ast.AST) -> ast.AST:
    value = code.value(node)
    return value if isinstance(value, ast.Call) else node


def _scored_on(code: Code, node: ast.AST) -> frozenset[str]:
    """Words of the data that scores in a container were computed on."""
    found: set[str] = set()
    for each in code.flow(node):
        if isinstance(each, ast.Call) and (
            code.op(each).name in METRICS or code.op(each).name in ("score", "evaluate", "accuracy")
        ):
            for argument in each.args:
                found |= word_set(argument)
    return frozenset(found & (TEST | {"val", "dev", "validation", "valid", "train", "tune"}))


@rule("fitted-on-another-layer", "high")
def another_layer(code: Code) -> Hits:
    """``fit(train[-1])`` and ``score(test[layer])`` in a loop over layers."""
    for op in code.ops("fit"):
        given = op.arg(0, "X")
        if not (isinstance(given, ast.Subscript) and constant(given.slice) is not None):
            continue
        if isinstance(constant(given.slice), str):
            continue
        for loop in code.loops(op.node):
            scored = _scored_items(code, loop)
            wanted = (op.node, code.unparsed(op.x)) if op.x is not None else (op.node,)
            found = [scored[each] for each in wanted if each in scored]
            if found:
                _, data = min(found, key=lambda each: each[0])
                yield Hit(
                    op.node,
                    fitted=code.unparsed(given),
                    scored=code.unparsed(data),
                    layer=code.unparsed(data.slice),
                )
                return


@kept
def _scored_items(code: Code, loop: ast.AST) -> dict[object, tuple[int, ast.Subscript]]:
    """The first scoring of an item by a loop's variable: by the text of what is scored, and by the fit behind it."""
    names = identifiers(loop.target) if isinstance(loop, ast.For) else frozenset()
    found: dict[object, tuple[int, ast.Subscript]] = {}
    calls = code.ops_in(loop, "score", "predict", "predict_proba", "decision_function")
    for number, op in enumerate(calls):
        data = op.arg(0, "X")
        if (
            isinstance(data, ast.Subscript)
            and is_name(data.slice, *names)
            and loop in code.loops(op.node)
            and op.x is not None
        ):
            found.setdefault(code.unparsed(op.x), (number, data))
            found.setdefault(code.value(op.x), (number, data))
    return found


@kept
def _scores_test_too(code: Code, scope: ast.AST) -> bool:
    return any(
        code.is_call(each, *METRICS | {"score", "predict", "decision_function", "predict_proba"})
        and any(word_set(given) & TEST for given in each.args)
        for each in inner(scope)
    )
