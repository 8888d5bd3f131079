"""Steering: a vector added to the residual stream at every decoding step, with controls, side effects and a verdict.

- ``arguments``  what it takes and returns
- ``task``      prompts, targets, contrast pairs
- ``source``    the vector, and the directions it is compared with
- ``engine``    rows with a vector each, at every step under the key/value cache
- ``neutral``   what it does to unrelated text
- ``analysis``  one experiment: doses x directions x prompts
- ``verdict``   when it supports a claim
- ``report``    headline, table, figure, the direction as an artifact, the stand-alone repeat
"""

from __future__ import annotations

from gadfly.tools.contract import Context, tool
from gadfly.tools.steering.arguments import SteerArgs, SteerResult


@tool(
    name="steer",
    cost="seconds on the demo model; grows with doses x directions x prompts x model size",
    extra="interp",
    examples=(
        "--data task:sentiment --layer 3",
        "--data task:truth --vector r0123abcd --doses -0.4,-0.2,0.2,0.4",
        "--model ./checkpoint --data records.jsonl --words happy --words glad",
    ),
)
def steer(args: SteerArgs, context: Context) -> SteerResult:
    """Test whether adding a vector to the residual stream moves a behaviour: a dose-response from contrast pairs, a
    probe's run or a vector file, at every decoding step, beside norm-matched random and in-distribution directions and
    an instruction; with KL and perplexity on neutral text and generations. Writes the direction.

    The effect is read at the largest dose that is mild on neutral text. See ``verdict`` for the rules.

    Raises:
        ToolInputError: an unknown task or layer, a vector of another size, targets of several tokens.
        ModelError: the model cannot be loaded or fails its self-check.
    """
    from gadfly.tools.steering.report import run

    return run(args, context)
