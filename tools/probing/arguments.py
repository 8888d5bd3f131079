"""The arguments and the result of ``probe``."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from gadfly.tools.contract import Result
from gadfly.tools.records import Data, DataArgs, data_field


class ProbeArgs(DataArgs):
    """Arguments of ``probe``."""

    OLD = (("behaviour", "texts", "texts_file"),)

    data: Data = data_field("text (or messages), label and perhaps group", 100, "truth")
    n: int = Field(default=200, ge=20, le=20000, description="how many prompts of a task")
    position: str = Field(
        default="last",
        description="the token that is read: last, mean, or -2, -3, ... from the end",
    )
    site: Literal["residual", "attention", "mlp"] = Field(
        default="residual", description="the residual stream after a layer, or a sublayer's output"
    )
    method: Literal["logistic", "ridge", "difference", "all"] = Field(
        default="all", description="the probe; all: whichever does best on validation"
    )
    shuffles: int = Field(
        default=100, ge=20, le=5000, description="how often the labels are shuffled as a control"
    )
    random_model: bool = Field(
        default=True, description="probe the same architecture with random weights as a control"
    )


class ProbeResult(Result):
    """A probing experiment. ``direction`` is the vector file that ``steer`` and ``ablate`` take."""

    direction: str = ""
