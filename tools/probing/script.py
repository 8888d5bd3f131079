"""The stand-alone repeat of a probe: plain transformers-style forwards, one text at a time, no Gadfly."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gadfly.tools import scripting

if TYPE_CHECKING:
    from gadfly.tools.model import LocalModel
    from gadfly.tools.probing.arguments import ProbeArgs


def script(model: LocalModel, args: ProbeArgs, folder: str, layer: int, expected: float) -> str:
    """The script that recomputes the test accuracy from the run's artifacts."""
    return scripting.script(
        model,
        "probing",
        folder=folder,
        layer=layer,
        site=args.site,
        position=args.position,
        expected=expected,
    )
