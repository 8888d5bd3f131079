"""Linear probes at every layer, with controls and a verdict.

- ``arguments``  what it takes and returns
- ``data``      labelled texts: read, grouped, split
- ``fit``       all layers and strengths at once
- ``analysis``  one experiment: chosen on validation, read once on test
- ``controls``  words, length, embeddings, random weights, the majority
- ``verdict``   when it supports a claim
- ``report``    headline, table, figure, the direction as an artifact, the stand-alone repeat
"""

from __future__ import annotations

from gadfly.tools.contract import Context, tool
from gadfly.tools.probing.arguments import ProbeArgs, ProbeResult


@tool(
    name="probe",
    cost="seconds on the demo model; one forward over the texts, and one more with random weights",
    extra="interp",
    examples=(
        "--data task:truth --n 300",
        "--data statements.jsonl --position mean --method difference",
        "--model ./checkpoint --data statements.jsonl --json",
    ),
)
def probe(args: ProbeArgs, context: Context) -> ProbeResult:
    """Test whether a model's activations hold a two-way label: linear probes at every layer, split by groups, chosen on
    validation and read once on test, beside a bag of words, length, embeddings, random weights and shuffled labels.
    Writes the probe's direction for steer and ablate.

    Decodable is not used: a probe shows that information is there, not that the model reads it.

    Raises:
        ToolInputError: one label or more than two, too few groups, an unknown task or position.
        ModelError: the model cannot be loaded or fails its self-check.
    """
    from gadfly.tools.probing.report import run

    return run(args, context)
