"""Can the tools be trusted here? Each is run on noise and on a truth planted by construction.

- ``noise``   input that means nothing, for any model
- ``dictionaries``  autoencoders that are wrong, and right, by construction
- ``cases``   what each tool is held to
- ``report``  running them, and what follows
"""

from __future__ import annotations

from pydantic import Field

from gadfly.tools.contract import Context, ExperimentArgs, Result, tool


class SelftestArgs(ExperimentArgs):
    """Arguments of ``selftest``."""

    runs: int = Field(default=20, ge=1, le=1000, description="runs on noise of each tool")
    tools: list[str] | None = Field(default=None, description="only these tools")


class SelftestResult(Result):
    """A self-test. ``values`` hold each tool's false-positive rate with its interval, and what it recovered."""


@tool(
    name="selftest",
    cost="a minute on the demo model; each tool runs many times",
    needs_model=True,
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
