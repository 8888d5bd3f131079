"""The stand-alone repeat of an attribution: the component's output through the frozen norm, one prompt at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gadfly.tools import scripting
from gadfly.tools.readout import readout

if TYPE_CHECKING:
    from gadfly.tools.attribution.analysis import Analysis
    from gadfly.tools.model import LocalModel


def script(model: LocalModel, a: Analysis) -> str:
    """The script that recomputes the reported component's mean contribution over all prompts.

    Empty for a learned position embedding or the token's beside one, which the script does not separate.
    """
    part = a.parts[a.chosen]
    if part.name in ("token embedding", "position embedding"):
        return ""
    return scripting.script(
        model,
        "attribution",
        kind=part.kind,
        layer=part.layer,
        head=part.head or 0,
        heads=model.heads,
        scale=readout(model).scale,
        prompts=[[q.ids, q.answer, q.wrong] for q in a.questions],
        expected=float(a.mean[a.chosen]),
    )
