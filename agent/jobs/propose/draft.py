"""What a draft of a project is, before anything of it is checked. Types, and the one way to fill its places.

The bank's templates and a language model's JSON both become a :class:`Draft`, so that neither gets an easier path.
"""

from __future__ import annotations

import json
import shlex
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from gadfly.errors import UsageError
from gadfly.tools.registry import by_name, names
from gadfly.tools.runner import validate

Level = Literal["beginner", "intermediate", "advanced"]
LEVELS: tuple[Level, ...] = ("beginner", "intermediate", "advanced")


class Call(BaseModel):
    """One tool of Gadfly with its arguments."""

    model_config = ConfigDict(extra="forbid")

    tool: str
    arguments: dict[str, Any] = {}

    def check(self) -> None:
        """Raises UsageError (no such tool) or ToolInputError (arguments that it refuses)."""
        validate(by_name(self.tool), self.arguments)

    def line(self) -> str:
        """The call as typed in a shell."""
        parts = ["gadfly", self.tool]
        for name, value in self.arguments.items():
            flag = "--" + name.replace("_", "-")
            if value is True:
                parts.append(flag)
            elif value is False:
                parts.append("--no-" + name.replace("_", "-"))
            else:
                for each in _spelled(name, value):
                    parts += [flag, shlex.quote(each)]
        return " ".join(parts)


class Work(BaseModel):
    """One piece of computation: ``prompts * times * sites`` passes over ``tokens`` tokens each.

    ``per`` says what is repeated for each prompt: nothing, every layer, every layer and position, or every head.
    """

    model_config = ConfigDict(extra="forbid")

    what: str = Field(min_length=3, max_length=120)
    prompts: int = Field(ge=1, le=10**9)
    tokens: int = Field(ge=1, le=10**6)
    times: int = Field(default=1, ge=1, le=10**6)
    per: Literal["prompt", "layer", "layer-position", "head"] = "prompt"
    new_tokens: int = Field(default=0, ge=0, le=10**6, description="generated after each prompt")
    backward: bool = False


class Judge(BaseModel):
    """Calls to a language model behind an API, in all."""

    model_config = ConfigDict(extra="forbid")

    calls: int = Field(ge=1, le=10**8)
    input_tokens: int = Field(default=800, ge=1)
    output_tokens: int = Field(default=150, ge=1)


class Draft(BaseModel):
    """A project as somebody wrote it. Prose may hold ``{model}`` and ``{task}``; ``why`` holds quote markers."""

    model_config = ConfigDict(extra="forbid")

    slug: str = ""
    title: str = Field(min_length=10, max_length=160)
    tags: list[str] = Field(min_length=1, max_length=12)
    level: Level = "intermediate"
    days: int = Field(default=2, ge=1, le=5, description="the fewest days that it fits")
    models: list[str] = Field(min_length=1, max_length=8, description="subjects, best first")
    tasks: list[str] = Field(default=["the task"], min_length=1)
    question: str = Field(min_length=30)
    why: str = Field(min_length=30, description="each sentence with its [[quote ID | words]]")
    hypothesis: str = Field(min_length=30)
    wrong: list[str] = Field(min_length=2, description="the dumbest ways it could be false")
    positive: str = Field(min_length=20)
    negative: str = Field(min_length=20)
    simplest: str = Field(min_length=20)
    baseline: str = Field(min_length=10)
    data: str = Field(min_length=20)
    differs: str = ""
    plan: list[str] = Field(min_length=4, max_length=4)
    kill: list[str] = Field(min_length=3, max_length=3)
    work: list[Work] = Field(min_length=1)
    judge: Judge | None = None
    pilot: Call
    pilot_is: Literal["effect", "neighbour"] = Field(
        default="effect",
        description="whether the pilot shows the effect that the project builds on, or only one of its kind",
    )
    pilot_means: str = ""
    tools: list[Call] = Field(min_length=1)
    reading: list[str] = Field(min_length=1)

    @field_validator("tools", "pilot", mode="before")
    @classmethod
    def _known_tools(cls, value: Any) -> Any:
        for call in value if isinstance(value, list) else [value]:
            if isinstance(call, dict) and call.get("tool") not in names():
                raise ValueError(f"no tool {call.get('tool')!r}; there are: {', '.join(names())}")
        return value

    def filled(self, model: str, task: str) -> Draft:
        """The draft with its places filled: the model's short name in prose, its full name in tool arguments.

        Raises:
            UsageError: the task is none of the draft's.
        """
        if task not in self.tasks:
            raise UsageError(
                f"{self.slug or self.title}: no task {task!r}; {', '.join(self.tasks)}"
            )
        data = self.model_dump(mode="json")
        calls = {name: data.pop(name) for name in ("pilot", "tools")}
        prose = _fill(data, {"{model}": model.split("/")[-1], "{task}": task})
        called = _fill(calls, {"{model}": model, "{task}": task})
        return Draft.model_validate({**prose, **called})


def _fill(value: Any, places: dict[str, str]) -> Any:
    if isinstance(value, str):
        for place, text in places.items():
            value = value.replace(place, text)
        return value
    if isinstance(value, list):
        return [_fill(each, places) for each in value]
    if isinstance(value, dict):
        return {key: _fill(each, places) for key, each in value.items()}
    return value


def _spelled(name: str, value: Any) -> list[str]:
    """As the CLI reads it, an option each: scalars and texts plainly, numbers by commas, several files of data and the
    rest as JSON."""
    if isinstance(value, list) and name != "data":
        if all(isinstance(each, int | float) for each in value):
            return [",".join(map(str, value))]
        if not any(isinstance(each, list | dict) or str(each).startswith("[") for each in value):
            return [str(each) for each in value]
        return [json.dumps(value, ensure_ascii=False)]
    return [json.dumps(value) if isinstance(value, dict | list) else str(value)]
