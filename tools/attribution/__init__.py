"""Direct logit attribution: what every component adds to the answer's logit, in parts that sum to it.

- ``arguments``  what it takes and returns
- ``parts``     the residual stream as a sum of components, and each one's share of a logit
- ``analysis``  one experiment: contributions, unrelated token pairs, the component that is reported
- ``verdict``   when it supports a claim
- ``report``    headline, table, figure, artifacts, the stand-alone repeat
"""

from __future__ import annotations

from gadfly.tools.attribution.arguments import AttributeArgs, AttributeResult
from gadfly.tools.contract import Context, tool


@tool(
    name="attribute",
    cost="seconds on the demo model; one forward over the prompts",
    extra="interp",
    examples=(
        "--data task:indirect-object --n 32",
        '--data \'{"prompt": "the capital of france is", "answer": "paris", "wrong": "rome"}\'',
        "--model ./checkpoint --data prompts.jsonl --by sublayer --json",
    ),
)
def attribute(args: AttributeArgs, context: Context) -> AttributeResult:
    """Direct logit attribution: split the answer's logit (or its difference to a wrong answer) into what the embedding,
    every attention head, every MLP and the biases write to it directly, beside what the same components write to
    unrelated answers. The parts sum to the model's own logit, with the final norm's scale held.

    Direct effects only: a component may act through later ones, which only ``patch`` or ``ablate`` shows.
    Elhage et al. (2021); Wang et al. (2023), arXiv:2211.00593.

    Raises:
        ToolInputError: no prompts, an answer of several tokens, or some prompts with a wrong answer and some without.
        ModelError: the model cannot be loaded, or its blocks are no sum of attention and MLP.
    """
    from gadfly.tools.attribution.report import run

    return run(args, context)
