"""Tokens: BOS, leading spaces, chat templates, ids that are zero."""

from __future__ import annotations

import ast
import re

from gadfly.tools.review.code.batches import is_tokenizer, tokenizer_calls
from gadfly.tools.review.code.concepts import uses_lens
from gadfly.tools.review.code.names import listed, words
from gadfly.tools.review.code.nodes import arguments, constant, is_attribute, is_open, truth
from gadfly.tools.review.registry import Code, Hit, Hits, kept, rule


@rule("no-generation-prompt", "warning")
def generation_prompt(code: Code) -> Hits:
    """A chat that ends with the user, generated from without the assistant's header."""
    if not code.ops("generate"):
        return
    for op in code.ops("apply_chat_template"):
        given = op.kw.get("add_generation_prompt")
        if op.kw.get("continue_final_message") is not None or is_open(op.node):
            continue
        if given is not None and truth(given) is not False:
            continue
        messages = op.args[0] if op.args else op.kw.get("conversation")
        roles = [
            constant(value)
            for each in code.flow(messages)
            if isinstance(each, ast.Dict)
            for key, value in zip(each.keys, each.values, strict=True)
            if constant(key) == "role"
        ]
        if roles and roles[-1] == "user" and "assistant" not in roles and op.node in _fed(code):
            yield Hit(op.node)


@kept
def _fed(code: Code) -> frozenset[ast.AST]:
    """The calls whose results go into a generation."""
    return frozenset(
        each
        for call in code.ops("generate")
        for argument in arguments(call.node)
        for each in code.calls_in(argument)
    )


@rule("zero-is-falsy", "warning")
def zero_falsy(code: Code) -> Hits:
    """``if layer:`` and ``bos_id or …`` when the value may be 0."""
    plain = listed(
        "layer head position pos index idx feature bos_id token_id layer_idx head_idx seed"
    )
    ids = listed(
        "bos_token_id pad_token_id eos_token_id unk_token_id bos_id pad_id eos_id token_id"
    )

    def optional(node: ast.AST) -> bool:
        """A number of such a name that may be absent."""
        if isinstance(node, ast.Attribute):
            return node.attr in ids
        if not isinstance(node, ast.Name):
            return False
        value = code.value(node)
        if node.id in ids or is_attribute(value, *ids):
            return True
        if node.id not in plain:
            return False
        found = code.binding(node)
        if found is None or found.kind != "param" or not isinstance(found.node, ast.arg):
            return False
        note = code.unparsed(found.node.annotation) if found.node.annotation else ""
        function = code.scope(found.node)
        default_none = False
        if isinstance(function, ast.FunctionDef):
            given = function.args
            named = [*given.posonlyargs, *given.args]
            defaults = dict(zip([a.arg for a in named][::-1], given.defaults[::-1], strict=False))
            defaults |= {
                a.arg: d
                for a, d in zip(given.kwonlyargs, given.kw_defaults, strict=True)
                if d is not None
            }
            value = defaults.get(node.id)
            default_none = isinstance(value, ast.Constant) and value.value is None
        return ("int" in note and "None" in note) or (
            default_none and "str" not in note and "list" not in note
        )

    tests: list[ast.If | ast.IfExp | ast.While] = [
        *code.all(ast.If),
        *code.all(ast.IfExp),
        *code.all(ast.While),
    ]
    for test in tests:
        parts = test.test.values if isinstance(test.test, ast.BoolOp) else [test.test]
        for part in parts:
            bare = (
                part.operand
                if isinstance(part, ast.UnaryOp) and isinstance(part.op, ast.Not)
                else part
            )
            if optional(bare):
                yield Hit(bare, repair=f"{code.unparsed(bare)} is not None")
    for node in code.all(ast.BoolOp):
        above = code.parents.get(node)
        if isinstance(above, ast.If | ast.IfExp | ast.While) and above.test is node:
            continue
        if isinstance(node.op, ast.Or) and optional(node.values[0]):
            first = node.values[0]
            if isinstance(node.values[1], ast.Call):
                continue  # an object that is built where none is given
            if "pad" in words(code.unparsed(first)) or "eos" in words(code.unparsed(first)):
                continue  # the common `pad or eos`
            yield Hit(
                first, repair=f"{code.unparsed(first)} if {code.unparsed(first)} is not None else …"
            )


