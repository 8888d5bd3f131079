"""The list of tools. Adding one: write its module, add one line here."""

from __future__ import annotations

from typing import Any

from gadfly.errors import UsageError
from gadfly.tools.contract import Tool

# In the order of help. No module loads torch when it is imported.
# isort: off
from gadfly.tools.patching import patch as patch
from gadfly.tools.probing import probe as probe
from gadfly.tools.steering import steer as steer
from gadfly.tools.ablation import ablate as ablate
from gadfly.tools.logit_lens import lens as lens
from gadfly.tools.patchscopes import patchscope as patchscope
from gadfly.tools.attribution import attribute as attribute
from gadfly.tools.attending import attention as attention
from gadfly.tools.features import sae as sae
from gadfly.tools.selftesting import selftest as selftest
from gadfly.tools.generating import generate as generate
from gadfly.tools.inspecting import activations as activations
from gadfly.tools.inspecting import tokenize as tokenize
from gadfly.tools.inspecting import model_info as model_info
from gadfly.tools.reading import search as search
from gadfly.tools.reading import read as read
from gadfly.tools.reading import check_quote as check_quote
from gadfly.tools.review.tool import review as review
# isort: on

_TOOLS = {each.name: each for each in tuple(globals().values()) if isinstance(each, Tool)}


def names() -> tuple[str, ...]:
    """Every tool's name."""
    return tuple(_TOOLS)


def all_tools() -> tuple[Tool[Any, Any], ...]:
    """Every tool."""
    return tuple(_TOOLS.values())


def by_name(name: str) -> Tool[Any, Any]:
    """The tool with this name. Raises UsageError, listing the names there are."""
    if name not in _TOOLS:
        raise UsageError(f"no tool named {name!r}; there are: {', '.join(_TOOLS)}")
    return _TOOLS[name]
