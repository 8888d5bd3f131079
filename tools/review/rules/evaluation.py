"""How a probe is scored: on which rows, by which number, chosen by what."""

from __future__ import annotations

import ast
from bisect import bisect_left
from collections import defaultdict

from gadfly.tools.review.code.names import METRICS, TEST, TRAIN, listed, words
from gadfly.tools.review.code.nodes import constant, is_name, position
from gadfly.tools.review.code.walk import identifiers, inner, word_set
from gadfly.tools.review.registry import Code, Hit, Hits, kept, rule


@rule("scored-on-training-data", "error")
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
        function = code.function(call)
        if function is not None and function.name.startswith("test_"):
            continue  # a unit test
        fit = _fit_of(code, model, call)
        if fit is None or not fit.args:
            continue
        fitted, context = fit.args[0], _context_words(code, call)
        if context & listed("train training fit in sample insample resub"):
            continue  # says that it is the training score
        if code.same(fitted, data) and _same_binding(code, fitted, data):
            if word_set(data) & TRAIN and _scores_test_too(code, code.home(call)):
                continue  # the training score beside the test score
            claims_test = context & (TEST | {"heldout", "val", "held", "generalization"})
            knows_test = function is not None and _speaks_of_tests(code, function)
            folds = code.mentions("KFold", "StratifiedKFold", "cross_val_score")
            shown_only = isinstance(code.statement(call), ast.Expr | ast.Assert)
            if claims_test or knows_test or not (_names_of_tests(code) or folds or shown_only):
                yield Hit(call)
        elif (isinstance(data, ast.Subscript) and code.same(fitted, data.value)) and (
            word_set(data.slice) & TEST
        ):
            yield Hit(fit, "overlap")


@kept
def _names_of_tests(code: Code) -> frozenset[str]:
    return frozenset(
        each for each in code.idents if "test" in words(each) and "train" not in words(each)
    )


@kept
def _speaks_of_tests(code: Code, function: ast.AST) -> bool:
    return any("test" in words(each) for each in identifiers(function))


def _fit_of(code: Code, model: ast.AST, before: ast.AST) -> ast.Call | None:
    """The last call of ``fit`` on a model before a place."""
    value = code.value(model)
    if code.is_call(value, "fit"):
        return value
    found = _fits(code).get((code.function(before), code.unparsed(model)), [])
    upto = bisect_left(found, position(before), key=position)
    return found[upto - 1] if upto else None


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
    found = set(word_set(code.target(node)) | code.function_words(node))
    for above in code.up(node):
        if isinstance(above, ast.keyword) and above.arg:
            found |= words(above.arg)
        if isinstance(above, ast.Dict):
            for key, value in zip(above.keys, above.values, strict=True):
                if any(each is node for each in inner(value)):
                    found |= words(str(constant(key)))
        if isinstance(above, ast.JoinedStr | ast.Call):
            texts = map(constant, inner(above))
            found |= {word for text in texts if isinstance(text, str) for word in words(text)}
        if isinstance(above, ast.stmt):
            break
    return frozenset(found)


@rule("chosen-on-the-test-set", "error")
def chosen_on_test(code: Code) -> Hits:
    """The best layer by test accuracy, reported with that same accuracy."""
    yield from _best_so_far(code)
    if code.mentions("cv_results_", "cv_results", "mean_test_score"):
        return
    for assign in code.all(ast.Assign):
        value: ast.AST | None = assign.value
        while code.is_call(value, "int", "item"):
            value = code.op(value).x
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
        parts = [each for each in (op.x, op.kw.get("key")) if each is not None]
        said = {w for each in parts for w in word_set(each) | _scored_on(code, each)}
        if "test" in said and not said & (_SPLIT_WORDS - {"test", "train"}):
            yield Hit(assign)


def _best_so_far(code: Code) -> Hits:
    """``if score > best: best, best_layer = score, layer`` where the score is of the test rows."""
    for test in code.all(ast.If):
        compare = test.test
        if not isinstance(compare, ast.Compare):
            continue
        if not isinstance(compare.ops[0], ast.Gt | ast.Lt | ast.GtE | ast.LtE):
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
        value = code.value(score[0])
        fed = _scored_on(code, score[0]) | (_SPLIT_WORDS & word_set(value))
        if "test" in fed | word_set(score[0]) and not fed & (_SPLIT_WORDS - {"test"}):
            yield Hit(value if isinstance(value, ast.Call) else score[0], "best-so-far")


_SPLIT_WORDS = listed("test val dev validation valid train tune")


def _scored_on(code: Code, node: ast.AST) -> frozenset[str]:
    """Words of the data that scores in a container were computed on."""
    found: set[str] = set()
    for each in code.flow(node):
        if code.is_call(each, *METRICS, "score", "evaluate", "accuracy"):
            for argument in each.args:
                found |= word_set(argument)
    return frozenset(found & (TEST | _SPLIT_WORDS))


@rule("fitted-on-another-layer", "error")
def another_layer(code: Code) -> Hits:
    """``fit(train[-1])`` and ``score(test[layer])`` in a loop over layers."""
    for op in code.ops("fit"):
        given = op.arg(0, "X")
        fixed = constant(given.slice) if isinstance(given, ast.Subscript) else None
        if fixed is None or isinstance(fixed, str):
            continue
        for loop in code.loops(op.node):
            scored = _scored_items(code, loop)
            wanted = (op.node, code.unparsed(op.x)) if op.x is not None else (op.node,)
            found = [scored[each] for each in wanted if each in scored]
            if found:
                _, data = min(found, key=lambda each: each[0])
                texts = [code.unparsed(each) for each in (given, data, data.slice)]
                yield Hit(op.node, fitted=texts[0], scored=texts[1], layer=texts[2])
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
