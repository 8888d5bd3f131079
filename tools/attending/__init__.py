"""Attention patterns, and which heads attend to the previous token, to a duplicate, or where induction needs it.

- ``arguments``  what it takes and returns
- ``patterns``  probabilities of every head, from the eager implementation
- ``heads``     scores of every head on repeated random sequences, beside sequences that do not repeat
- ``verdict``   when a head counts as one of a kind
- ``report``    headline, table, figures, artifacts, the stand-alone repeat
"""

from __future__ import annotations

from gadfly.tools.attending.arguments import AttentionArgs, AttentionResult
from gadfly.tools.contract import Context, tool


@tool(
    name="attention",
    cost="seconds on the demo model; two forwards over short random sequences",
    extra="interp",
    examples=(
        "--kind induction",
        '--prompt "when mary and john went to the shop , mary gave a book to" --layer 3',
        "--model ./checkpoint --sequences 64 --length 32 --json",
    ),
)
def attention(args: AttentionArgs, context: Context) -> AttentionResult:
    """Score attention heads, and show their patterns. Every head is scored for attending to the previous token, to an
    earlier copy of the token (duplicate) and to what followed that copy (induction), on random sequences beside
    sequences that do not repeat, with intervals, p-values over all heads and a verdict. Give a prompt to see
    its patterns.

    Patterns are [destination, source]: a row says where that position looks. Olsson et al. (2022), arXiv:2209.11895.
    A pattern shows where a head looks, not what it moves or whether anything depends on it.

    Raises:
        ToolInputError: no such layer or head, or sequences longer than the model takes.
        ModelError: the model cannot be loaded, or shows no attention probabilities.
    """
    from gadfly.tools.attending.report import run

    return run(args, context)
