"""Scaling of what an autoencoder is given and of what it gives back."""

from __future__ import annotations

import ast
import re

from gadfly.tools.review.code.names import words
from gadfly.tools.review.code.nodes import is_binary
from gadfly.tools.review.registry import Code, Hit, Hits, rule

_TICKED = re.compile(r"``?([A-Za-z_][\w]*)``?")
_SCALES = {"norm", "scale", "factor", "scaling", "normalization", "normalisation", "mean", "std"}


@rule("documented-scaling-not-applied", "high")
def documented_scaling(code: Code) -> Hits:
    """The docstring names a stored scale that the code never reads."""
    texts: list[tuple[ast.AST, str]] = [(code.module, ast.get_docstring(code.module) or "")]
    texts += [(each, ast.get_docstring(each) or "") for each in code.defs()]
    for owner, text in texts:
        for found in _TICKED.finditer(text):
            name = found[1]
            if not words(name) & _SCALES or len(words(name)) < 2:
                continue
            sentence = text[max(0, found.start() - 160) : found.end() + 60].lower()
            if not re.search(
                r"scaled|normali[sz]ed|divided|multiplied|centred|centered|subtracted", sentence
            ):
                continue
            if name in code.idents or any(
                name in each for each in code.idents if each != text[:80] and len(each) < 40
            ):
                continue
            place = _first_use_of_activations(code, owner)
            if place is None:
                continue
            yield Hit(place, name=name)
            return


def _first_use_of_activations(code: Code, owner: ast.AST) -> ast.AST | None:
    for call in code.all(ast.Call):
        if owner is not code.module and owner not in code.up(call):
            continue
        if code.op(call).name in ("encode", "sae", "encoder"):
            given = call.args[-1] if call.args else None
            for each in code.flow(given):
                value = code.parents.get(each)
                if (
                    isinstance(each, ast.Call)
                    and isinstance(value, ast.Assign)
                    and code.op(each).name in ("float", "to", "load", "cat")
                ):
                    return value
            return code.statement(call)
    return None


@rule("scaled-input-unscaled-output", "high")
def scaled_one_way(code: Code) -> Hits:
    """``return sae(x / scale)``: the reconstruction stays in the scaled units."""
    for back in code.all(ast.Return):
        call = back.value
        if not (isinstance(call, ast.Call) and len(call.args) == 1 and not call.keywords):
            continue
        name = words(code.unparsed(call.func))
        if not name & {"sae", "autoencoder", "transcoder", "dictionary"} or name & {
            "encode",
            "encoder",
        }:
            continue
        given = code.value(call.args[0])
        if not is_binary(given, ast.Div, ast.Mult):
            continue
        if words(code.unparsed(given.right)) & (_SCALES - {"mean", "std"}):
            yield Hit(back)
