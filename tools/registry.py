"""The list of tools. Adding one: write its module, add one line here."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import Any

from gadfly.errors import UsageError
from gadfly.tools.contract import Tool

# name of the tool -> the module that declares it under that name
_WHERE = {
    "patch": "gadfly.tools.patching",
    "probe": "gadfly.tools.probing",
    "steer": "gadfly.tools.steering",
    "ablate": "gadfly.tools.ablation",
    "lens": "gadfly.tools.logit_lens",
    "patchscope": "gadfly.tools.patchscopes",
    "attribute": "gadfly.tools.attribution",
    "attention": "gadfly.tools.attending",
    "sae": "gadfly.tools.features",
    "selftest": "gadfly.tools.selftesting",
    "generate": "gadfly.tools.generating",
    "activations": "gadfly.tools.inspecting",
    "tokenize": "gadfly.tools.inspecting",
    "model_info": "gadfly.tools.inspecting",
    "search": "gadfly.tools.reading",
    "read": "gadfly.tools.reading",
    "check_quote": "gadfly.tools.reading",
    "review": "gadfly.tools.review.tool",
}


def names() -> tuple[str, ...]:
    """Every tool's name. Imports nothing."""
    return tuple(_WHERE)


@cache
def all_tools() -> tuple[Tool[Any, Any], ...]:
    """Every tool. Importing their modules loads no torch: heavy imports sit inside the functions."""
    return tuple(getattr(import_module(where), name) for name, where in _WHERE.items())


def by_name(name: str) -> Tool[Any, Any]:
    """The tool with this name. Raises UsageError, listing the names there are."""
    if name not in _WHERE:
        raise UsageError(f"no tool named {name!r}; there are: {', '.join(_WHERE)}")
    return next(tool for tool in all_tools() if tool.name == name)
