"""The logit lens: what each layer's residual stream would predict if the model ended there.

- ``reading``   residuals of every layer, and what the readout makes of them
- ``analysis``  one experiment: targets, control targets, shuffled text, the layer that is reported
- ``verdict``   when it supports a claim
- ``report``    headline, table, figures, artifacts; ``script`` writes the stand-alone repeat
"""

from __future__ import annotations

from pydantic import Field

from gadfly.tools.answered import AnsweredArgs
from gadfly.tools.contract import Context, Result, tool


class LensArgs(AnsweredArgs):
    """Arguments of ``lens``. A single prompt without an answer is read at every position: its next tokens."""

    max_tokens: int = Field(
        default=8192, ge=64, le=1_000_000, description="tokens in one forward; bounds memory"
    )


class LensResult(Result):
    """A logit-lens experiment. ``grid`` is the file with every layer and position of the first prompt."""

    grid: str = ""


@tool(
    name="lens",
    cost="seconds on the demo model; one forward over the prompts and four over their shuffled copies",
    needs_model=True,
    extra="interp",
    examples=(
        "--behaviour capital-of --n 32",
        '--prompt "the capital of france is" --answer paris',
        '--prompt "the keys to the cabinet are old and the king saw the old keys"',
        "--model ./checkpoint --prompts-file prompts.jsonl --json",
    ),
)
def lens(args: LensArgs, context: Context) -> LensResult:
    """Logit lens: at which layer the residual stream already reads as the answer, by rank and probability at all
    layers (and positions, for the first prompt), beside other targets and beside the same words shuffled.
    Says after which layer the target is on top, with intervals and a verdict.

    nostalgebraist (2020). A target that can be read off is not thereby what the model uses, and a target that cannot
    be read off may still be there in another basis: the lens assumes the last layer's.

    Raises:
        ToolInputError: no prompts, or an answer of several tokens.
        ModelError: the model cannot be loaded, fails its self-check, or its readout cannot be applied elsewhere.
    """
    from gadfly.tools.logit_lens.report import run

    return run(args, context)
