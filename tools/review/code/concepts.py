"""Models, their outputs and their values. Shared by the rules; hooks are in ``hooking``, tokenizers in ``batches``."""

from __future__ import annotations

import ast

from gadfly.tools.review.code.flow import Code
from gadfly.tools.review.code.memory import kept
from gadfly.tools.review.code.names import listed, words
from gadfly.tools.review.code.nodes import (
    Function,
    constant,
    is_attribute,
    is_binary,
    is_name,
    truth,
)
from gadfly.tools.review.code.walk import below, identifiers, inner, returned
from gadfly.tools.review.code.watch import Watched

MODEL_WORDS = {"model", "lm", "llm", "net", "gpt", "transformer", "network", "models"}
OUTPUT_ATTRS = {"logits", "hidden_states", "last_hidden_state", "attentions"}


NO_GRAD = {"no_grad", "inference_mode"}


@kept
def is_model(code: Code, node: ast.AST | None) -> bool:
    """Whether an expression is a whole language model."""
    if isinstance(node, ast.Attribute):
        return is_name(node.value, "self") and bool(words(node.attr) & MODEL_WORDS)
    if not isinstance(node, ast.Name):
        return False
    if words(node.id) & MODEL_WORDS and not words(node.id) & {"name", "names", "config", "id"}:
        return True
    value = code.value(node)
    while isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute):
        name = code.dotted(value.func)
        if "from_pretrained" in name:
            return not any(each in name for each in ("Tokenizer", "SAE", "Config", "Processor"))
        value = value.func.value  # .eval(), .to(device)
    return False


@kept
def is_forward(code: Code, node: ast.AST | None) -> bool:
    """Whether an expression runs the whole model once."""
    if not isinstance(node, ast.Call):
        return False
    if is_attribute(node.func, "run_with_cache", "run_with_hooks", "forward"):
        return is_model(code, node.func.value)
    return is_model(code, node.func)


@kept
def forwards(code: Code) -> list[ast.Call]:
    """Every run of a whole model, in the order of the source."""
    return Watched([call for call in code.all(ast.Call) if is_forward(code, call)], code.watch)


def forwards_in(code: Code, node: ast.AST) -> list[ast.Call]:
    """Those below one node."""
    return below(node, forwards(code))


@kept
def from_model(code: Code, node: ast.AST | None) -> bool:
    """Whether activations or logits of a model flow into an expression."""
    return any(
        is_attribute(each, *OUTPUT_ATTRS) or (isinstance(each, ast.Call) and is_forward(code, each))
        for each in code.flow(node)
    )


@kept
def uses_lens(code: Code) -> bool:
    """Whether the file is written for TransformerLens."""
    return code.imports_from("transformer_lens", "sae_lens") or code.mentions(
        "run_with_cache", "run_with_hooks", "HookedTransformer"
    )


@kept
def grad_switch(code: Code, node: ast.AST) -> ast.AST | None:
    """The decorator or ``with`` that turns gradients off around a node."""
    for above in code.up(node):
        if isinstance(above, ast.With) and any(
            identifiers(item.context_expr) & NO_GRAD for item in above.items
        ):
            return above
        for decorator in getattr(above, "decorator_list", []):
            if identifiers(decorator) & NO_GRAD:
                return decorator  # type: ignore[no-any-return]
    return None


@kept
def without_grad(code: Code, node: ast.AST) -> bool:
    """Whether a node runs with gradients off, by a decorator, a ``with`` or a switch of the file."""
    functions = (each for each in code.up(node) if isinstance(each, Function))
    around = [each for function in functions for each in function.decorator_list]
    around += [item.context_expr for _, item in code.withs(node)]
    return any(identifiers(each) & NO_GRAD for each in around) or _switched_off(code)


@kept
def _switched_off(code: Code) -> bool:
    """Whether the file switches gradients off, and nowhere on."""
    said = {truth(op.x) for op in code.ops("set_grad_enabled") if op.x is not None}
    return False in said and True not in said


