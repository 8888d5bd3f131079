"""What the axes of a tensor are, guessed from names, annotations, docstrings, comments and operations.

An axis is a word: batch, pos, d_model, vocab, head, d_head, query, key, layer, feature, n; ``?`` where it is
not known. A shape is None where nothing is known. Leaves out sizes and everything that needs types.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from typing import NamedTuple

from gadfly.tools.review.code.concepts import is_forward, uses_lens
from gadfly.tools.review.code.flow import Binding, Code
from gadfly.tools.review.code.memory import kept
from gadfly.tools.review.code.names import listed, words
from gadfly.tools.review.code.nodes import (
    Function,
    constant,
    indices,
    integer,
    is_attribute,
    is_name,
    truth,
)
from gadfly.tools.review.code.tree import Op
from gadfly.tools.review.code.walk import returned

Shape = tuple[str, ...]

_AXES = {
    "batch": "batch b bs batch_size n_batch n_prompts prompts prompt bsz",
    "n": "n n_samples n_examples samples examples n_docs docs n_tokens num n_pairs pairs pair rows row",
    "pos": "pos seq token position positions seq_len seqlen t length n_tok tokens n_ctx ctx s posn sequence",
    "d_model": "d_model d hidden hidden_size dim d_in n_embd embed d_resid width dmodel dim_model",
    "vocab": "vocab d_vocab vocab_size v n_vocab",
    "head": "head heads n_heads n_head num_heads h num_attention_heads head_index",
    "d_head": "d_head head_dim dh",
    "layer": "layer layers n_layers n_layer num_layers l num_hidden_layers",
    "feature": "feature features d_sae n_features f n_latents latents",
    "query": "query q dest dst seq_q pos_q q_pos query_pos destination",
    "key": "key k src source seq_k pos_k k_pos key_pos",
    "d_mlp": "d_mlp neurons n_neurons neuron mlp d_ff intermediate_size",
}
_AXIS = {name: axis for axis, names in _AXES.items() for name in names.split()}
_ELEMENTWISE = listed(
    "float to cpu cuda detach clone abs relu softmax log_softmax exp log half double "
    "bfloat16 contiguous pow sqrt sigmoid tanh save square clamp type nan_to_num "
    "zeros_like ones_like randn_like rand_like masked_fill bool int long numpy tensor "
    "as_tensor asarray array from_numpy requires_grad_ normalize gelu dropout flip roll "
    "where Parameter"
)
_REDUCTIONS = listed(
    "mean sum norm std var max min argmax argmin amax amin median any all logsumexp prod "
    "vector_norm"
)
_CREATIONS = {"zeros", "ones", "empty", "randn", "rand", "full"}
_COMMENT = re.compile(r"#.*?[\[(]\s*([\w/*+\- ]+(?:,\s*[\w/*+\- ]+)+)\s*[\])]")
# A word, and a bracket behind it that may be a shape.
_SAID = re.compile(r"\b(\w++)(?=[^\[\]\n.]{0,30}\[([\w, ]+)\])")
_BRACKETS = re.compile(r"\[([\w ]+(?:,[\w ()]+)*)\]")
_HOOKS = {
    part: tuple(axes.split())
    for axes, parts in {
        "batch pos d_model": "resid embed attn_out mlp_out",
        "batch head query key": "pattern attn_scores",
        "batch pos head d_head": "hook_z hook_q hook_k hook_v",
        "batch pos head d_model": "hook_result",
    }.items()
    for part in parts.split()
}
_OUTPUTS: dict[str, Shape] = {
    "logits": ("batch", "pos", "vocab"),
    "last_hidden_state": ("batch", "pos", "d_model"),
    "hidden_states": ("layer", "batch", "pos", "d_model"),  # tuples, whose first index is the layer
    "attentions": ("layer", "batch", "head", "query", "key"),
}
_WEIGHTS: dict[str, Shape] = {
    "W_U": ("d_model", "vocab"),
    "W_E": ("vocab", "d_model"),
    "W_pos": ("pos", "d_model"),
    "W_dec": ("feature", "d_model"),
    "W_enc": ("d_model", "feature"),
}


def axis(text: str) -> str:
    """The axis that a name or an expression for a size stands for."""
    last = re.split(r"[.\[\]'\"]+", text.strip())
    name = next((part for part in reversed(last) if part), "").lower().strip("* ")
    return _AXIS.get(name, "?")


def hook_shape(name: str) -> Shape | None:
    """The shape of a TransformerLens activation by its name."""
    name = f"hook_{name}" if name in ("z", "q", "k", "v", "result") else name
    return next((shape for part, shape in _HOOKS.items() if part in name), None)


@kept
def shape(code: Code, node: ast.AST | None, depth: int = 12) -> Shape | None:
    """The axes of an expression."""
    if node is None or depth <= 0:
        return None
    match node:
        case ast.Name():
            return _of_name(code, node, depth - 1)
        case ast.Attribute():
            return _of_attribute(code, node, depth - 1)
        case ast.Subscript():
            return _of_subscript(code, node, depth - 1)
        case ast.Call():
            return _of_call(code, node, depth - 1)
        case ast.BinOp(op=ast.MatMult()):
            return _matmul(shape(code, node.left, depth - 1), shape(code, node.right, depth - 1))
        case ast.BinOp():
            left = shape(code, node.left, depth - 1)
            right = shape(code, node.right, depth - 1)
            return right if left is None or (right and len(right) > len(left)) else left
        case ast.UnaryOp():
            return shape(code, node.operand, depth - 1)
        case ast.Compare():
            return shape(code, node.left, depth - 1)
        case ast.IfExp():
            return shape(code, node.body, depth - 1) or shape(code, node.orelse, depth - 1)
        case _:
            return None


@kept
def stated_return(code: Code, function: ast.AST) -> Shape | None:
    """The shape that a function's annotation or docstring says it returns."""
    if not isinstance(function, Function):
        return None
    annotated = _annotation(code, function.returns)
    if annotated:
        return annotated
    text = code.docstring(function)
    said = re.search(r"\b[Rr]eturns?\b[^\[\]\n]{0,20}\[([\w ]+(?:,[\w ()]+)*)\]", text)
    if said:
        return _from_text(said[1])
    found = list(_BRACKETS.finditer(text))
    if len(found) != 1:
        return None
    before = text[: found[0].start()].rstrip()
    named = {each.arg for each in function.args.args}
    nearby = re.findall(r"\w+", before)[-3:]
    # "x is [n, d]" speaks of a parameter, not of what comes back.
    if set(nearby) & named or nearby[-1:] in (["is"], ["are"], ["each"]):
        return None
    return _from_text(found[0][1])


