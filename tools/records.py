"""The data of an experiment: records with named fields, from files, from a task of the demo model, or given directly.

Every experiment takes them by one argument, ``data``. A tool states the fields that it needs as a pydantic model, and
:func:`read` gives records of that model; nothing is read before the tool runs, and no model is loaded for it. Arguments
that earlier versions took in its place (``pairs_file``, ``prompts``, …) still work: :class:`DataArgs` rewrites them.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from gadfly.errors import ToolInputError
from gadfly.tools.base import ExperimentArgs
from gadfly.tools.checkpoints import of_demo, tokenizer_of
from gadfly.tools.given import ShapeT, Text, checked, expected, items, parsed, short
from gadfly.tools.reach import TASK, Names

if TYPE_CHECKING:
    from gadfly.tools.demo.behaviours import Behaviour


class Message(BaseModel):
    """One message of a chat."""

    model_config = ConfigDict(extra="forbid")

    role: str
    content: str


Render = Callable[[Sequence[Message]], str]


class Record(BaseModel):
    """One record of data: which fields it needs, the tool says. ``messages`` are a prompt in the chat template, and so
    are those of a side of a contrast."""

    model_config = ConfigDict(extra="forbid")

    prompt: str | None = None
    messages: list[Message] | None = None
    clean: str | None = None
    corrupt: str | None = None
    answer: str | list[str] | None = None
    wrong: str | list[str] | None = None
    spans: dict[str, tuple[int, int]] | None = None
    text: str | None = None
    label: str | int | bool | None = None
    group: str | int | None = None
    positive: str | list[Message] | None = None
    negative: str | list[Message] | None = None

    @model_serializer(mode="wrap")
    def _given_fields(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {name: value for name, value in handler(self).items() if value is not None}


def _entries(value: Any) -> Any:
    """Records and names of files as a list; records as JSON are parsed, and checked with their numbers."""
    if isinstance(value, os.PathLike):
        value = os.fspath(value)
    if isinstance(value, str) and not value.strip():
        raise ValueError(f"an empty name; give a file, {TASK}NAME or records")
    if isinstance(value, str) and value.lstrip()[:1] in ("[", "{"):
        value = _json(value)
    if isinstance(value, dict | Record):
        value = [value]
    if isinstance(value, str):
        return value
    if not isinstance(value, list):
        raise ValueError(f"{short(value)} is none of a file, {TASK}NAME and records")
    if not value:
        raise ValueError("no records were given")
    value = [os.fspath(item) if isinstance(item, os.PathLike) else item for item in value]
    return [
        item if isinstance(item, str | Record) else checked(Record, item, f"record {number}: ")
        for number, item in enumerate(value, 1)
    ]


def _json(text: str) -> Any:
    try:
        return parsed(text)
    except ValueError as error:
        raise ValueError(f"data given directly are not valid JSON ({error})") from error


_SIDES = ("positive", "negative")
MaxRows = Annotated[
    int, Field(ge=1, le=65536, description="rows of the batch in one forward; bounds memory")
]
MaxTokens = Annotated[
    int, Field(ge=64, le=1_000_000, description="tokens in one forward; bounds memory")
]
Data = Annotated[str | list[Record | str], Names.DATA, BeforeValidator(_entries)]


def data_field(fields: str, fewest: int, task: str) -> Any:
    """The field ``data`` of a tool.

    Args:
        fields: what a record has.
        fewest: the smallest number of records that can give a verdict other than ``inconclusive``.
        task: an example of a task.
    """
    # The schema tells an LLM the fields of this tool, not of all.
    shown: Any = [{"type": "string"}, {"type": "array", "items": _with_only(fields)}]
    return Field(
        json_schema_extra={"anyOf": shown, "fewest": fewest},
        description=f"records, or their JSON Lines file, with {fields} ({fewest} or more for a verdict); "
        f"on the demo also {TASK}{task}",
    )


def _with_only(fields: str) -> dict[str, Any]:
    """The JSON schema of a record that has the fields which a text names, short: their commonest kinds."""
    text, texts = {"type": "string"}, {"type": "array", "items": {"type": "string"}}
    kinds: dict[str, dict[str, Any]] = dict.fromkeys(Record.model_fields, text)
    kinds["answer"] = {"anyOf": [text, texts]}
    kinds["label"] = {"anyOf": [text, {"type": "integer"}]}
    kinds["messages"] = {"type": "array", "items": {"type": "object"}}
    kinds |= {side: {"anyOf": [text, kinds["messages"]]} for side in _SIDES}
    kinds["spans"] = {"type": "object"}
    named = {name: kind for name, kind in kinds.items() if re.search(rf"\b{name}\b", fields)}
    return {"type": "object", "properties": named}


class DataArgs(ExperimentArgs):
    """Arguments of an experiment on records. A tool restates ``data`` with its fields, and ``n`` with its default."""

    OLD: ClassVar[Sequence[Sequence[str]]] = ()
    """Names of earlier versions, in groups; of each group one way to give records may be used."""

    data: Data
    n: int = Field(default=32, ge=1, le=1024, description="records of a task")

    @model_validator(mode="before")
    @classmethod
    def _rewritten(cls, given: Any) -> Any:
        """Arguments under their old names, as runs recorded them, become ``data``."""
        if not isinstance(given, Mapping):
            return given
        rest = dict(given)
        data: list[Any] = []
        for group in cls.OLD:
            used = {name: value for name in group if (value := rest.pop(name, None)) is not None}
            ways = {_WITH.get(name, name) for name in used}
            if len(ways) > 1:
                raise ValueError(f"give the data once, got {' and '.join(used)}: use data")
            data += _from_old(used)
        if data and rest.get("data") is not None:
            raise ValueError("give data alone, without the old names of its parts")
        if not data and rest.get("data") is None:
            raise ValueError(f"give data: a file, {TASK}NAME or records")
        return {**rest, "data": data[0] if len(data) == 1 else data} if data else rest

    @classmethod
    def fewest(cls) -> int:
        """The smallest number of records that can give a verdict other than ``inconclusive``."""
        extra: Any = cls.model_fields["data"].json_schema_extra
        return int(extra["fewest"]) if extra else 1

    @property
    def entries(self) -> Sequence[Record | str]:
        """``data`` as a list: records, paths and names of tasks."""
        return self.data if isinstance(self.data, list) else [self.data]

    @property
    def tasks(self) -> list[str]:
        """The tasks that the data come from."""
        named = [each for each in self.entries if isinstance(each, str)]
        return [each.removeprefix(TASK) for each in named if each.startswith(TASK)]

    @property
    def task(self) -> str | None:
        """The first of them, if there is one."""
        return next(iter(self.tasks), None)

    def subject(self) -> str:
        """What a figure's title calls the data."""
        named = [each for each in self.entries if isinstance(each, str)]
        return self.task or (Path(named[0]).stem if named else "the given prompts")


