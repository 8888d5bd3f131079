"""What the stand-alone scripts of the tools share: where the model is, and data as a Python literal."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from gadfly.tools import metrics
from gadfly.tools.checkpoints import BUILT_IN

if TYPE_CHECKING:
    from gadfly.tools.model import LocalModel


def location(model: LocalModel) -> str:
    """A Python expression that names the model for ``from_pretrained``."""
    if model.name in BUILT_IN:
        module, function = BUILT_IN[model.name]
        return f'__import__("{module}", fromlist=["x"]).{function}().as_posix()'
    return repr(model.name)


def metric_function(name: str) -> str:
    """The named metric and ``metric(logits [vocabulary], pair, clean)``, a number. Needs postponed annotations."""
    return f"""\
{metrics.source(name)}


def metric(logits, pair, clean):
    answer, wrong = (torch.tensor(pair[key], device=logits.device) for key in ("answer", "wrong"))
    return {name}(logits, answer, wrong, clean).item()
"""


def as_literal(items: Sequence[Any]) -> str:
    """Items as JSON in a Python string, one on a line."""
    text = "[\n" + ",\n".join(json.dumps(item) for item in items) + "\n]"
    # JSON escapes line breaks and double quotes with backslashes, which a Python string would take for its own.
    return '"""' + text.replace("\\", "\\\\").replace('"""', '\\"\\"\\"') + '"""'
