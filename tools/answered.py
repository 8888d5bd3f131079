"""Prompts with the token that should follow: what the tools take that read how a model arrives at an answer.

These are ``lens``, ``attribute`` and ``patchscope``.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from gadfly.errors import ToolInputError
from gadfly.tools.records import Data, DataArgs, data_field, read


class Answered(BaseModel):
    """A prompt, the one token that should follow, and perhaps one that should not."""

    model_config = ConfigDict(extra="forbid")

    prompt: str = Field(min_length=1)
    answer: str | None = None
    wrong: str | None = None


class AnsweredArgs(DataArgs):
    """Arguments of a tool that takes prompts with answers."""

    OLD = (("behaviour", "prompt", "answer", "wrong", "prompts", "prompts_file"),)

    data: Data = data_field("prompt (or messages), answer and perhaps wrong", 8, "capital-of")


def answered(args: AnsweredArgs, *, alone: bool = False) -> list[Answered]:
    """The prompts that the arguments name.

    Args:
        alone: whether a single prompt may have no answer.

    Raises:
        ToolInputError: an unreadable file, a malformed record (named by its number), a missing answer, or one
            that is the wrong one too.
    """
    found = read(
        args,
        Answered,
        lambda task: [
            Answered(prompt=each.prompt, answer=each.answer, wrong=each.wrong)
            for each in task.examples(args.n, args.seed)
        ],
    )
    for number, item in enumerate(found, 1):
        if item.answer is None and not (alone and len(found) == 1):
            raise ToolInputError(f"prompt {number} has no answer: give the token that follows")
        if item.answer is not None and item.answer == item.wrong:
            raise ToolInputError(
                f"prompt {number}: answer and wrong are both {item.answer!r}: nothing to tell apart"
            )
    return found
