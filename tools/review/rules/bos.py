"""BOS: taken for the answer, doubled, missing, or on one side only."""

from __future__ import annotations

import ast

from gadfly.tools.review.code.batches import is_tokenizer, keyword, tokenizer_calls
from gadfly.tools.review.code.concepts import model_names, uses_lens
from gadfly.tools.review.code.names import listed, words
from gadfly.tools.review.code.nodes import (
    constant,
    indices,
    integer,
    is_attribute,
    is_binary,
    is_open,
    truth,
)
from gadfly.tools.review.code.walk import identifiers, inner, returned, run_side, within
from gadfly.tools.review.registry import Code, Hit, Hits, kept, rule

_NO_BOS = listed("gpt2 gpt-neo gpt_neo pythia qwen distilgpt phi opt- bloom olmo gpt-j")
_ANSWERS = listed(
    "answer target correct incorrect wrong right label ans yes no token tok id word ids "
    "candidate option expected"
)


_ONE_TOKEN = "tokenizer.encode(' Paris', add_special_tokens=False), and assert that it is one token"


def _adds_no_bos(code: Code) -> bool:
    """Whether every model of the file is one whose tokenizer adds nothing."""
    names = {each.lower() for each in model_names(code)}
    if not names:
        return "gpt2" in code.text.lower()
    return all(map(_bosless, names))


def _bosless(name: str) -> bool:
    return any(part in name.lower() for part in _NO_BOS)


def _model_behind(code: Code, node: ast.AST | None) -> str:
    """The name of the model whose tokenizer this is, where the nearest assignment says it."""
    value = code.value(node)
    if is_attribute(value, "tokenizer"):
        value = code.value(value.value)
    if not isinstance(value, ast.Call):
        return ""
    named = (each.value for each in value.keywords if "name" in (each.arg or ""))
    given = next(iter([*value.args[:1], *named]), None)
    text = constant(code.value(given))
    return text if isinstance(text, str) else ""


@rule("first-token-is-bos", "error")
def first_is_bos(code: Code) -> Hits:
    """``tokenizer.encode(" Paris")[0]`` is BOS for Llama, Gemma and Mistral."""
    if _adds_no_bos(code) or code.mentions("add_bos_token"):
        return
    for node in code.all(ast.Subscript):
        parts = indices(node)
        numbers = [integer(each) for each in parts]
        base = code.value(node.value)
        if is_attribute(base, "input_ids"):
            base = code.value(base.value)
        elif isinstance(base, ast.Subscript):
            if constant(base.slice) == "input_ids":
                base = code.value(base.value)
            elif integer(base.slice) == 0 and numbers == [0]:
                inside = code.value(base.value)
                if is_attribute(inside, "input_ids"):
                    base, numbers = code.value(inside.value), [0, 0]
                elif isinstance(inside, ast.Call):
                    base, numbers = inside, [0, 0]
        if not isinstance(base, ast.Call):
            continue
        op = code.op(base)
        if op.name == "to_tokens":
            if numbers == [0, 0] and truth(op.kw.get("prepend_bos")) is not False:
                yield Hit(node, repair="model.to_single_token(' Paris')")
            continue
        called = is_tokenizer(code, base.func)
        if not called and not (op.name == "encode" and is_tokenizer(code, op.x)):
            continue
        if truth(keyword(base, "add_special_tokens")) is False:
            continue
        if numbers != ([0] if keyword(base, "return_tensors") is None else [0, 0]):
            continue
        if _bosless(_model_behind(code, base.func if called else op.x)):
            continue
        if isinstance(code.parents.get(node), ast.Compare):
            continue  # asks whether it is BOS
        text = base.args[0] if base.args else None
        given = words(code.unparsed(text))
        if given & listed("prompt prompts text texts batch sentence sentences"):
            continue
        literal = isinstance(constant(code.value(text)), str)
        single = isinstance(text, ast.JoinedStr | ast.BinOp | ast.Name | ast.Subscript)
        said = given | words(code.unparsed(code.target(node))) | code.function_words(node)
        if literal or (single and said & _ANSWERS):
            yield Hit(node, repair=_ONE_TOKEN)


