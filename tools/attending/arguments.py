"""The arguments and the result of ``attention``."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from gadfly.tools.contract import ExperimentArgs, Result
from gadfly.tools.records import MaxTokens


class AttentionArgs(ExperimentArgs):
    """Arguments of ``attention``. Scores come from random sequences; a prompt adds its own patterns."""

    kind: Literal["all", "induction", "duplicate", "previous"] = Field(
        default="all", description="which kind of head the verdict is about"
    )
    sequences: int = Field(default=24, ge=2, le=512, description="random sequences of each sort")
    length: int = Field(
        default=16, ge=4, le=512, description="tokens of the random part, which then repeats"
    )
    prompt: str | None = Field(default=None, description="a text whose patterns are shown and kept")
    layer: int | None = Field(default=None, ge=0, description="show the patterns of this layer")
    head: int | None = Field(default=None, ge=0, description="show this head's pattern")
    page: int = Field(default=1, ge=1, description="page of the table, 30 heads each")
    max_tokens: MaxTokens = 8192


class Link(BaseModel):
    """One entry of a pattern: at ``destination`` the head looks at ``source`` with this probability."""

    layer: int
    head: int
    destination: str
    source: str
    probability: float


class AttentionResult(Result):
    """Head scores. ``links`` are the strongest entries of the shown patterns; ``patterns`` is the file with all."""

    links: list[Link] = Field(default=[])
    patterns: str = ""
