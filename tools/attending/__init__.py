"""Attention patterns, and which heads attend to the previous token, to a duplicate, or where induction needs it.

- ``patterns``  probabilities of every head, from the eager implementation
- ``heads``     scores of every head on repeated random sequences, beside sequences that do not repeat
- ``verdict``   when a head counts as one of a kind
- ``report``    headline, table, figures, artifacts; ``script`` writes the stand-alone repeat
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from gadfly.tools.contract import Context, ExperimentArgs, Result, tool


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
    max_tokens: int = Field(
        default=8192, ge=64, le=1_000_000, description="tokens in one forward; bounds memory"
    )


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


@tool(
    name="attention",
    cost="seconds on the demo model; two forwards over short random sequences",
    needs_model=True,
    extra="interp",
    examples=(
        "--kind induction",
        '--prompt "when mary and john went to the shop , mary gave a book to" --layer 3',
        "--model ./checkpoint --sequences 64 --length 32 --json",
    ),
)
def attention(args: AttentionArgs, context: Context) -> AttentionResult:
    """Score attention heads, and show their patterns. Every head is scored for attending to the previous token, to an
    earlier copy of the token (duplicate) and to what followed that copy (induction), on random sequences beside
    sequences that do not repeat, with intervals, false discovery rate over heads and a verdict. Give a prompt to see
    its patterns.

    Patterns are [destination, source]: a row says where that position looks. Olsson et al. (2022), arXiv:2209.11895.
    A pattern shows where a head looks, not what it moves or whether anything depends on it.

    Raises:
        ToolInputError: no such layer or head, or sequences longer than the model takes.
        ModelError: the model cannot be loaded, or shows no attention probabilities.
    """
    from gadfly.tools.attending.report import run

    return run(args, context)
