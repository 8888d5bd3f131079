"""The arguments and the result of ``patch``."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from gadfly.tools.base import Commas, Layers
from gadfly.tools.contract import Result
from gadfly.tools.metrics import DESCRIPTION as METRICS
from gadfly.tools.metrics import MetricName
from gadfly.tools.reach import PlainText
from gadfly.tools.records import Data, DataArgs, data_field


class PatchArgs(DataArgs):
    """Arguments of ``patch``."""

    OLD = (("behaviour", "clean", "corrupt", "answer", "wrong", "pairs", "pairs_file"),)

    data: Data = data_field("clean, corrupt, answer, wrong and perhaps spans", 8, "indirect-object")
    n: int = Field(default=24, ge=1, le=512, description="how many pairs of a task")
    site: Literal["residual", "attention", "mlp", "head", "query", "key", "value"] = Field(
        default="residual",
        description="the residual stream after a layer, a sublayer's output, or for each head what "
        "enters the output projection (head), its queries, keys or values",
    )
    direction: Literal["denoising", "noising", "both"] = Field(
        default="both", description="clean into corrupt, corrupt into clean, or both"
    )
    metric: MetricName = Field(default="logit_difference", description=METRICS)
    by: Literal["auto", "position", "span"] = Field(
        default="auto",
        description="columns: token positions, or labelled spans; auto takes spans where "
        "the prompts do not share a template. Heads are patched at all tokens",
    )
    through: list[Annotated[PlainText, Commas]] | None = Field(
        default=None,
        description="path patching: only what these receivers take from the sender directly counts: logits, "
        "or LAYER.mlp, LAYER.value, LAYER.HEAD.query; senders are attention, mlp or head",
    )
    method: Literal["exact", "attribution", "integrated"] = Field(
        default="exact",
        description="exact: every cell is measured; attribution and integrated: all cells are estimated "
        "by gradients first and the largest measured exactly, for models where a sweep would take hours",
    )
    check: int = Field(
        default=24, ge=3, le=4096, description="cells measured exactly after an estimate"
    )
    layers: Layers | None = Field(default=None, description="only these layers, from 0")
    max_rows: int = Field(
        default=512, ge=2, le=65536, description="rows of the batch in one forward; bounds memory"
    )

    @model_validator(mode="after")
    def _fitting(self) -> PatchArgs:
        if self.through and (
            self.site not in ("attention", "mlp", "head") or self.method != "exact"
        ):
            raise ValueError("through needs site attention, mlp or head, and method exact")
        return self


class PatchResult(Result):
    """A patching experiment. ``values`` names the mediating cell and its effects; see ``report``."""
