"""The arguments and the result of ``sae``."""

from __future__ import annotations

from pydantic import Field

from gadfly.tools.contract import Result
from gadfly.tools.reach import AutoencoderName
from gadfly.tools.records import Data, DataArgs, MaxTokens, data_field


class SaeArgs(DataArgs):
    """Arguments of ``sae``."""

    OLD = (("behaviour", "texts", "texts_file"),)

    data: Data = data_field("text (or messages)", 8, "capital-of")
    n: int = Field(default=64, ge=1, le=4096, description="how many prompts of a task")
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
    features: list[int] | None = Field(
        default=None,
        description="features to show; without it those that carry most on these texts",
    )
    page: int = Field(default=1, ge=1, description="page of the table, 20 features each")
    max_tokens: MaxTokens = 4096


class SaeResult(Result):
    """An autoencoder on a model. ``activations`` is the file with every active feature of every token;
    ``directions`` are vector files of the asked features, for ``steer`` and ``ablate``."""

    activations: str = ""
    directions: list[str] = Field(default=[])
