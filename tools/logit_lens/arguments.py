"""The arguments and the result of ``lens``."""

from __future__ import annotations

from pydantic import Field

from gadfly.tools.answered import AnsweredArgs
from gadfly.tools.contract import Result


class LensArgs(AnsweredArgs):
    """Arguments of ``lens``. A single prompt without an answer is read at every position: its next tokens."""

    max_tokens: int = Field(
        default=8192, ge=64, le=1_000_000, description="tokens in one forward; bounds memory"
    )


class LensResult(Result):
    """A logit-lens experiment. ``grid`` is the file with every layer and position of the first prompt."""

    grid: str = ""
