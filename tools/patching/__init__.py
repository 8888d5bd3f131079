"""Activation patching over layers and positions, with controls and a verdict.

- ``arguments``  what it takes and returns
- ``pairs``     clean/corrupt prompts: read, aligned, and the positions to patch
- ``sites``     residual stream, sublayers, heads, queries, keys, values: which module, which slice
- ``engine``    many cells in few exact forwards
- ``paths``     path patching: sender to receivers, the rest held still
- ``attribution``  estimates of every cell by gradients
- ``effects``   metric, normalisation, intervals
- ``analysis``  one experiment: runs, sweeps, placebo, self-patch, the mediating cell
- ``verdict``   when it supports a claim
- ``report``    headline, table, controls, artifacts, the stand-alone repeat
"""

from __future__ import annotations

from gadfly.tools.contract import Context, tool
from gadfly.tools.patching.arguments import PatchArgs, PatchResult


@tool(
    name="patch",
    cost="seconds on the demo model; grows with layers x positions x pairs x model size",
    extra="interp",
    examples=(
        "--data task:indirect-object --n 32",
        "--data task:induction --site head",
        "--data task:induction --site head --through logits",
        "--data task:capital-of --site attention --direction denoising",
        '--data \'{"clean": "the capital of france is", "corrupt": "the capital of japan is", "answer": "paris", '
        '"wrong": "tokyo"}\'',
        "--model ./checkpoint --data pairs.jsonl --json",
    ),
)
def patch(args: PatchArgs, context: Context) -> PatchResult:
    """Localise a behaviour by activation patching: replace one activation at a time between clean and corrupt runs,
    at every layer and position, and measure how much of the answer moves. Give the prompts as a behaviour of the
    demo model, as one pair, or as pairs. Comes with a placebo donor, an exact self-patch, intervals over pairs
    and a verdict on whether one place carries the behaviour.

    Every cell is exact. See ``engine`` for how many cells share one forward, ``verdict`` for the rules.

    Raises:
        ToolInputError: pairs whose lengths differ, answers of several tokens, an unknown task or layer.
        ModelError: the model cannot be loaded or fails its self-check.
    """
    from gadfly.tools.patching.report import run

    return run(args, context)
