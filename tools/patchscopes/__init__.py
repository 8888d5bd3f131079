"""Patchscopes: what a hidden state says when another prompt reads it.

- ``target``    the reading prompt, and the place in it where states are put
- ``analysis``  one experiment: every layer's state of every prompt, its controls, the layer that is reported
- ``verdict``   when it supports a claim
- ``report``    headline, table, figure; ``script`` writes the stand-alone repeat
"""

from __future__ import annotations

from pydantic import Field, model_validator

from gadfly.tools.answered import AnsweredArgs
from gadfly.tools.contract import Context, Result, tool

IDENTITY = "cat -> cat ; 1135 -> 1135 ; hello -> hello ; {} ->"


class PatchscopeArgs(AnsweredArgs):
    """Arguments of ``patchscope``."""

    target: str = Field(
        default=IDENTITY,
        description="the prompt that reads the state, which is put at {}; default: one that repeats what it reads",
    )
    position: str = Field(
        default="last", description="which token's state: last, or -2, -3, ... from the end"
    )
    into: int | None = Field(
        default=None,
        ge=0,
        description="put it after this layer; default: after the layer it is from",
    )
    max_rows: int = Field(
        default=512, ge=1, le=65536, description="rows of the batch in one forward; bounds memory"
    )

    @model_validator(mode="after")
    def _readable(self) -> PatchscopeArgs:
        if self.target.count("{}") != 1:
            raise ValueError(f"target needs {{}} once, where the state is put; got {self.target!r}")
        if self.position != "last" and not (
            self.position.startswith("-") and self.position[1:].isdigit() and self.position != "-0"
        ):
            raise ValueError(
                f"position is last, or -2, -3, ... from the end; got {self.position!r}"
            )
        return self

    @property
    def back(self) -> int:
        """The position as a negative index."""
        return -1 if self.position == "last" else int(self.position)


class PatchscopeResult(Result):
    """A patchscope experiment. See ``report`` for the names in ``values``."""


@tool(
    name="patchscope",
    cost="seconds on the demo model; two forwards over layers x prompts rows",
    needs_model=True,
    extra="interp",
    examples=(
        '--behaviour capital-of --position -2 --target "the capital of {} is"',
        "--model ./checkpoint --prompts-file prompts.jsonl --position -2 --json",
    ),
)
def patchscope(args: PatchscopeArgs, context: Context) -> PatchscopeResult:
    """Read hidden states with another prompt (Patchscopes). Each layer's state of each prompt is put into a target
    prompt, which is run on; does it then say the prompt's answer, more than other answers, than after the states of
    other prompts, and than without any state?

    Ghandeharioun et al. (2024), arXiv:2401.06102. The target prompt computes too: what comes out is what it can make of
    the state, not what the source prompt made of it.

    Raises:
        ToolInputError: no {} in the target, a prompt shorter than the position asked for, no such layer.
        ModelError: the model cannot be loaded or fails its self-check.
    """
    from gadfly.tools.patchscopes.report import run

    return run(args, context)