@rule("answer-without-leading-space", "warning")
def leading_space(code: Code) -> Hits:
    """to_single_token("Paris") after a prompt that ends with a word."""
    prompts = [
        each.value
        for each in code.all(ast.Constant)
        if isinstance(each.value, str)
        and len(each.value.split()) >= 4
        and not isinstance(code.parents.get(each), ast.Expr)
    ]
    prompts += [
        f"{constant(each.values[0])} {constant(each.values[-1])}"
        for each in code.all(ast.JoinedStr)
        if len(each.values) >= 3 and len(str(constant(each.values[0])).split()) >= 2
    ]
    if not any(re.search(r"\w$", each) for each in prompts) or any(
        each.endswith((" ", "\n", ":", '"')) for each in prompts
    ):
        return
    for op in code.ops("to_single_token", "convert_tokens_to_ids"):
        value = constant(code.value(op.node.args[0])) if op.node.args else None
        if value is None and op.node.args:
            value = _one_of(code, op.node.args[0])
        if not isinstance(value, str) or not value:
            continue
        if op.name == "to_single_token" and value[0].isalpha():
            yield _spaceless(op.node, value, "to_single_token({})")
    for op in code.ops("encode"):
        if not is_tokenizer(code, op.x) or not op.args:
            continue
        value = constant(op.args[0])
        above = code.parents.get(op.node)
        if (
            isinstance(value, str)
            and re.fullmatch(r"[A-Z][a-z]+|yes|no", value)
            and isinstance(above, ast.Subscript)
        ):
            yield _spaceless(op.node, value, "encode({}, add_special_tokens=False)")


def _spaceless(node: ast.AST, value: str, repair: str) -> Hit:
    token = repr(f" {value}")
    return Hit(node, word=repr(value), token=token, repair=repair.format(token))


@rule("space-in-convert-tokens", "error")
def convert_tokens(code: Code) -> Hits:
    """convert_tokens_to_ids(" Paris") is the unknown token."""
    for op in code.ops("convert_tokens_to_ids"):
        given = op.node.args[0] if op.node.args else None
        value = code.value(given)
        text = constant(value)
        joined = (
            isinstance(value, ast.JoinedStr)
            and value.values
            and str(constant(value.values[0]) or "").startswith(" ")
        )
        added = isinstance(value, ast.BinOp) and str(constant(value.left) or "").startswith(" ")
        if (isinstance(text, str) and text.startswith(" ") and len(text) > 1) or joined or added:
            yield Hit(op.node)


def _one_of(code: Code, node: ast.AST) -> str | None:
    """One of the words that a loop variable runs through, where none begins with a space."""
    if not isinstance(node, ast.Name):
        return None
    found = code.binding(node)
    if found is None or found.kind != "for":
        return None
    texts = [constant(each) for each in code.flow(found.value)]
    said = [each for each in texts if isinstance(each, str)]
    if len(said) < 2 or not all(each and each[0].isalpha() and " " not in each for each in said):
        return None
    return said[-1]


@rule("word-index-as-token-index", "error")
def word_index(code: Code) -> Hits:
    """``prompt.split().index(name)`` used as a position in the tokens."""
    if not (
        uses_lens(code)
        or any(tokenizer_calls(code))
        or code.imports_from("nnterp", "nnsight", "transformers")
    ):
        return
    for op in code.ops("index"):
        base = code.value(op.x)
        if not (code.is_call(base, "split") and not base.keywords):
            continue
        if code.context(op.node) & listed("position pos index idx token positions where"):
            yield Hit(op.node)
