"""Patchscopes: what a hidden state says when another prompt reads it.

- ``arguments``  what it takes and returns
- ``target``    the reading prompt, and the place in it where states are put
- ``analysis``  one experiment: every layer's state of every prompt, its controls, the layer that is reported
- ``verdict``   when it supports a claim
- ``report``    headline, table, figure, the stand-alone repeat
"""

from __future__ import annotations

from gadfly.tools.contract import Context, tool
from gadfly.tools.patchscopes.arguments import PatchscopeArgs, PatchscopeResult


@tool(
    name="patchscope",
    cost="seconds on the demo model; two forwards over layers x prompts rows",
    extra="interp",
    examples=(
        '--data task:capital-of --position -2 --target "the capital of {} is"',
        "--model ./checkpoint --data prompts.jsonl --position -2 --json",
    ),
)
def patchscope(args: PatchscopeArgs, context: Context) -> PatchscopeResult:
    """Read hidden states with another prompt (Patchscopes). Each layer's state of each prompt is put into a target
    prompt, which is run on; does it then say the prompt's answer, more than other answers, than after states of other
    prompts, than without a state, and than the token itself brings out?

    Ghandeharioun et al. (2024), arXiv:2401.06102. The target prompt computes too: what comes out is what it can make of
    the state, not what the source prompt made of it.

    Raises:
        ToolInputError: no {} in the target, a prompt shorter than the position asked for, no such layer.
        ModelError: the model cannot be loaded or fails its self-check.
    """
    from gadfly.tools.patchscopes.report import run

    return run(args, context)
