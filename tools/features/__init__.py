"""Sparse autoencoders and transcoders in SAELens' format, read without SAELens, measured on a model.

- ``formats``      a folder, file or hub path: configuration and weights, old and new layouts
- ``autoencoder``  encoding and decoding, by architecture
- ``places``       which module a hook name means, reading and replacing what passes there
- ``analysis``     one experiment: reconstruction, sparsity, loss when spliced in, controls, features on the texts
- ``verdict``      when it supports a claim
- ``report``       headline, table, artifacts; ``script`` writes the stand-alone repeat
"""

from __future__ import annotations

from pydantic import Field, model_validator

from gadfly.tools.contract import Context, ExperimentArgs, Result, tool
from gadfly.tools.reach import AutoencoderName, LocalPath, PlainText


class SaeArgs(ExperimentArgs):
    """Arguments of ``sae``. Texts come from exactly one of behaviour, texts, texts_file."""

    sae: AutoencoderName = Field(
        min_length=1,
        description="a folder with cfg.json and safetensors weights, such a file, or OWNER/REPO/FOLDER on the hub",
    )
    hook: str | None = Field(
        default=None,
        description="where it reads, if its configuration does not say: blocks.3.hook_resid_post",
    )
    hook_out: str | None = Field(
        default=None, description="where a transcoder writes, if its configuration does not say"
    )
    behaviour: PlainText | None = Field(
        default=None, description="prompts of a behaviour of the demo model"
    )
    n: int = Field(default=64, ge=1, le=4096, description="how many prompts of the behaviour")
    texts: list[str] | None = Field(default=None, description="the texts themselves")
    texts_file: LocalPath | None = Field(
        default=None, description='a file with one text a line, or JSON lines with "text"'
    )
    features: list[int] | None = Field(
        default=None,
        description="features to show; without it those that carry most on these texts",
    )
    page: int = Field(default=1, ge=1, description="page of the table, 20 features each")
    max_tokens: int = Field(
        default=4096, ge=64, le=1_000_000, description="tokens in one forward; bounds memory"
    )

    @model_validator(mode="after")
    def _one_origin(self) -> SaeArgs:
        given = {"behaviour": self.behaviour, "texts": self.texts, "texts_file": self.texts_file}
        named = [name for name, value in given.items() if value is not None]
        if len(named) != 1:
            got = f", got {' and '.join(named)}" if named else ""
            raise ValueError(f"give the texts once{got}: behaviour, texts or texts_file")
        return self


class SaeResult(Result):
    """An autoencoder on a model. ``activations`` is the file with every active feature of every token;
    ``directions`` are vector files of the asked features, for ``steer`` and ``ablate``."""

    activations: str = ""
    directions: list[str] = Field(default=[])


@tool(
    name="sae",
    cost="seconds on the demo model; six forwards over the texts",
    needs_model=True,
    extra="interp",
    examples=(
        "--sae ./my_sae --behaviour capital-of",
        "--sae ./my_sae --texts-file texts.txt --features 12,805",
        "--model google/gemma-2-2b --sae OWNER/REPO/FOLDER --texts-file texts.txt --json",
    ),
)
def sae(args: SaeArgs, context: Context) -> SaeResult:
    """Sparse autoencoder or transcoder (SAELens format, safetensors) on a model: how well it reconstructs (fraction of
    variance unexplained), how sparse it is, what the model loses when it is spliced in, beside the mean activation,
    zero and the same dictionary turned at random; and which features are active on the given texts.

    Top examples describe a feature on these texts and test nothing; beginning-of-sequence tokens are left out.

    Raises:
        ToolInputError: a pickle, an unknown architecture or hook, or weights that do not fit the model.
        ModelError: the model cannot be loaded or fails its self-check.
    """
    from gadfly.tools.features.report import run

    return run(args, context)