def _from_text(text: str) -> Shape | None:
    parts = text.split(",") if "," in text else text.split()
    axes = tuple(axis(part) for part in parts)
    known = [each for each in axes if each != "?"]
    return axes if known and len(axes) <= 6 else None


def _annotation(code: Code, node: ast.AST | None) -> Shape | None:
    """jaxtyping: ``Float[Tensor, "batch seq d_model"]``."""
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Tuple):
        text = constant(node.slice.elts[-1])
        if isinstance(text, str):
            return _from_text(text.replace("...", " "))
    return None


def _of_name(code: Code, node: ast.Name, depth: int) -> Shape | None:
    found = code.binding(node)
    if found is None:
        return None
    if found.kind == "param":
        assert isinstance(found.node, ast.arg)
        annotated = _annotation(code, found.node.annotation)
        if annotated:
            return annotated
        function = code.scope(found.node)
        if isinstance(function, Function):
            known = _documented(code, function)
            said = known.get(node.id, known.get(""))
            if said:
                return said
        passed = [shape(code, each, depth - 2) for each in code.arguments(found)[:2]]
        return passed[0] if passed and all(each == passed[0] for each in passed) else None
    if found.kind in ("assign", "unpack") and isinstance(found.node, ast.Assign | ast.AnnAssign):
        line = code.lines[found.at[0] - 1]
        comment = _COMMENT.search(line) if "#" in line else None
        if comment and found.kind == "assign":
            stated = _from_text(comment[1])
            if stated:
                return stated
    if found.kind == "assign" and isinstance(found.node, ast.AnnAssign):
        annotated = _annotation(code, found.node.annotation)
        if annotated:
            return annotated
    if found.kind in ("assign", "aug"):
        return shape(code, found.value, depth)
    return _of_item(code, found, depth) if found.kind == "for" else None


