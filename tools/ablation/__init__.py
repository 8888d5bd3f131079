"""Ablation: take out a component or a direction and see whether the behaviour needs it more than it needs others.

- ``components``  attention and MLP outputs, query heads: named, checked, and others of the same kind
- ``fill``        what stands in: zeros, a mean over reference prompts, another prompt's activation
- ``engine``      many ablations as rows of one batch
- ``controls``    directions to compare a direction with
- ``analysis``    one experiment; ``verdict``: when it supports a claim
- ``report``      headline, table, figure; ``script`` writes the stand-alone repeat
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from gadfly.tools.contract import Context, ExperimentArgs, Result, tool
from gadfly.tools.metrics import DESCRIPTION as METRICS
from gadfly.tools.metrics import MetricName
from gadfly.tools.reach import LocalPath, PlainText, VectorName


class AblateArgs(ExperimentArgs):
    """Arguments of ``ablate``. Prompts come from exactly one of behaviour, pairs, pairs_file."""

    behaviour: PlainText | None = Field(
        default=None,
        description="a behaviour of the demo model, such as indirect-object or capital-of",
    )
    n: int = Field(default=24, ge=1, le=512, description="how many pairs of the behaviour")
    pairs: list[dict[str, object]] | None = Field(
        default=None, description="pairs, each with clean, corrupt, answer, wrong"
    )
    pairs_file: LocalPath | None = Field(
        default=None, description="the same as JSON lines in a file"
    )
    component: Literal["head", "attention", "mlp", "direction"] = Field(
        description="a query head, the attention or MLP output of a layer, or a direction"
    )
    heads: list[str] | None = Field(
        default=None, description="for head: LAYER.HEAD, such as 3.1; several are ablated together"
    )
    layers: list[int] | None = Field(
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
        description="prompts for mean and resample; else others of the behaviour, or the corrupt prompts",
    )
    n_reference: int = Field(
        default=32, ge=2, le=2048, description="how many reference pairs of the behaviour"
    )
    metric: MetricName = Field(default="logit_difference", description=METRICS)
    controls: int = Field(
        default=20, ge=10, le=2000, description="random components or directions of each kind"
    )
    max_rows: int = Field(
        default=512, ge=1, le=65536, description="rows of the batch in one forward; bounds memory"
    )

    @model_validator(mode="after")
    def _one_origin(self) -> AblateArgs:
        given = {"behaviour": self.behaviour, "pairs": self.pairs, "pairs_file": self.pairs_file}
        named = [name for name, value in given.items() if value is not None]
        if len(named) != 1:
            got = f", got {' and '.join(named)}" if named else ""
            raise ValueError(f"give the prompts once{got}: behaviour, pairs or pairs_file")
        if self.pairs is not None and not self.pairs:
            raise ValueError("pairs is empty")
        if self.reference is not None and len(self.reference) < 2:
            raise ValueError("reference needs at least two prompts")
        return self

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


@tool(
    name="ablate",
    cost="seconds on the demo model; grows with controls x pairs x model size",
    needs_model=True,
    extra="interp",
    examples=(
        "--behaviour indirect-object --component head --heads 3.1",
        "--behaviour capital-of --component mlp --layers 1 --how resample",
        "--behaviour truth --component direction --vector r0123abcd",
    ),
)
def ablate(args: AblateArgs, context: Context) -> AblateResult:
    """Test whether a behaviour needs a component: zero, mean- or resample-ablate a query head, an attention or MLP
    output, or a direction of the residual stream (from a probe's or steer's run, or a file), beside random components
    or directions of the same kind and size.

    An ablation speaks of necessity here and now: what is not needed may still take part, and others may stand in.

    Raises:
        ToolInputError: an unknown layer, head or behaviour, a vector of another size, pairs that do not align.
        ModelError: the model cannot be loaded or fails its self-check.
    """
    from gadfly.tools.ablation.report import run

    return run(args, context)
