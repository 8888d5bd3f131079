"""The arguments and the result of ``ablate``."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from gadfly.tools.base import Identifier, Layers
from gadfly.tools.contract import Result
from gadfly.tools.metrics import DESCRIPTION as METRICS
from gadfly.tools.metrics import MetricName
from gadfly.tools.reach import VectorName
from gadfly.tools.records import Data, DataArgs, MaxRows, data_field


class AblateArgs(DataArgs):
    """Arguments of ``ablate``."""

    OLD = (("behaviour", "pairs", "pairs_file"),)

    data: Data = data_field("clean, corrupt, answer and wrong", 8, "indirect-object")
    n: int = Field(default=24, ge=1, le=512, description="how many pairs of a task")
    component: Literal["head", "attention", "mlp", "direction"] = Field(
        description="a query head, the attention or MLP output of a layer, or a direction"
    )
    heads: list[Identifier] | None = Field(
        default=None, description="for head: LAYER.HEAD, such as 3.1; several are ablated together"
    )
    layers: Layers | None = Field(
        default=None,
        description="for attention and mlp: which layers, together; for direction: after which, default all",
    )
    vector: VectorName | None = Field(
        default=None, description="for direction: a vector file, or the id of a run that wrote one"
    )
    how: Literal["auto", "zero", "mean", "resample"] = Field(
        default="auto",
        description="what stands in; auto: the mean, and for a direction zero, which projects it out",
    )
    reference: list[str] | None = Field(
        default=None,
        min_length=2,
        description="prompts for mean and resample; else others of the task, or the corrupt prompts",
    )
    n_reference: int = Field(
        default=32, ge=2, le=2048, description="how many reference pairs of a task"
    )
    metric: MetricName = Field(default="logit_difference", description=METRICS)
    controls: int = Field(
        default=20, ge=19, le=2000, description="random components or directions of each kind"
    )
    max_rows: MaxRows = 512

    @model_validator(mode="after")
    def _fitting(self) -> AblateArgs:
        for name, value, kinds in (
            ("heads", self.heads, ("head",)),
            ("layers", self.layers, ("attention", "mlp", "direction")),
            ("vector", self.vector, ("direction",)),
        ):
            if value is not None and self.component not in kinds:
                raise ValueError(
                    f"{name} is for component {' or '.join(kinds)}, not {self.component}"
                )
        if self.component == "direction" and self.vector is None:
            raise ValueError(
                "which direction? Give vector: a file, or the id of a run that wrote one"
            )
        return self

    @property
    def fill(self) -> Literal["zero", "mean", "resample"]:
        """What stands in, ``auto`` resolved."""
        if self.how == "auto":
            return "zero" if self.component == "direction" else "mean"
        return self.how


class AblateResult(Result):
    """An ablation experiment. ``values`` names the effect and the strongest controls; see ``report``."""