@kept
def _documented(code: Code, function: Function) -> dict[str, Shape | None]:
    """What a docstring says about each word; under no word what it says of all: "Both are [batch, d_model]"."""
    found: dict[str, Shape | None] = {}
    for said in _SAID.finditer(code.docstring(function)):
        found.setdefault(said[1], _from_text(said[2]))
        if said[1] in ("Both", "both", "All", "all", "Inputs", "inputs"):
            found.setdefault("", _from_text(said[2]))
    return found


def _of_item(code: Code, found: Binding, depth: int) -> Shape | None:
    """A loop variable, also of enumerate() and zip()."""
    over = code.walked(found)
    if found.part is not None and over is found.value:
        return None
    axes = shape(code, over, depth)
    return axes[1:] if axes and len(axes) > 1 else None


def _of_attribute(code: Code, node: ast.Attribute, depth: int) -> Shape | None:
    if node.attr in _OUTPUTS and not code.uses_text("pixel", "segmentation", "image_processor"):
        return _OUTPUTS[node.attr]
    if node.attr in ("T", "mT", "H"):
        inside = shape(code, node.value, depth)
        return (*inside[:-2], inside[-1], inside[-2]) if inside and len(inside) >= 2 else None
    if node.attr in ("values", "indices", "data", "grad", "value"):
        return shape(code, node.value, depth)
    stored = code.attributes.get(code.unparsed(node), [])
    if stored:
        return shape(code, stored[0], depth) if len(stored) == 1 else None
    return _WEIGHTS.get(node.attr) if uses_lens(code) else None


def _of_subscript(code: Code, node: ast.Subscript, depth: int) -> Shape | None:
    key = constant(node.slice)
    if uses_lens(code) and "cache" in code.unparsed(node.value).lower():
        name = _hook_name(code, node.slice)
        if name:
            axes = hook_shape(name)
            return axes[1:] if axes and _drops_the_batch(code) else axes
    if isinstance(key, str):
        return None
    inside = shape(code, node.value, depth)
    parts = indices(node)
    if inside is None and len(parts) > 1 and _is_logits(code, node.value):
        inside = _OUTPUTS["logits"]
    return None if inside is None else index(code, inside, parts)


@kept
def _drops_the_batch(code: Code) -> bool:
    """Whether a cache of this file is made without its batch axis."""
    return any(
        each.arg == "remove_batch_dim" and truth(each.value) is not False
        for each in code.all(ast.keyword)
    )


def _is_logits(code: Code, node: ast.AST) -> bool:
    """Logits of a whole model that is indexed like a tensor of three axes, or a name that says so."""
    above = code.parents.get(node)
    many = isinstance(above, ast.Subscript) and len(indices(above)) == 3
    if isinstance(node, ast.Name):
        return many and "logits" in words(node.id)
    return is_forward(code, node) and many


def _hook_name(code: Code, node: ast.AST) -> str | None:
    if isinstance(node, ast.Tuple) and node.elts:
        node = node.elts[0]
    value = code.value(node)
    if isinstance(value, ast.JoinedStr):
        return "".join(str(constant(part) or "") for part in value.values)
    if code.is_call(value, "get_act_name") and value.args:
        value = value.args[0]
    text = constant(value)
    return text if isinstance(text, str) else None


def index(code: Code, axes: Shape, parts: list[ast.expr]) -> Shape | None:
    """The axes that are left after indexing."""
    given = sum(constant(each) is not None or not isinstance(each, ast.Constant) for each in parts)
    dots = [n for n, each in enumerate(parts) if constant(each) is Ellipsis]
    if dots:
        missing = len(axes) - (given - 1)
        if missing < 0:
            return None
        filler: list[ast.expr] = [ast.Slice()] * missing
        parts = [*parts[: dots[0]], *filler, *parts[dots[0] + 1 :]]
    left = list(axes)
    out: list[str] = []
    many = 0
    for part in parts:
        if isinstance(part, ast.Constant) and part.value is None:
            out.append("1")
            continue
        if not left:
            return None
        current = left.pop(0)
        if isinstance(part, ast.Slice):
            out.append(current)
        elif _is_scalar(code, part) or (current == "layer" and not isinstance(part, ast.List)):
            continue
        elif isinstance(part, ast.Name | ast.Compare | ast.Call | ast.List | ast.Attribute):
            many += 1
            if many == 1:
                out.append("n" if current in ("batch", "n", "pos") else current)
        else:
            return None
    return (*out, *left)


