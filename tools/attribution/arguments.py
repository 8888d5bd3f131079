"""The arguments and the result of ``attribute``."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from gadfly.tools.answered import AnsweredArgs
from gadfly.tools.contract import Result
from gadfly.tools.records import MaxTokens


class AttributeArgs(AnsweredArgs):
    """Arguments of ``attribute``. With ``wrong`` the logit difference is attributed, without it the logit."""

    by: Literal["head", "sublayer"] = Field(
        default="head", description="attention by heads, or a layer's attention as one component"
    )
    page: int = Field(default=1, ge=1, description="page of the table, 30 components each")
    max_tokens: MaxTokens = 8192


class AttributeResult(Result):
    """A direct logit attribution. ``parts`` is the file with every component and prompt."""

    parts: str = ""
