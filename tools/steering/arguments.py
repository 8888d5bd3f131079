"""The arguments and the result of ``steer``."""

from __future__ import annotations

import math
from typing import Literal

from pydantic import Field, model_validator

from gadfly.tools.contract import Result
from gadfly.tools.reach import LocalPath, VectorName
from gadfly.tools.records import Data, DataArgs, MaxRows, data_field

LARGEST_DOSE = 100.0


class SteerArgs(DataArgs):
    """Arguments of ``steer``. ``data`` hold contrast pairs, unless there is a ``vector``, and the prompts to steer; a
    task gives both, and only prompts where there are other contrast pairs or a vector."""

    OLD = (("positive", "negative", "contrast_file"), ("behaviour", "prompts", "prompts_file"))

    data: Data = data_field(
        "prompt (or messages) and perhaps answer and wrong, to become likelier and less likely; others positive "
        "and negative (text or messages), with and without a property",
        8,
        "sentiment",
    )
    n: int = Field(default=24, ge=1, le=2048, description="prompts of a task")
    n_contrast: int = Field(default=48, ge=1, le=4096, description="contrast pairs of a task")
    vector: VectorName | None = Field(
        default=None, description="a safetensors file, or the id of a run that wrote one"
    )
    layer: int | None = Field(
        default=None, ge=0, description="after this layer, from 0; else the vector's, or the middle"
    )
    position: str = Field(
        default="last", description="where contrast texts are read: last, mean, or -2, -3, ..."
    )
    positions: Literal["all", "last", "generated"] = Field(
        default="all",
        description="where it is added: every token; the prompt's last and new ones; new ones",
    )
    towards: list[str] | None = Field(
        default=None, description="tokens to make likelier, for prompts without an answer"
    )
    away: list[str] | None = Field(
        default=None, description="tokens to make less likely, for prompts without wrong"
    )
    words: list[str] | None = Field(
        default=None, description="words to look for in generations, not tokens"
    )
    metric: Literal["auto", "logit_difference", "probability", "words"] = Field(
        default="auto", description="auto: words, else logit difference with away, else probability"
    )
    doses: list[float] | None = Field(
        default=None,
        description="in median residual norms; else up to where neutral perplexity doubles",
    )
    controls: int = Field(
        default=100, ge=19, le=2000, description="most directions of each kind; p = 0.05 takes 19"
    )
    instruction: str | None = Field(
        default=None, min_length=1, description="prompt baseline: written before each prompt"
    )
    neutral: list[str] | None = Field(
        default=None, description="texts for side effects; else a packaged set"
    )
    neutral_file: LocalPath | None = Field(default=None, description="a file of them, one a line")
    max_tokens: int = Field(default=16, ge=1, le=1024, description="new tokens of each generation")
    temperature: float = Field(
        default=0.0, ge=0, le=10, description="0: the likeliest token; else seeded sampling"
    )
    max_rows: MaxRows = 512

    @model_validator(mode="after")
    def _fitting(self) -> SteerArgs:
        if self.task is not None and (self.towards or self.away):
            raise ValueError("a task has its own targets; give towards and away with prompts only")
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
        """The doses given, without 0, which is the unsteered run and always there; none where they are to be found."""
        return sorted({round(dose, 9) for dose in self.doses or []} - {0.0})


class SteerResult(Result):
    """A steering experiment. ``direction`` is the vector file; ``generations`` a few continuations, new text only;
    ``generations_file`` holds those of every dose."""

    direction: str = ""
    generations_file: str = ""
    generations: list[dict[str, str | float]] = Field(default=[])
