"""Steering: a vector added to the residual stream at every decoding step, with controls, side effects and a verdict.

- ``task``      prompts, targets, contrast pairs
- ``source``    the vector, and the directions it is compared with
- ``engine``    rows with a vector each, at every step under the key/value cache
- ``neutral``   what it does to unrelated text
- ``analysis``  one experiment: doses x directions x prompts
- ``verdict``   when it supports a claim
- ``report``    headline, table, figure, the direction as an artifact; ``script`` writes the stand-alone repeat
"""

from __future__ import annotations

import math
from typing import Literal

from pydantic import Field, model_validator

from gadfly.tools.contract import Context, ExperimentArgs, Result, tool
from gadfly.tools.reach import LocalPath, PlainText, VectorName

LARGEST_DOSE = 100.0
DOSES = 7


class SteerArgs(ExperimentArgs):
    """Arguments of ``steer``. The vector comes from one of vector, positive and negative, contrast_file, or the
    behaviour; the prompts from one of behaviour, prompts, prompts_file."""

    behaviour: PlainText | None = Field(
        default=None,
        description="labelled prompts of the demo model, such as sentiment: gives prompts, targets and contrast pairs",
    )
    n: int = Field(default=24, ge=1, le=2048, description="how many prompts of the behaviour")
    n_contrast: int = Field(
        default=48, ge=1, le=4096, description="how many contrast pairs of the behaviour"
    )
    positive: list[str] | None = Field(default=None, description="texts with the property")
    negative: list[str] | None = Field(
        default=None, description="texts without, equally many: the i-th of each are a pair"
    )
    contrast_file: LocalPath | None = Field(
        default=None, description='JSON lines with "positive" and "negative"'
    )
    vector: VectorName | None = Field(
        default=None, description="a vector file (safetensors), or the id of a run that wrote one"
    )
    layer: int | None = Field(
        default=None, ge=0, description="after this layer, from 0; else the vector's, or the middle"
    )
    position: str = Field(
        default="last",
        description="where contrast texts are read: last, mean, or -2, -3, ... from the end",
    )
    positions: Literal["all", "last", "generated"] = Field(
        default="all",
        description="where the vector is added: every token; the prompt's last and every new one; new ones only",
    )
    prompts: list[str] | None = Field(default=None, description="prompts to steer")
    prompts_file: LocalPath | None = Field(
        default=None, description='JSON lines with "prompt" and perhaps "towards" and "away"'
    )
    towards: list[str] | None = Field(
        default=None, description="tokens after the prompt that steering should make likelier"
    )
    away: list[str] | None = Field(default=None, description="tokens to compare them with")
    words: list[str] | None = Field(
        default=None, description="words to look for in what is generated, instead of tokens"
    )
    metric: Literal["auto", "logit_difference", "probability", "words"] = Field(
        default="auto",
        description="auto: words where given, else logit difference where away is given, else probability",
    )
    doses: list[float] | None = Field(
        default=None, description="in units of the mean residual norm; default: 7 from -1 to 1"
    )
    controls: int = Field(
        default=20, ge=19, le=2000,
        description="random directions of each kind; fewer than 19 could never reach p = 0.05",
    )  # fmt: skip
    instruction: str | None = Field(
        default=None, min_length=1, description="prompt baseline: written before each prompt"
    )
    neutral: list[str] | None = Field(
        default=None, description="neutral texts for side effects; else a packaged set"
    )
    neutral_file: LocalPath | None = Field(
        default=None, description="the same, one text a line of a file"
    )
    max_tokens: int = Field(default=16, ge=1, le=1024, description="new tokens of each generation")
    temperature: float = Field(
        default=0.0, ge=0, le=10, description="0: always the likeliest token; else sampling, seeded"
    )
    max_rows: int = Field(
        default=512, ge=1, le=65536, description="rows of the batch in one forward; bounds memory"
    )

    @model_validator(mode="after")
    def _one_origin(self) -> SteerArgs:
        pairs = self.positive is not None or self.negative is not None
        if pairs and (self.positive is None or self.negative is None):
            raise ValueError("contrast pairs need both positive and negative")
        vectors = [self.vector is not None, pairs, self.contrast_file is not None]
        if sum(vectors) > 1:
            raise ValueError("give one vector: vector, positive and negative, or contrast_file")
        if not any(vectors) and self.behaviour is None:
            raise ValueError(
                "give a vector: behaviour, vector, positive and negative, or contrast_file"
            )
        prompts = [self.behaviour, self.prompts or None, self.prompts_file]
        if sum(each is not None for each in prompts) != 1:
            raise ValueError("give the prompts once: behaviour, prompts or prompts_file")
        if self.behaviour is not None and (self.towards or self.away):
            raise ValueError(
                "a behaviour has its own targets; give towards and away with prompts only"
            )
        if self.neutral is not None and self.neutral_file is not None:
            raise ValueError("give neutral or neutral_file, not both")
        return self

    @model_validator(mode="after")
    def _sensible_doses(self) -> SteerArgs:
        for dose in self.doses or []:
            if not math.isfinite(dose) or abs(dose) > LARGEST_DOSE:
                raise ValueError(
                    f"dose {dose} is not between -{LARGEST_DOSE:g} and {LARGEST_DOSE:g}"
                )
        if self.doses is not None and not any(dose > 0 for dose in self.doses):
            raise ValueError("doses must hold one above 0: the claim is about adding the vector")
        return self

    @property
    def steps(self) -> list[float]:
        """The doses to run: without 0, which is the unsteered run and always there."""
        wanted = self.doses
        if wanted is None:
            wanted = [-1 + 2 * i / (DOSES - 1) for i in range(DOSES)]
        return sorted({round(dose, 9) for dose in wanted} - {0.0})


class SteerResult(Result):
    """A steering experiment. ``direction`` is the vector file; ``generations`` a few continuations, new text only."""

    direction: str = ""
    generations: list[dict[str, str | float]] = Field(default=[])


@tool(
    name="steer",
    cost="seconds on the demo model; grows with doses x directions x prompts x model size",
    needs_model=True,
    extra="interp",
    examples=(
        "--behaviour sentiment --layer 3",
        "--behaviour truth --vector r0123abcd --doses -0.4,-0.2,0.2,0.4",
        "--model ./checkpoint --contrast-file pairs.jsonl --prompts-file prompts.jsonl --words happy,glad",
    ),
)
def steer(args: SteerArgs, context: Context) -> SteerResult:
    """Test whether adding a vector to the residual stream moves a behaviour: a dose-response from contrast pairs, a
    probe's run or a vector file, at every decoding step, beside norm-matched random and in-distribution directions and
    (if given) an instruction; with KL and perplexity on neutral text, repetition and generations. Writes the direction.

    The effect is read at the largest dose that neutral text survives. See ``verdict`` for the rules.

    Raises:
        ToolInputError: an unknown behaviour or layer, a vector of another size, targets of several tokens.
        ModelError: the model cannot be loaded or fails its self-check.
    """
    from gadfly.tools.steering.report import run

    return run(args, context)
