"""Chat models, sampling and decoding."""

from __future__ import annotations

import ast
import re
from collections import defaultdict

from gadfly.tools.review.code.batches import is_tokenizer, keyword, tokenizer_calls
from gadfly.tools.review.code.concepts import is_forward, model_names
from gadfly.tools.review.code.flow import Binding
from gadfly.tools.review.code.names import listed, words
from gadfly.tools.review.code.nodes import constant, integer, is_attribute, truth
from gadfly.tools.review.code.walk import inner
from gadfly.tools.review.registry import Code, Hit, Hits, rule

_CHAT = re.compile(r"(?:-it\b|instruct|-chat\b|chat-hf)", re.IGNORECASE)
_TEMPLATES = listed(
    "<|im_start|> [INST] <start_of_turn> <|user|> <|start_header_id|> ASSISTANT Assistant:"
)


@rule("chat-template-missing", "medium")
def no_template(code: Code) -> Hits:
    """A chat model is given bare text and asked to generate."""
    names = model_names(code)
    if not names or not all(_CHAT.search(each) for each in names if "/" in each):
        return
    if not any(_CHAT.search(each) for each in names):
        return
    if code.uses_text("chat_template", "template", "render", "format_prompt") or any(
        t in code.text for t in _TEMPLATES
    ):
        return
    generates = [op for op in code.ops("generate") if isinstance(op.node.func, ast.Attribute)]
    for call in tokenizer_calls(code) if generates else ():
        if any(
            call in code.flow(a)
            for op in generates
            for a in [*op.node.args, *(k.value for k in op.node.keywords)]
        ):
            yield Hit(call)
            return


@rule("values-decoded-as-tokens", "high")
def values_decoded(code: Code) -> Hits:
    """decode(topk(k).values): numbers are read as token ids."""
    for op in code.ops(
        "decode", "batch_decode", "convert_ids_to_tokens", "to_string", "to_str_tokens"
    ):
        if not op.node.args or not (is_tokenizer(code, op.x) or op.name.startswith("to_")):
            continue
        given = code.value(op.node.args[0])
        item = op.node.args[0]
        if isinstance(item, ast.Name):
            walked = code.binding(item)
            if walked is not None and walked.kind == "for" and walked.value is not None:
                given = code.value(code.walked(walked))
        values = is_attribute(given, "values")
        base = given.value if isinstance(given, ast.Attribute | ast.Subscript) else None
        if isinstance(given, ast.Subscript) and integer(given.slice) == 0:
            values = True
        if isinstance(op.node.args[0], ast.Name):
            found = code.binding(op.node.args[0])
            if found is not None and found.kind == "unpack" and found.part == 0:
                values, base = True, found.value if isinstance(found.value, ast.expr) else None
        source = code.value(base)
        if values and code.is_call(source, "topk", "sort", "max"):
            yield Hit(op.node)


@rule("temperature-after-softmax", "high")
def softmax_then_temperature(code: Code) -> Hits:
    """softmax(x) / T: the temperature comes after the softmax."""
    for node in code.binary(ast.Div):
        value = code.value(node.left)
        if code.is_call(value, "softmax"):
            name = code.unparsed(node.right).lower()
            if "temperature" in name or name in ("temp", "tau"):
                yield Hit(node)


@rule("prompt-in-scored-text", "high")
def prompt_scored(code: Code) -> Hits:
    """The decoded sequence still holds the prompt when it is searched or scored."""
    for node in code.all(ast.Compare, ast.Call):
        subject: ast.AST | None = None
        if isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.In | ast.NotIn):
            subject = node.comparators[0]
        elif isinstance(node, ast.Call):
            op = code.op(node)
            if op.name in ("count", "startswith", "find", "findall", "search") and isinstance(
                node.func, ast.Attribute
            ):
                subject = (
                    node.args[1]
                    if op.name in ("findall", "search") and len(node.args) > 1
                    else node.func.value
                )
            elif isinstance(node.func, ast.Name) and words(node.func.id) & listed(
                "score judge classify sentiment refusal toxicity refused is"
            ):
                subject = node.args[0] if node.args else None
        if subject is None or isinstance(subject, ast.Constant):
            continue
        decode = _decoded_generation(code, subject)
        if decode is None:
            continue
        yield Hit(decode)
        return


