"""The key-value cache of a prefix: it grows with every run that is given it."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from gadfly.tools.review.code.batches import keyword
from gadfly.tools.review.code.concepts import is_forward
from gadfly.tools.review.code.flow import Binding, Code
from gadfly.tools.review.registry import Hit, rule


@rule("prefix-cache-reused", "high")
def cache_reused(code: Code) -> Iterator[Hit]:
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