_WITH = {
    "corrupt": "clean",
    "answer": "clean",
    "wrong": "clean",
    "prompt": "clean",
    "negative": "positive",
}


def _from_old(used: Mapping[str, Any]) -> list[Any]:
    """What the old arguments of one group give: at most one of them, or one record in several arguments."""
    found: list[Any] = []
    single = {name: value for name, value in used.items() if _WITH.get(name, name) == "clean"}
    if single:
        found.append(single)
    if "positive" in used or "negative" in used:
        sides = [_listed(used.get(name, [])) for name in ("positive", "negative")]
        if len(sides[0]) != len(sides[1]) or not sides[0]:
            raise ValueError(
                f"{len(sides[0])} positive and {len(sides[1])} negative texts; give equally many of both, in pairs"
            )
        found += [{"positive": a, "negative": b} for a, b in zip(*sides, strict=True)]
    for name, value in used.items():
        if name == "behaviour":
            found.append(f"{TASK}{value}")
        elif name.endswith("_file"):
            found.append(value)
        elif name in ("pairs", "prompts", "texts"):
            found += [
                {name[:-1]: each} if isinstance(each, str) else each for each in _listed(value)
            ]
            if not found:
                raise ValueError(f"{name} is empty")
    return found


def _listed(value: Any) -> list[Any]:
    """A list that the command line gives as JSON, or one text as it stands."""
    if isinstance(value, str) and value.lstrip()[:1] in ("[", "{"):
        value = _json(value)
    return value if isinstance(value, list) else [value]


