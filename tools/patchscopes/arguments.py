"""The arguments and the result of ``patchscope``."""

from __future__ import annotations

from pydantic import Field, model_validator

from gadfly.tools.answered import AnsweredArgs
from gadfly.tools.contract import Result
from gadfly.tools.records import MaxRows

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
    max_rows: MaxRows = 512

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