@kept
def model_names(code: Code) -> set[str]:
    """Literals that name a model: 'gpt2', 'meta-llama/Llama-3.2-1B'."""
    found = set()
    for call in code.all(ast.Call):
        name = code.dotted(call.func)
        if name.endswith("from_pretrained") or name.rsplit(".", 1)[-1] in (
            "LanguageModel",
            "StandardizedTransformer",
            "load_model",
        ):
            named = ("pretrained_model_name_or_path", "model_name", "name", "repo_id")
            values = [*call.args[:1], *(k.value for k in call.keywords if k.arg in named)]
            for each in values:
                value = constant(code.value(each))
                if isinstance(value, str):
                    found.add(value)
    for assign in code.all(ast.Assign):
        value = constant(assign.value)
        if isinstance(value, str) and any(
            isinstance(t, ast.Name) and "model" in t.id.lower() for t in assign.targets
        ):
            found.add(value)
    for function in code.defs() if code.mentions("from_pretrained") else ():
        given = [*function.args.posonlyargs, *function.args.args]
        for parameter, default in zip(given[::-1], function.args.defaults[::-1], strict=False):
            value = constant(default)
            if isinstance(value, str) and words(parameter.arg) & {"name", "model"}:
                found.add(value)
    return found


@kept
def value_kind(code: Code, node: ast.AST | None, depth: int = 6) -> str | None:
    """Whether an expression holds log-probabilities, probabilities or logits."""
    value = code.value(node)
    if value is None or depth == 0:
        return None
    if isinstance(value, ast.Call):
        op = code.op(value)
        if op.name in ("log_softmax", "logsigmoid", "log"):
            return "log"
        if op.name in ("softmax", "sigmoid", "exp"):
            return "prob"
        if op.name in listed(
            "float to detach cpu clamp view reshape flatten double squeeze clamp_min gather "
            "unsqueeze"
        ):
            return value_kind(code, op.x, depth - 1)
        function = code.definition(value.func)
        if function is not None:
            returns = (e for e in inner(function, nested=False) if isinstance(e, ast.Return))
            kinds = {value_kind(code, each.value, depth - 1) for each in returns}
            return kinds.pop() if len(kinds) == 1 else None
        kind = _forward_kind(code, value.func, depth)
        if kind is not None:
            return kind
        return "logit" if is_forward(code, value) and uses_lens(code) else None
    if isinstance(value, ast.Subscript):
        return value_kind(code, value.value, depth - 1)
    if isinstance(value, ast.Attribute):
        return "logit" if value.attr == "logits" else None
    if is_binary(value, ast.Add, ast.Sub):
        return value_kind(code, value.left, depth - 1)
    if isinstance(value, ast.Name):
        found = code.binding(value)
        made = found.value if found is not None and found.kind == "unpack" else None
        return value_kind(code, made.elt, depth - 1) if isinstance(made, ast.GeneratorExp) else None
    return None


def _forward_kind(code: Code, node: ast.AST, depth: int) -> str | None:
    """What a module of this file returns: one that a name was made from, or is called like."""
    if not isinstance(node, ast.Name):
        return None
    made = code.value(node)
    name = code.dotted(made.func) if isinstance(made, ast.Call) else ""
    for each in code.all(ast.ClassDef):
        if each.name != name and each.name.lower() != node.id.lower().replace("_", ""):
            continue
        for function in each.body:
            if isinstance(function, ast.FunctionDef) and function.name == "forward":
                kinds = {value_kind(code, value, depth - 1) for value in returned(function)}
                return kinds.pop() if len(kinds) == 1 else None
    return None


def are_blocks(node: ast.AST | None) -> bool:
    """The list of a model's blocks: ``….layers``, ``….h``, ``….blocks``."""
    return is_attribute(node, "layers", "h", "blocks")


@kept
def is_block(code: Code, node: ast.AST | None) -> bool:
    """A block of the model: ``layers[i]``, or the variable of a loop over them."""
    over = code.looped(node)
    if over is not None:
        return bool(identifiers(over) & {"layers", "h", "blocks"})
    value = code.value(node)
    return isinstance(value, ast.Subscript) and code.unparsed(value.value).endswith(
        ("layers", ".h", "blocks")
    )