def read(
    args: DataArgs, shape: type[ShapeT], drawn: Callable[[Behaviour], Sequence[ShapeT]]
) -> list[ShapeT]:
    """The records that ``data`` names, each checked against ``shape``. A copy of a record is no more evidence: where
    the tool gives a verdict it is left out, and a note of the result says so.

    Args:
        drawn: makes the records of a task.

    Raises:
        ToolInputError: an unknown task, one on another model than the demo, an unreadable or empty file, or a record of
            another shape, named by its number.
        ModelError: a task, and no such model.
    """
    found: list[ShapeT] = []
    render = _renderer(args.model)
    for number, entry in enumerate(args.entries, 1):
        if isinstance(entry, Record):
            fields = entry.model_dump()
            found.append(_shaped(shape, fields, f"record {number}: ", render))
        elif entry.startswith(TASK):
            found += drawn(_of_demo(entry, args))
        else:
            found += _of_file(entry, shape, render)
    if shape is not Text:
        found = _each_once(args, found)
    _enough(args, found)
    return found


def _of_demo(entry: str, args: DataArgs) -> Behaviour:
    """A task, for a model that knows its words: on any other a verdict would be on text it never saw."""
    from gadfly.tools.demo.behaviours import behaviour

    task = behaviour(entry.removeprefix(TASK))
    if not of_demo(args.model):
        wanted = (type(args).model_fields["data"].description or "").rpartition(";")[0]
        raise ToolInputError(
            f"{entry} is in the language of the demo model, which {args.model} was not trained on; give {wanted}"
        )
    return task


def _enough(args: DataArgs, found: Sequence[BaseModel]) -> None:
    """Say before any work that there are too few. Pairs of ``steer`` that make the vector are not what it is tried on,
    and a task that the tool draws for itself gives ``n``."""
    tried = sum(getattr(record, "positive", None) is None for record in found)
    count = args.n if args.tasks and not tried else tried
    if count < (fewest := args.fewest()):
        args.warn(
            f"records given: {count}; {fewest} or more are needed for a verdict: expect it to be inconclusive"
        )


def _each_once(args: DataArgs, found: Sequence[ShapeT]) -> list[ShapeT]:
    distinct = list({record.model_dump_json(): record for record in found}.values())
    if copies := len(found) - len(distinct):
        args.notice(f"copies left out: {copies} (a record that stands twice is no more evidence)")
    return distinct


def _of_file(path: str, shape: type[ShapeT], render: Render) -> Iterator[ShapeT]:
    empty = True
    for where, item in items(path, shape):
        empty = False
        yield _shaped(shape, item, f"{path}, {where}: ", render)
    if empty:
        raise ToolInputError(f"{path} is empty; write one JSON object a line: {expected(shape)}")


def _shaped(shape: type[ShapeT], fields: Any, where: str, render: Render) -> ShapeT:
    """A record of the tool's own shape: messages become text, as a prompt or as a side of a contrast."""
    if isinstance(fields, dict):
        chats = {side: side for side in _SIDES if isinstance(fields.get(side), list)}
        if "messages" in fields and "prompt" not in fields:
            chats["messages"] = "prompt"
        rest = {name: value for name, value in fields.items() if name not in chats}
        fields = rest | {
            becomes: render(
                _messages(fields[name], f"{where}{name}: " if name in _SIDES else where)
            )
            for name, becomes in chats.items()
        }
    return checked(shape, fields, where)


def _messages(given: Any, where: str) -> list[Message]:
    return checked(Record, {"messages": given}, where).messages or []


def _renderer(model: str) -> Render:
    """Messages to the text of a prompt; the tokenizer is read once, at the first."""
    tokenizer = cache(lambda: tokenizer_of(model))
    return lambda messages: rendered(tokenizer(), messages, model)


def rendered(tokenizer: Any, messages: Sequence[Message], model: str) -> str:
    """Messages as the text of a prompt, in the chat template; a BOS that it writes stays the only one.

    Raises:
        ToolInputError: the model has no chat template.
    """
    if not getattr(tokenizer, "chat_template", None):
        raise ToolInputError(f"{model} has no chat template; give text in place of messages")
    told = [message.model_dump() for message in messages]
    return str(tokenizer.apply_chat_template(told, tokenize=False, add_generation_prompt=True))
