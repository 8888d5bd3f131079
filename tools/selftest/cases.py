"""What each tool is held to: noise on which it must not say ``supported``, and a planted truth that it must find.

A tool joins with one entry here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gadfly.tools import planted
from gadfly.tools.contract import Result, Verdict
from gadfly.tools.selftest import noise

if TYPE_CHECKING:
    from gadfly.tools.model import LocalModel

Arguments = dict[str, Any]


@dataclass(frozen=True)
class Case:
    """``noise`` makes arguments for a model and a seed; ``planted`` for a seed; ``found`` reads the result on it."""

    tool: str
    noise: Callable[[LocalModel, int], Arguments]
    planted: Callable[[int], Arguments]
    found: Callable[[Result], bool]
    truth: str
    """What there is to find, in words."""


def _patch_noise(model: LocalModel, seed: int) -> Arguments:
    return {"pairs": noise.random_pairs(model, 12, seed), "direction": "denoising"}


def _patch_planted(seed: int) -> Arguments:
    return {"pairs": planted.pairs(16, seed), "site": "head"}


def _patch_found(result: Result) -> bool:
    row = result.table.rows[0]
    return (
        result.verdict is Verdict.SUPPORTED
        and row[:2] == [planted.LAYER, f"head {planted.HEAD}"]
        and result.values["mediator_effect"] > 0.95
    )


def _probe_noise(model: LocalModel, seed: int) -> Arguments:
    texts = noise.random_texts(model, 100, seed)
    return {"texts": texts, "shuffles": 40, "random_model": False}


def _probe_planted(seed: int) -> Arguments:
    return {"texts": planted.labelled(240, seed), "shuffles": 40}


def _probe_found(result: Result) -> bool:
    from gadfly.tools import vectors

    direction = vectors.load(str(getattr(result, "direction", ""))).direction
    return (
        result.verdict is Verdict.SUPPORTED
        and result.values["layer"] == planted.LAYER
        and abs(float(direction[planted.CLASS_OUT])) > 0.9
    )


CASES: tuple[Case, ...] = (
    Case(
        "patch", _patch_noise, _patch_planted, _patch_found,
        f"head {planted.HEAD} of layer {planted.LAYER} carries all of the answer",
    ),
    Case(
        "probe", _probe_noise, _probe_planted, _probe_found,
        f"the class is a direction from layer {planted.LAYER} on, and not in the words",
    ),
)  # fmt: skip