def _decoded_generation(code: Code, node: ast.AST) -> ast.Call | None:
    """The decode call behind a text, if nothing on the way cuts the prompt off."""
    vocab = code.vocab(node)
    if {"removeprefix", "replace", "split", "partition", "return_full_text"} & vocab:
        return None
    found: ast.Call | None = None
    generates = False
    for each in code.flow(node):
        if isinstance(each, ast.Call):
            op = code.op(each)
            if op.name in ("decode", "batch_decode") and is_tokenizer(code, op.x):
                found = found or each
            if op.name == "generate" and isinstance(each.func, ast.Attribute):
                generates = True
        if isinstance(each, ast.Slice) and (each.lower is not None):
            return None
        if isinstance(each, ast.Constant) and each.value in ("assistant", "inputs_embeds"):
            return None
    if found is None or not generates:
        return None
    if code.uses_text("encoder", "t5", "seq2seq"):
        return None
    return found


@rule("generations-not-comparable", "medium")
def not_comparable(code: Code) -> Hits:
    """Baseline and steered text decoded with different settings."""
    for scope in code.scopes():
        calls = [
            each
            for each in inner(scope, nested=False)
            if isinstance(each, ast.Call)
            and is_attribute(each.func, "generate")
            and (code.function(each) or code.module) is scope
            and not isinstance(code.parents.get(each), ast.withitem)
            and not any(k.arg is None and not _is_batch(code, k.value) for k in each.keywords)
        ]
        # Equal settings are compared once, however many calls have them.
        seen: dict[str, list[_Settings]] = defaultdict(list)
        known: set[tuple[str, _Settings]] = set()
        compared: dict[tuple[str, _Settings], int] = defaultdict(int)
        for call in calls:
            model, mine = code.unparsed(code.op(call).x), _settings(call)
            others = seen[model]
            for number in range(compared[model, mine], len(others)):
                found = _difference(others[number], mine)
                if found is not None:
                    name, a, b = found
                    yield Hit(call, setting=name, first=a, second=b)
                    break
                compared[model, mine] = number + 1
            if (model, mine) not in known:
                known.add((model, mine))
                others.append(mine)


_NAMES = ("do_sample", "temperature", "max_new_tokens", "top_p", "num_beams")
_Settings = tuple[object, ...]


def _settings(call: ast.Call) -> _Settings:
    return tuple(_setting(call, name) for name in _NAMES)


def _difference(one: _Settings, other: _Settings) -> tuple[str, object, object] | None:
    """The first setting in which two generations differ."""
    for name, a, b in zip(_NAMES, one, other, strict=True):
        if a != b and not (name == "max_new_tokens" and None in (a, b)):
            if name != "do_sample" and "varies" in (a, b):
                continue
            return name, a, b
    return None


def _setting(call: ast.Call, name: str) -> object:
    for each in call.keywords:
        if each.arg == name:
            value = constant(each.value)
            return value if value is not None else "varies"
    return {"do_sample": False}.get(name)


def _is_batch(code: Code, node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and not words(node.id) & listed(
        "kwargs config settings args gen options params"
    )


@rule("temperature-without-sampling", "low")
def temperature_ignored(code: Code) -> Hits:
    """temperature and top_p do nothing in greedy decoding."""
    for op in code.ops("generate"):
        if op.x is None or any(
            each.arg is None and not _is_batch(code, each.value) for each in op.node.keywords
        ):
            continue
        sampled = op.kw.get("do_sample")
        hot = [name for name in ("temperature", "top_p", "top_k") if name in op.kw]
        lens = code.mentions("HookedTransformer", "vllm", "SamplingParams")
        if hot and not lens and sampled is not None and truth(sampled) is False:
            if constant(op.kw[hot[0]]) in (0, 0.0, 1, 1.0, None):
                continue
            yield Hit(op.node, setting=hot[0])


@rule("prefix-cache-reused", "high")
def cache_reused(code: Code) -> Hits:
    """One past_key_values handed to several runs."""
    if code.mentions(
        "deepcopy", "crop", "batch_select_indices", "from_legacy_cache", "StaticCache"
    ):
        return
    seen: dict[Binding, ast.Call] = {}
    for call in code.all(ast.Call):
        given = keyword(call, "past_key_values")
        if not isinstance(given, ast.Name) or not (
            is_forward(code, call) or code.op(call).name == "generate"
        ):
            continue
        found = code.binding(given)
        if found is None or found.kind not in ("assign", "unpack"):
            continue
        rebinds = len(code.bindings[code.scope(found.node)].get(given.id, ())) > 1
        loops = [each for each in code.loops(call) if each not in code.up(found.node)]
        if rebinds:
            continue
        if loops or found in seen:
            yield Hit(call)
        seen[found] = call
