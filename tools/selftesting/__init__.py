"""Can the tools be trusted here? Each is run on noise and on a truth planted by construction.

- ``arguments``  what it takes and returns
- ``noise``, ``real``   words and texts that mean nothing, and real ones whose question has no answer
- ``nulls``   input on which no tool may say ``supported``
- ``directions``, ``planting``, ``plants``   truths written into the model that is tested
- ``dictionaries``  autoencoders that are wrong, and right, by construction
- ``cases``   what each tool must find on the hand-written model
- ``report``, ``verdict``  running them, and what follows
"""

from __future__ import annotations

from gadfly.tools.contract import Context, tool
from gadfly.tools.selftesting.arguments import SelftestArgs, SelftestResult


@tool(
    name="selftest",
    cost="a minute on the demo model; each tool runs many times",
    extra="interp",
    examples=("--runs 20", "--model Qwen/Qwen3-0.6B --tools probe,patch"),
)
def selftest(args: SelftestArgs, context: Context) -> SelftestResult:
    """Hold the tools to the truth on this model: on noise (random words, exchanged answers) how often each says
    'supported', with an interval; and whether each finds what is planted in it.

    Raises:
        ToolInputError: an unknown tool name.
        ModelError: the model cannot be loaded or fails its self-check.
    """
    from gadfly.tools.selftesting.report import run

    return run(args, context)
