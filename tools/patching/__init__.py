"""Activation patching over layers and positions, with controls and a verdict.

- ``pairs``     clean/corrupt prompts: read, aligned, and the positions to patch
- ``sites``     residual stream, sublayers, heads, queries, keys, values: which module, which slice
- ``engine``    many cells in few exact forwards
- ``paths``     path patching: sender to receivers, the rest held still
- ``attribution``  estimates of every cell by gradients
- ``effects``   metric, normalisation, intervals
- ``analysis``  one experiment: runs, sweeps, placebo, self-patch, the mediating cell
- ``verdict``   when it supports a claim
- ``report``    headline, table, controls, artifacts; ``script`` writes the stand-alone repeat
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from gadfly.tools.contract import Context, ExperimentArgs, Result, tool
from gadfly.tools.metrics import DESCRIPTION as METRICS
from gadfly.tools.metrics import MetricName
from gadfly.tools.reach import LocalPath, PlainText

_BEHAVIOUR_EXAMPLE = "--behaviour indirect-object --n 32"


class PatchArgs(ExperimentArgs):
    """Arguments of ``patch``. Prompts come from exactly one of behaviour, clean/corrupt, pairs, pairs_file."""

    behaviour: PlainText | None = Field(
        default=None,
        description="a behaviour of the demo model, such as indirect-object or capital-of",
    )
    n: int = Field(default=24, ge=1, le=512, description="how many pairs of the behaviour")
    clean: str | None = Field(default=None, description="one pair: the prompt with the answer")
    corrupt: str | None = Field(default=None, description="one pair: the same with another answer")
    answer: str | None = Field(default=None, description="one pair: the token after clean")
    wrong: str | None = Field(default=None, description="one pair: the token after corrupt")
    pairs: list[dict[str, object]] | None = Field(
        default=None,
        description="several pairs, each with clean, corrupt, answer, wrong and perhaps spans",
    )
    pairs_file: LocalPath | None = Field(
        default=None, description="the same as JSON lines in a file"
    )
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
    through: list[PlainText] | None = Field(
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
    layers: list[int] | None = Field(default=None, description="only these layers, from 0")
    max_rows: int = Field(
        default=512, ge=2, le=65536, description="rows of the batch in one forward; bounds memory"
    )

    @model_validator(mode="after")
    def _one_origin(self) -> PatchArgs:
        single = [self.clean, self.corrupt, self.answer, self.wrong]
        given = {
            "behaviour": self.behaviour is not None,
            "clean": any(part is not None for part in single),
            "pairs": self.pairs is not None,
            "pairs_file": self.pairs_file is not None,
        }
        named = [name for name, there in given.items() if there]
        if len(named) != 1:
            got = f", got {' and '.join(named)}" if named else ""
            raise ValueError(
                f"give the prompts once{got}: behaviour; or clean, corrupt, answer and wrong; "
                "or pairs; or pairs_file"
            )
        if self.through and (
            self.site not in ("attention", "mlp", "head") or self.method != "exact"
        ):
            raise ValueError("through needs site attention, mlp or head, and method exact")
        if given["clean"] and any(part is None for part in single):
            raise ValueError("one pair needs all of clean, corrupt, answer and wrong")
        return self


class PatchResult(Result):
    """A patching experiment. ``values`` names the mediating cell and its effects; see ``report``."""


@tool(
    name="patch",
    cost="seconds on the demo model; grows with layers x positions x pairs x model size",
    needs_model=True,
    extra="interp",
    examples=(
        _BEHAVIOUR_EXAMPLE,
        "--behaviour induction --site head",
        "--behaviour induction --site head --through logits",
        "--behaviour capital-of --site attention --direction denoising",
        '--clean "the capital of france is" --corrupt "the capital of japan is" --answer paris --wrong tokyo',
        "--model ./checkpoint --pairs-file pairs.jsonl --json",
    ),
)
def patch(args: PatchArgs, context: Context) -> PatchResult:
    """Localise a behaviour by activation patching: replace one activation at a time between clean and corrupt runs,
    at every layer and position, and measure how much of the answer moves. Give the prompts as a behaviour of the
    demo model, as one pair, or as pairs. Comes with a placebo donor, an exact self-patch, intervals over pairs
    and a verdict on whether one place carries the behaviour.

    Every cell is exact. See ``engine`` for how many cells share one forward, ``verdict`` for the rules.

    Raises:
        ToolInputError: pairs whose lengths differ, answers of several tokens, an unknown behaviour or layer.
        ModelError: the model cannot be loaded or fails its self-check.
    """
    from gadfly.tools.patching.report import run

    return run(args, context)
