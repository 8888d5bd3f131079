"""The arguments and the result of ``lens``."""

from __future__ import annotations

from gadfly.tools.answered import AnsweredArgs
from gadfly.tools.contract import Result
from gadfly.tools.records import MaxTokens


class LensArgs(AnsweredArgs):
    """Arguments of ``lens``. A single prompt without an answer is read at every position: its next tokens."""

    max_tokens: MaxTokens = 8192


class LensResult(Result):
    """A logit-lens experiment. ``grid`` is the file with every layer and the last positions of the first prompt."""

    grid: str = ""
