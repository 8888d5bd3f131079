"""Linear probes at every layer, with controls and a verdict.

- ``data``      labelled texts: read, grouped, split
- ``fit``       all layers and strengths at once
- ``analysis``  one experiment: chosen on validation, read once on test
- ``controls``  words, length, embeddings, random weights, the majority
- ``verdict``   when it supports a claim
- ``report``    headline, table, figure, the direction as an artifact; ``script`` writes the stand-alone repeat
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from gadfly.tools.contract import Context, ExperimentArgs, Result, tool
from gadfly.tools.reach import LocalPath, PlainText


class ProbeArgs(ExperimentArgs):
    """Arguments of ``probe``. Texts come from exactly one of behaviour, texts and labels, texts_file."""

    behaviour: PlainText | None = Field(
        default=None, description="labelled prompts of the demo model, such as truth or sentiment"
    )
    n: int = Field(default=200, ge=20, le=20000, description="how many prompts of the behaviour")
    texts_file: LocalPath | None = Field(
        default=None, description='JSON lines with "text", "label" and perhaps "group"'
    )
    texts: list[dict[str, object]] | None = Field(
        default=None, description="the same records given directly"
    )
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

    @model_validator(mode="after")
    def _one_origin(self) -> ProbeArgs:
        given = {"behaviour": self.behaviour, "texts_file": self.texts_file, "texts": self.texts}
        named = [name for name, value in given.items() if value is not None]
        if len(named) != 1:
            got = f", got {' and '.join(named)}" if named else ""
            raise ValueError(f"give the texts once{got}: behaviour, texts_file or texts")
        return self


class ProbeResult(Result):
    """A probing experiment. ``direction`` is the vector file that ``steer`` and ``ablate`` take."""

    direction: str = ""


@tool(
    name="probe",
    cost="seconds on the demo model; one forward over the texts, and one more with random weights",
    needs_model=True,
    extra="interp",
    examples=(
        "--behaviour truth --n 300",
        "--texts-file statements.jsonl --position mean --method difference",
        "--model ./checkpoint --texts-file statements.jsonl --json",
    ),
)
def probe(args: ProbeArgs, context: Context) -> ProbeResult:
    """Test whether a model's activations hold a two-way label: linear probes at every layer, split by groups, chosen on
    validation and read once on test, beside a bag of words, length, embeddings, random weights and shuffled labels.
    Writes the probe's direction for steer and ablate.

    Decodable is not used: a probe shows that information is there, not that the model reads it.

    Raises:
        ToolInputError: one label or more than two, too few groups, an unknown behaviour or position.
        ModelError: the model cannot be loaded or fails its self-check.
    """
    from gadfly.tools.probing.report import run

    return run(args, context)
