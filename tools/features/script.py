"""The stand-alone repeat of an autoencoder's reconstruction: plain forwards, one text at a time."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from gadfly.tools import scripting
from gadfly.tools.rows import special_ids

if TYPE_CHECKING:
    from gadfly.tools.features.analysis import Analysis
    from gadfly.tools.features.places import Place
    from gadfly.tools.model import LocalModel


def script(
    model: LocalModel,
    a: Analysis,
    source: Place,
    target: Place,
    rows: list[list[int]],
    reference: str,
) -> str:
    """The script that recomputes the FVU; empty where the place is no plain input or output of a module."""
    from gadfly.tools.features.formats import weights_of

    names = {id(module): name for name, module in model.module.named_modules()}
    if source.without_gain or id(source.module) not in names or id(target.module) not in names:
        return ""
    spec = a.autoencoder.spec
    return scripting.script(
        model,
        "features",
        weights=str(Path(weights_of(reference)).resolve()),
        kind=spec.activation,
        k=spec.k,
        norm=spec.normalisation,
        scale=spec.scaling if spec.normalisation == "expected_average_only_in" else None,
        minus=spec.subtract_bias,
        by_norm=spec.by_decoder_norm,
        centred=spec.centred,
        transcoder=spec.transcoder,
        read=names[id(source.module)],
        read_side=source.side,
        write=names[id(target.module)],
        write_side=target.side,
        special=sorted(special_ids(model)),
        texts=rows,
        expected=a.fvu,
    )
