"""Files that experiments read their prompts from: text by line, and JSON lines checked against a model."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from gadfly.errors import ToolInputError
from gadfly.home import expanded

RecordT = TypeVar("RecordT", bound=BaseModel)


def lines_of(path: str) -> Sequence[str]:
    """The lines of a text file. Raises ToolInputError if it cannot be read."""
    try:
        return expanded(path).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ToolInputError(f"cannot read {path}: {error}") from error


def read_records(path: str, kind: type[RecordT]) -> list[RecordT]:
    """Records of a JSON-lines file; empty lines are passed over.

    Raises:
        ToolInputError: with the number of the first bad line, or that there is none.
    """
    records = []
    for number, line in enumerate(lines_of(path), 1):
        if not line.strip():
            continue
        where = f"{path}, line {number}: "
        try:
            item = json.loads(line)
        except ValueError as error:
            raise ToolInputError(f"{where}not JSON ({error})") from error
        records.append(checked(kind, item, where))
    if not records:
        raise ToolInputError(f"{path} is empty; write one JSON object a line")
    return records


def checked(kind: type[RecordT], item: Any, where: str) -> RecordT:
    """One record. Raises ToolInputError, which begins with ``where`` and names the first bad field."""
    try:
        return kind.model_validate(item)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise ToolInputError(f"{where}{place + ': ' if place else ''}{first['msg']}") from error
