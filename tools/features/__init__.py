"""Sparse autoencoders and transcoders in SAELens' format, read without SAELens, measured on a model.

- ``arguments``  what it takes and returns
- ``formats``      a folder, file or hub path: configuration and weights, old and new layouts
- ``autoencoder``  encoding and decoding, by architecture
- ``places``       which module a hook name means, reading and replacing what passes there
- ``analysis``     one experiment: reconstruction, sparsity, loss when spliced in, controls, features on the texts
- ``verdict``      when it supports a claim
- ``report``       headline, table, artifacts, the stand-alone repeat
"""

from __future__ import annotations

from gadfly.tools.contract import Context, tool
from gadfly.tools.features.arguments import SaeArgs, SaeResult


@tool(
    name="sae",
    cost="seconds on the demo model; six forwards over the texts",
    extra="interp",
    examples=(
        "--sae ./my_sae --data task:capital-of",
        "--sae ./my_sae --data texts.txt --features 12,805",
        "--model google/gemma-2-2b --sae OWNER/REPO/FOLDER --data texts.txt --json",
    ),
)
def sae(args: SaeArgs, context: Context) -> SaeResult:
    """Sparse autoencoder or transcoder (SAELens format, safetensors) on a model: how well it reconstructs (fraction of
    variance unexplained), how sparse it is, what the model loses when it is spliced in, beside the mean activation,
    zero and the same dictionary turned at random; and which features are active on the given texts.

    Top examples describe a feature on these texts and test nothing; special and first tokens are left out.

    Raises:
        ToolInputError: a pickle, an unknown architecture or hook, or weights that do not fit the model.
        ModelError: the model cannot be loaded or fails its self-check.
    """
    from gadfly.tools.features.report import run

    return run(args, context)
