"""Can the tools be trusted here? Each is run on noise and on a truth planted by construction.

- ``arguments``  what it takes and returns
- ``noise``   input that means nothing, for any model
- ``dictionaries``  autoencoders that are wrong, and right, by construction
- ``cases``   what each tool is held to
- ``report``  running them, and what follows
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
    """Hold the tools themselves to the truth on this model: on noise (random prompts, random labels) how often each
    says 'supported', with an interval; and on a tiny model whose mechanism was written by hand, whether each finds it.

    Raises:
        ToolInputError: an unknown tool name.
        ModelError: the model cannot be loaded or fails its self-check.
    """
    from gadfly.tools.selftesting.report import run

    return run(args, context)