def _is_scalar(code: Code, node: ast.AST) -> bool:
    if integer(node) is not None:
        return True
    if isinstance(node, ast.BinOp):
        return _is_scalar(code, node.left) and _is_scalar(code, node.right)
    found = code.binding(node) if isinstance(node, ast.Name) else None
    if found is None:
        return code.is_call(node, "int", "item", "to_single_token")
    if found.kind == "for":
        return code.is_call(found.value, "range", "enumerate")
    if found.kind == "assign" and found.value is not None:
        return found.value is not node and _is_scalar(code, found.value)
    return isinstance(found.node, ast.arg) and is_name(found.node.annotation, "int")


def dims(op: Op, place: int = 0) -> list[int] | None:
    """The axes that an operation is told to work on; None: not told, or not a literal."""
    given = op.arg(place, "dim", "axis")
    parts = given.elts if isinstance(given, ast.Tuple | ast.List) else [given]
    numbers = [integer(each) for each in parts]
    return [n for n in numbers if n is not None] if None not in numbers else None


class Along(NamedTuple):
    """An operation along one axis: the axes of its operand, the number of that axis, and its name."""

    axes: Shape
    dim: int
    axis: str

    def __str__(self) -> str:
        return shown(self.axes)


def along(code: Code, op: Op, place: int = 0) -> Along | None:
    """The axis that an operation is told to work along first; None where it or the operand's axes are not known."""
    which, axes = dims(op, place), shape(code, op.x)
    if not which or axes is None or not -len(axes) <= which[0] < len(axes):
        return None
    return Along(axes, which[0], axes[which[0]])


def shown(axes: Shape) -> str:
    """``[batch, pos]``"""
    return "[" + ", ".join(axes) + "]"


def _of_call(code: Code, node: ast.Call, depth: int) -> Shape | None:
    op = code.op(node)
    if is_forward(code, node) and op.name != "run_with_cache" and uses_lens(code):
        return ("batch", "pos", "vocab")
    if op.name in _ELEMENTWISE:
        if op.name == "where" and op.args:
            return shape(code, op.args[0], depth)
        return shape(code, op.x, depth)
    if op.name in _CREATIONS and op.x is not None:
        if op.name == "full" and not isinstance(op.x, ast.Tuple | ast.List):
            return None
        return _known(_size_axis(code, each) for each in op.sizes())
    if op.name in _REDUCTIONS:
        return _reduced(code, op, depth)
    if op.name == "topk":
        return shape(code, op.x, depth)
    if op.name in ("einsum", "rearrange", "reduce", "repeat"):
        named = _einops(code, op, depth)
        if named:
            return named
    if op.name in ("stack", "cat", "concat", "concatenate"):
        return _joined(code, op, depth)
    if op.name in ("unsqueeze", "transpose", "swapaxes", "flatten", "permute", "squeeze"):
        return _moved(code, op, depth)
    if op.name in ("reshape", "view") and op.args:
        sizes = op.args[0].elts if isinstance(op.args[0], ast.Tuple) else op.args
        return _known(_size_axis(code, each) for each in sizes)
    if op.name == "matmul" and op.args:
        return _matmul(shape(code, op.x, depth), shape(code, op.args[0], depth))
    function = code.definition(node.func)
    if function is not None:
        stated = stated_return(code, function)
        if stated:
            return stated
        values = returned(function)
        if len(values) == 1:
            return shape(code, values[0], depth - 2)
    return None


def _known(axes: Iterable[str]) -> Shape | None:
    """The axes, where at least one of them is known."""
    found = tuple(axes)
    return found if any(each != "?" for each in found) else None


def _size_axis(code: Code, node: ast.AST) -> str:
    found = axis(code.unparsed(node))
    if found == "?" and code.is_call(node, "len"):
        return axis(code.unparsed(code.op(node).x))
    if found == "?" and isinstance(node, ast.Name):
        return axis(code.unparsed(code.value(node)))
    return found