@rule("double-bos-from-template", "error")
def double_bos(code: Code) -> Hits:
    """A rendered chat template that is tokenised again, with special tokens."""
    if not code.mentions("apply_chat_template") or code.uses_text("encoder_decoder"):
        return
    for call in [*tokenizer_calls(code), *[op.node for op in code.ops("to_tokens", "trace")]]:
        stated = keyword(call, "prepend_bos")
        if stated is not None and truth(stated) is not True:
            continue
        if truth(keyword(call, "add_special_tokens")) is False or not call.args or is_open(call):
            continue
        if {"removeprefix", "replace", "lstrip", "bos_token"} & code.vocab(call.args[0]):
            continue
        inside = [code.op(each) for each in code.calls_in(call.args[0])]
        if any(
            op.name == "apply_chat_template" and truth(op.kw.get("tokenize")) is False
            for op in inside
        ):
            yield Hit(call)


@rule("position-without-bos", "error")
def position_without_bos(code: Code) -> Hits:
    """Positions counted in ids without BOS, used in a run that prepends it."""
    if not uses_lens(code) or _sets_no_bos(code):
        return
    for function in code.defs():
        said = words(function.name)
        if not said & listed("position pos index positions span locate find idx indices subject"):
            continue
        bare = []
        for node in within(function, ast.Call):
            text = words(code.unparsed(node.args[0])) if node.args else frozenset()
            before = code.op(node).name == "encode" and text & {"before", "prefix"}
            prompt = text & listed("prompt text sentence input string prompts")
            part = text & listed("subject needle word target name answer")
            if (before or (prompt and not part)) and _leaves_out_bos(code, node):
                bare.append(node)
        if not bare:
            continue
        corrected = any(
            is_binary(each, ast.Add) and 1 in (integer(each.left), integer(each.right))
            for value in returned(function)
            for each in inner(value)
        ) or {"bos", "offset", "bos_token_id"} & identifiers(function)
        if not corrected:
            yield Hit(bare[0])


def _leaves_out_bos(code: Code, call: ast.Call) -> bool:
    """Whether a call turns a text into tokens without BOS."""
    op = code.op(call)
    if truth(keyword(call, "prepend_bos")) is False and op.name in ("to_tokens", "to_str_tokens"):
        return True
    if truth(keyword(call, "add_special_tokens")) is False and is_tokenizer(code, call.func):
        return True
    if not is_tokenizer(code, op.x):
        return False
    starts = ("gpt2", "pythia", "gpt-neo", "qwen")
    bosless = any(each.lower().startswith(starts) for each in model_names(code))
    bare = truth(keyword(call, "add_special_tokens")) is False or op.name == "tokenize"
    return bare or (bosless and op.name == "encode")


@kept
def _sets_no_bos(code: Code) -> bool:
    for each in code.all(ast.keyword):
        if each.arg in ("prepend_bos", "default_prepend_bos") and truth(each.value) is False:
            call = code.parents.get(each)
            if isinstance(call, ast.Call) and not code.is_call(call, "to_tokens", "to_str_tokens"):
                return True
    # The model is run on ids that were made without BOS as well: then both agree.
    return any(
        truth(keyword(call, "add_special_tokens")) is False
        and keyword(call, "return_tensors") is not None
        for call in tokenizer_calls(code)
    )


@rule("bos-on-one-side-only", "error")
def one_sided_bos(code: Code) -> Hits:
    """Two prompts that are compared by position, one with BOS and one without."""
    seen: dict[ast.AST, tuple[bool, str]] = {}
    for op in code.ops("to_tokens"):
        given = op.node.args[0] if op.node.args else None
        side = run_side(given)
        if side is None:
            continue
        with_bos = truth(op.kw.get("prepend_bos")) is not False
        earlier = seen.setdefault(code.home(op.node), (with_bos, side))
        if earlier[1] != side and earlier[0] != with_bos:
            yield Hit(op.node)
