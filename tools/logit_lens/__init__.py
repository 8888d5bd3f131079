"""The logit lens: what each layer's residual stream would predict if the model ended there.

- ``arguments``  what it takes and returns
- ``reading``   residuals of every layer, and what the readout makes of them
- ``analysis``  one experiment: targets, control targets, shuffled text, the layer that is reported
- ``verdict``   when it supports a claim
- ``report``    headline, table, figures, artifacts, the stand-alone repeat
"""

from __future__ import annotations

from gadfly.tools.contract import Context, tool
from gadfly.tools.logit_lens.arguments import LensArgs, LensResult


@tool(
    name="lens",
    cost="seconds on the demo model; one forward over the prompts, and one unembedding a layer",
    extra="interp",
    examples=(
        "--data task:capital-of --n 32",
        '--data \'{"prompt": "the capital of france is", "answer": "paris"}\'',
        '--data \'{"prompt": "the keys to the cabinet are old and the king saw the old keys"}\'',
        "--model ./checkpoint --data prompts.jsonl --json",
    ),
)
def lens(args: LensArgs, context: Context) -> LensResult:
    """Logit lens: the first layer whose residual stream reads as the answer, by rank and probability at all
    layers (and positions, for the first prompt), beside other targets and the same words shuffled, with intervals and
    a verdict. The last layer is the model's own output and proves nothing.

    nostalgebraist (2020). A target that can be read off is not thereby what the model uses, and a target that cannot
    be read off may still be there in another basis: the lens assumes the last layer's.

    Raises:
        ToolInputError: no prompts, or an answer of several tokens.
        ModelError: the model cannot be loaded, fails its self-check, or its readout cannot be applied elsewhere.
    """
    from gadfly.tools.logit_lens.report import run

    return run(args, context)