def _reduced(code: Code, op: Op, depth: int) -> Shape | None:
    inside = shape(code, op.x, depth)
    if inside is None:
        return None
    which = dims(op, 1 if op.name in ("norm", "vector_norm") else 0)
    if which is None:
        return None if op.arg(0, "dim", "axis") is not None else ()
    keep = truth(op.kw.get("keepdim") or op.kw.get("keepdims")) or (
        len(op.args) > 1 and truth(op.args[-1]) is True
    )
    gone = {n % len(inside) for n in which if inside and -len(inside) <= n < len(inside)}
    if keep:
        return tuple("1" if n in gone else each for n, each in enumerate(inside))
    return tuple(each for n, each in enumerate(inside) if n not in gone)


def _einops(code: Code, op: Op, depth: int) -> Shape | None:
    texts = [constant(each) for each in (op.x, *op.args) if each is not None]
    text = next((each for each in texts if isinstance(each, str) and "->" in each), None)
    if text is None:
        return None
    left, right = text.split("->", 1)
    if op.name != "einsum" or " " in right.strip():
        if "(" in right or "." in right:
            return None
        return _known(axis(each) for each in right.split())
    # torch.einsum("bqhd,bkhd->bhqk", q, k): single letters, their axes taken from the operands.
    operands = [each for each in (op.x, *op.args) if not isinstance(constant(each), str)]
    known: dict[str, str] = {}
    for letters, operand in zip(left.split(","), operands, strict=False):
        inside = shape(code, operand, depth)
        if inside and len(inside) == len(letters.strip()):
            known.update(zip(letters.strip(), inside, strict=True))
    guess = {"b": "batch", "h": "head", "q": "query", "k": "key"}
    letters = right.strip()
    if {"q", "k"} <= set(letters):
        known |= {k: v for k, v in guess.items() if k in letters}
    if not letters.isalpha():
        return None
    return _known(known.get(each, "?") for each in letters)


def _joined(code: Code, op: Op, depth: int) -> Shape | None:
    where = integer(op.arg(0, "dim", "axis"))
    parts = code.value(op.x)
    inside: Shape | None = None
    new = "n"
    if isinstance(parts, ast.ListComp | ast.GeneratorExp):
        inside = shape(code, parts.elt, depth)
        target = parts.generators[0].target
        new = axis(code.unparsed(target)) if isinstance(target, ast.Name) else "n"
        new = "n" if new == "?" else new
    elif isinstance(parts, ast.List | ast.Tuple) and parts.elts:
        inside = shape(code, parts.elts[0], depth)
    elif is_attribute(parts, *_OUTPUTS) and op.name == "stack" and not where:
        return _OUTPUTS[parts.attr]
    elif isinstance(op.x, ast.Name):
        added = code.stored(op.x)
        inside = shape(code, added[0], depth) if len(added) == 1 else None
    if inside is None:
        return None
    if op.name != "stack":
        return inside
    place = 0 if where is None else where
    place = place + len(inside) + 1 if place < 0 else place
    return (*inside[:place], new, *inside[place:])


def _moved(code: Code, op: Op, depth: int) -> Shape | None:
    inside = shape(code, op.x, depth)
    if inside is None:
        return None
    numbers = [integer(each) for each in op.args]
    if None in numbers:
        return None
    given = [n for n in numbers if n is not None]
    size = len(inside)
    if op.name == "unsqueeze" and len(given) == 1:
        place = given[0] if given[0] >= 0 else given[0] + size + 1
        return (*inside[:place], "1", *inside[place:])
    if op.name == "squeeze":
        if len(given) == 1 and -size <= given[0] < size:
            return tuple(each for n, each in enumerate(inside) if n != given[0] % size)
        return None
    if op.name in ("transpose", "swapaxes") and len(given) == 2:
        if not all(-size <= n < size for n in given):
            return None
        swapped = list(inside)
        one, two = given[0] % size, given[1] % size
        swapped[one], swapped[two] = swapped[two], swapped[one]
        return tuple(swapped)
    if op.name == "permute" and len(given) == size and all(-size <= n < size for n in given):
        return tuple(inside[n] for n in given)
    if op.name == "flatten":
        first = given[0] if given else 0
        last = given[1] if len(given) > 1 else -1
        if op.kw or not (-size <= first < size and -size <= last < size):
            return None
        first, last = first % size, last % size
        merged = "n" if last > first else inside[first]
        return (*inside[:first], merged, *inside[last + 1 :])
    return None


def _matmul(left: Shape | None, right: Shape | None) -> Shape | None:
    if not left or right is None:
        return None
    return left[:-1] if len(right) == 1 else (*left[:-1], right[-1])
