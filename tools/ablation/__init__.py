"""Ablation: take out a component or a direction and see whether the behaviour needs it more than it needs others.

- ``arguments``  what it takes and returns
- ``components``  attention and MLP outputs, query heads: named, checked, and others of the same kind
- ``fill``        what stands in: zeros, a mean over reference prompts, another prompt's activation
- ``engine``      many ablations as rows of one batch
- ``controls``    directions to compare a direction with
- ``analysis``    one experiment; ``verdict``: when it supports a claim
- ``report``      headline, table, figure, the stand-alone repeat
"""

from __future__ import annotations

from gadfly.tools.ablation.arguments import AblateArgs, AblateResult
from gadfly.tools.contract import Context, tool


@tool(
    name="ablate",
    cost="seconds on the demo model; grows with controls x pairs x model size",
    extra="interp",
    examples=(
        "--data task:indirect-object --component head --heads 3.1",
        "--data task:capital-of --component mlp --layers 1 --how resample",
        "--data task:truth --component direction --vector r0123abcd",
    ),
)
def ablate(args: AblateArgs, context: Context) -> AblateResult:
    """Test whether a behaviour needs a component: zero, mean- or resample-ablate a query head, an attention or MLP
    output, or a direction of the residual stream (from a probe's or steer's run, or a file), beside random components
    or directions of the same kind and size.

    An ablation speaks of necessity here and now: what is not needed may still take part, and others may stand in.

    Raises:
        ToolInputError: an unknown layer, head or behaviour, a vector of another size, pairs that do not align.
        ModelError: the model cannot be loaded or fails its self-check.
    """
    from gadfly.tools.ablation.report import run

    return run(args, context)
