"""Prompts with the token that should follow: from a behaviour of the demo model, one prompt, a list or a file.

Shared by the tools that read how a model arrives at an answer (``lens``, ``attribute``, ``patchscope``).
"""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, model_validator

from gadfly.errors import ToolInputError
from gadfly.tools.contract import ExperimentArgs
from gadfly.tools.reach import LocalPath, PlainText
from gadfly.tools.records import checked, read_records


class Answered(BaseModel):
    """A prompt, the one token that should follow, and perhaps one that should not."""

    model_config = ConfigDict(extra="forbid")

    prompt: str = Field(min_length=1)
    answer: str | None = None
    wrong: str | None = None


class AnsweredArgs(ExperimentArgs):
    """Prompts come from exactly one of behaviour, prompt, prompts, prompts_file."""

    behaviour: PlainText | None = Field(
        default=None, description="a behaviour of the demo model, such as capital-of or induction"
    )
    n: int = Field(default=32, ge=1, le=1024, description="how many prompts of the behaviour")
    prompt: str | None = Field(default=None, description="one prompt")
    answer: str | None = Field(default=None, description="one prompt: the token that follows")
    wrong: str | None = Field(default=None, description="one prompt: a token that does not follow")
    prompts: list[dict[str, str]] | None = Field(
        default=None, description='several, each with "prompt", "answer" and perhaps "wrong"'
    )
    prompts_file: LocalPath | None = Field(
        default=None, description="the same as JSON lines in a file"
    )

    @model_validator(mode="after")
    def _one_origin(self) -> AnsweredArgs:
        given = {
            "behaviour": self.behaviour, "prompt": self.prompt,
            "prompts": self.prompts, "prompts_file": self.prompts_file,
        }  # fmt: skip
        named = [name for name, value in given.items() if value is not None]
        if len(named) != 1:
            got = f", got {' and '.join(named)}" if named else ""
            raise ValueError(
                f"give the prompts once{got}: behaviour, prompt, prompts or prompts_file"
            )
        if self.prompt is None and (self.answer is not None or self.wrong is not None):
            raise ValueError("answer and wrong go with prompt; elsewhere each prompt has its own")
        return self

    def subject(self) -> str:
        """What a figure's title calls the prompts."""
        if self.behaviour is not None:
            return self.behaviour
        return Path(self.prompts_file).stem if self.prompts_file else "the given prompts"


def answered(args: AnsweredArgs, *, need_answer: bool = True) -> list[Answered]:
    """The prompts that the arguments name.

    Raises:
        ToolInputError: an unreadable file, a malformed record (named by its number), or a missing answer.
    """
    if args.behaviour is not None:
        from gadfly.tools.demo.behaviours import behaviour

        chosen = behaviour(args.behaviour).examples(args.n, args.seed)
        return [Answered(prompt=e.prompt, answer=e.answer, wrong=e.wrong) for e in chosen]
    if args.prompt is not None:
        found = [checked(Answered, args.model_dump(include={"prompt", "answer", "wrong"}), "")]
    elif args.prompts is not None:
        found = [checked(Answered, item, f"prompt {i}: ") for i, item in enumerate(args.prompts, 1)]
    else:
        found = read_records(str(args.prompts_file), Answered)
    if not found:
        raise ToolInputError("no prompts were given")
    if need_answer:
        for number, item in enumerate(found, 1):
            if item.answer is None:
                raise ToolInputError(f"prompt {number} has no answer: give the token that follows")
    return found
