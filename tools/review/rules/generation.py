"""Chat models, sampling and decoding."""

from __future__ import annotations

import ast
import re
from collections import defaultdict

from gadfly.tools.review.code.batches import is_tokenizer, keyword, tokenizer_calls
from gadfly.tools.review.code.concepts import is_forward, model_names
from gadfly.tools.review.code.flow import Binding
from gadfly.tools.review.code.names import listed, words
from gadfly.tools.review.code.nodes import arguments, constant, integer, is_attribute, truth
from gadfly.tools.review.code.walk import inner
from gadfly.tools.review.registry import Code, Hit, Hits, rule

_CHAT = re.compile(r"(?:-it\b|instruct|-chat\b|chat-hf)", re.IGNORECASE)
_TEMPLATES = listed(
    "<|im_start|> [INST] <start_of_turn> <|user|> <|start_header_id|> ASSISTANT Assistant:"
)


@rule("chat-template-missing", "warning")
def no_template(code: Code) -> Hits:
    """A chat model is given bare text and asked to generate."""
    names = model_names(code)
    if not names or not all(_CHAT.search(each) for each in names if "/" in each):
        return
    if not any(_CHAT.search(each) for each in names):
        return
    if code.uses_text("chat_template", "template", "render", "format_prompt"):
        return
    if any(each in code.text for each in _TEMPLATES):
        return
    generates = [op for op in code.ops("generate") if isinstance(op.node.func, ast.Attribute)]
    for call in tokenizer_calls(code) if generates else ():
        if any(call in code.flow(each) for op in generates for each in arguments(op.node)):
            yield Hit(call)
            return


@rule("values-decoded-as-tokens", "error")
def values_decoded(code: Code) -> Hits:
    """decode(topk(k).values): numbers are read as token ids."""
    for op in code.ops(
        "decode", "batch_decode", "convert_ids_to_tokens", "to_string", "to_str_tokens"
    ):
        if not op.node.args or not (is_tokenizer(code, op.x) or op.name.startswith("to_")):
            continue
        item = op.node.args[0]
        found = code.binding(item) if isinstance(item, ast.Name) else None
        given = code.value(item)
        if found is not None and found.kind == "for":
            given = code.value(code.walked(found))
        base: ast.AST | None = None
        if found is not None and found.kind == "unpack" and found.part == 0:
            base = found.value
        elif isinstance(given, ast.Attribute | ast.Subscript):
            first = isinstance(given, ast.Subscript) and integer(given.slice) == 0
            base = given.value if first or is_attribute(given, "values") else None
        if code.is_call(code.value(base), "topk", "sort", "max"):
            yield Hit(op.node)


@rule("temperature-after-softmax", "error")
def softmax_then_temperature(code: Code) -> Hits:
    """softmax(x) / T: the temperature comes after the softmax."""
    for node in code.binary(ast.Div):
        value = code.value(node.left)
        if code.is_call(value, "softmax"):
            name = code.unparsed(node.right).lower()
            if "temperature" in name or name in ("temp", "tau"):
                yield Hit(node)


@rule("prompt-in-scored-text", "error")
def prompt_scored(code: Code) -> Hits:
    """The decoded sequence still holds the prompt when it is searched or scored."""
    nodes: list[ast.Compare | ast.Call] = code.all(ast.Compare, ast.Call)
    for node in nodes:
        subject = _searched(code, node)
        if subject is None or isinstance(subject, ast.Constant):
            continue
        decode = _decoded_generation(code, subject)
        if decode is not None:
            yield Hit(decode)
            return


def _searched(code: Code, node: ast.Compare | ast.Call) -> ast.AST | None:
    """The text that something is looked for in, or that is scored."""
    if isinstance(node, ast.Compare):
        return node.comparators[0] if isinstance(node.ops[0], ast.In | ast.NotIn) else None
    judges = listed("score judge classify sentiment refusal toxicity refused is")
    if isinstance(node.func, ast.Name) and words(node.func.id) & judges:
        return node.args[0] if node.args else None
    if isinstance(node.func, ast.Attribute):
        name = code.op(node).name
        if name in ("findall", "search") and len(node.args) > 1:
            return node.args[1]
        if name in ("count", "startswith", "find", "findall", "search"):
            return node.func.value
    return None


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
    return found if generates and not code.uses_text("encoder", "t5", "seq2seq") else None


@rule("generations-not-comparable", "warning")
def not_comparable(code: Code) -> Hits:
    """Baseline and steered text decoded with different settings."""
    for scope in code.scopes():
        calls = [
            each
            for each in inner(scope, nested=False)
            if isinstance(each, ast.Call)
            and is_attribute(each.func, "generate")
            and code.home(each) is scope
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
    given = keyword(call, name)
    if given is None:
        return False if name == "do_sample" else None
    value = constant(given)
    return value if value is not None else "varies"


def _is_batch(code: Code, node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and not words(node.id) & listed(
        "kwargs config settings args gen options params"
    )


@rule("temperature-without-sampling", "note")
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
        if not hot or lens or truth(sampled) is not False:
            continue
        if constant(op.kw[hot[0]]) not in (0, 0.0, 1, 1.0, None):
            yield Hit(op.node, setting=hot[0])


@rule("prefix-cache-reused", "error")
def cache_reused(code: Code) -> Hits:
    """One past_key_values handed to several runs."""
    if code.mentions(*listed("deepcopy crop batch_select_indices from_legacy_cache StaticCache")):
        return
    seen: dict[Binding, ast.Call] = {}
    for call in code.all(ast.Call):
        given = keyword(call, "past_key_values")
        if not isinstance(given, ast.Name):
            continue
        if not (is_forward(code, call) or code.op(call).name == "generate"):
            continue
        found = code.binding(given)
        if found is None or found.kind not in ("assign", "unpack"):
            continue
        if len(code.bindings[code.scope(found.node)].get(given.id, ())) > 1:
            continue  # made anew
        loops = [each for each in code.loops(call) if each not in code.up(found.node)]
        if loops or found in seen:
            yield Hit(call)
        seen[found] = call
