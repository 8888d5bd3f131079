"""What a user gives, as checked records: the lines of a file, JSON, one object against its model. Each thing that is
wrong is one line with its place, its value and the way out. Leaves out what the fields mean (``records``).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from typing import Any, TypeVar

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, ValidationError

from gadfly.errors import ToolInputError
from gadfly.settings import expanded
from gadfly.tools.reach import TASK

ShapeT = TypeVar("ShapeT", bound=BaseModel)
_LARGEST = 256 * 1024 * 1024  # bytes of a file of records
_OR_CHAT = {"prompt": " (or messages)"} | dict.fromkeys(
    ("positive", "negative"), " (text or messages)"
)
_TABLES = (".csv", ".tsv", ".parquet", ".xlsx")


class Text(BaseModel):
    """A text; a prompt is one. A file of labelled texts is one of texts too."""

    model_config = ConfigDict(extra="forbid")

    text: str = Field(min_length=1, validation_alias=AliasChoices("text", "prompt"))
    label: Any = Field(default=None, exclude=True)
    group: Any = Field(default=None, exclude=True)


def parsed(text: str) -> Any:
    """JSON. Raises ValueError if it is none, is nested too deeply, or gives a field twice."""
    try:
        return json.loads(text, object_pairs_hook=_without_doubles)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{twice!r} stands in it twice")
    return found


def items(path: str, shape: type[BaseModel]) -> Iterator[tuple[str, Any]]:
    """What a file holds and where: an array of JSON, or a JSON object a line; a line that is none is a text."""
    texts = shape is Text
    if texts and path.lower().endswith(_TABLES):
        raise ToolInputError(
            f"{path} is a table; write one text a line, or one JSON object a line: {expected(shape)}"
        )
    lines = lines_of(path)
    if (array := _array("\n".join(lines))) is not None:
        yield from ((f"record {number}", item) for number, item in enumerate(array, 1))
        return
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        if texts and not line.lstrip().startswith("{"):
            yield f"line {number}", {"text": line}
            continue
        try:
            yield f"line {number}", parsed(line)
        except ValueError as error:
            raise ToolInputError(
                f"{path}, line {number}: not JSON ({error}); {expected(shape)}"
            ) from error


def _array(text: str) -> list[Any] | None:
    """A whole file that is one array of records."""
    if not text.lstrip().startswith("["):
        return None
    try:
        found = parsed(text)
    except ValueError:
        return None
    return found if found and all(isinstance(item, dict) for item in found) else None


def lines_of(path: str) -> Sequence[str]:
    """The lines of a text file. Raises ToolInputError if it cannot be read."""
    file = expanded(path)
    try:
        if file.exists() and not file.is_file():
            kind = "a folder" if file.is_dir() else "no file"
            raise ToolInputError(f"{path} is {kind}; give a file with one record a line")
        if (size := file.stat().st_size) > _LARGEST:
            raise ToolInputError(
                f"{path} has {size:,} bytes; {_LARGEST:,} are read at the most: give a part of it"
            )
        text = file.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        from gadfly.tools.demo.behaviours import BEHAVIOURS

        hint = f"; did you mean {TASK}{path}?" if path in BEHAVIOURS else ""
        raise ToolInputError(f"cannot read {path[:300]}: there is no such file{hint}") from error
    except UnicodeDecodeError as error:
        raise ToolInputError(f"{path} is no text in UTF-8; save it as UTF-8") from error
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise ToolInputError(f"cannot read {path[:300]}: {why}") from error
    if "\0" in text:
        raise ToolInputError(f"{path} holds bytes that are no text; give one record a line")
    return text.split("\n")  # not at the other line ends of Unicode, which JSON may hold


def checked(kind: type[ShapeT], item: Any, where: str) -> ShapeT:
    """One record. Raises ToolInputError, which begins with ``where`` and says what is wrong and what is expected."""
    if not isinstance(item, dict | kind):
        raise ToolInputError(f"{where}{short(item)} is no object; {expected(kind)}")
    try:
        return kind.model_validate(item)
    except ValidationError as error:
        first = error.errors()[0]
        place = str(first["loc"][0]) if first["loc"] else ""
        kind_of_it = first["type"] if len(first["loc"]) == 1 else ""  # else it is inside a field
        problem = first["msg"].removeprefix("Value error, ")
        if kind_of_it == "missing":
            problem = f"no {place!r}"
        elif kind_of_it == "extra_forbidden":
            near = get_close_matches(place, kind.model_fields, 1)
            hint = f" (did you mean {near[0]!r}?)" if near else ""
            problem = f"{place!r} does not belong here{hint}"
        elif place and isinstance(item, dict):
            problem = f"{place} is {short(item.get(place))}: {problem}"
        raise ToolInputError(f"{where}{problem}; {expected(kind)}") from error


def short(value: Any) -> str:
    """A value as a message shows it."""
    told = repr(value)
    return told if len(told) <= 80 else f"{told[:79]}…"


def expected(shape: type[BaseModel]) -> str:
    """The fields of a shape in words."""
    told = {name: f"{name}{_OR_CHAT.get(name, '')}" for name in shape.model_fields}
    needed = [told[name] for name, field in shape.model_fields.items() if field.is_required()]
    others = [each for each in told.values() if each not in needed]
    perhaps = f"perhaps {', '.join(others)}" if others else ""
    return f"a record has {' and '.join(filter(None, [', '.join(needed), perhaps]))}"
