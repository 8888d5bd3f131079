"""A direction in activation space as a file: what ``probe`` writes and ``steer`` and ``ablate`` read.

safetensors with the direction (unit norm), and in its metadata where it lives: layer, site, the model it is of.
A pickle is refused, because opening one runs its code.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gadfly.errors import ToolInputError
from gadfly.settings import expanded
from gadfly.tools.arrays import Tensor


@dataclass(frozen=True)
class Vector:
    """``direction`` [hidden], of norm 1, in the output of ``site`` at ``layer``."""

    direction: Tensor
    layer: int
    site: str
    model: str
    """Hash of the model's weights."""
    note: str = ""


def save(path: Path, vector: Vector) -> None:
    """Write it; the norm is set to 1."""
    from safetensors.torch import save_file

    about = {
        "format": "gadfly-vector-1",
        "layer": str(vector.layer),
        "site": vector.site,
        "model": vector.model,
        "note": vector.note,
    }
    unit = (vector.direction / vector.direction.norm()).float().contiguous()
    save_file({"direction": unit}, str(path), metadata=about)


def load(reference: str) -> Vector:
    """The vector of a file, or of a run that wrote one (its id).

    Raises:
        ToolInputError: no such file or run, a pickle, or no direction of finite numbers in it.
    """
    from safetensors import SafetensorError, safe_open

    path = _locate(reference)
    if path.suffix != ".safetensors":
        raise ToolInputError(
            f"{path} is no safetensors file; pickles are refused, because opening one runs its code"
        )
    try:
        with safe_open(str(path), framework="pt") as file:
            about: dict[str, Any] = file.metadata() or {}
            names = list(file.keys())
            direction = file.get_tensor("direction" if "direction" in names else names[0])
    except (SafetensorError, OSError, IndexError) as error:
        raise ToolInputError(f"cannot read a vector from {path}: {error}") from error
    direction = direction.float().squeeze()
    if direction.ndim != 1 or not direction.isfinite().all() or direction.norm() == 0:
        raise ToolInputError(
            f"{path} holds no direction: one list of finite numbers, not all zero, is needed"
        )
    return Vector(
        direction / direction.norm(),
        int(about.get("layer", -1)),
        about.get("site", "residual"),
        about.get("model", ""),
        about.get("note", ""),
    )


def _locate(reference: str) -> Path:
    path = expanded(reference)
    if path.is_file():
        return path
    from gadfly.tools.ledger import Ledger

    ledger = Ledger()
    run = ledger.find(reference)
    if run is None:
        raise ToolInputError(f"no vector file and no run named {reference!r}; see gadfly runs")
    written = ledger.artifacts(run.id) / "direction.safetensors"
    if not written.is_file():
        raise ToolInputError(f"run {run.id} ({run.tool}) wrote no direction")
    return written
