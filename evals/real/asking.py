"""One question to a tool on a real model, as a command and as a call; and what a row of the table says of it."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from gadfly.errors import GadflyError
from gadfly.evals.kit.place import DATA
from gadfly.evals.kit.timing import took
from gadfly.evals.real.plain import Plain
from gadfly.tools.contract import Verdict
from gadfly.tools.registry import by_name

_FILES = DATA / "real"


class Row(NamedTuple):
    """``fact`` is what transformers alone give or what must not happen; ``said`` is Gadfly's word on it."""

    tool: str
    model: str
    ran: str
    fact: str
    said: str
    verdict: str
    agreed: bool
    seconds: float
    records: int = 0
    """How many were read of each file, of each sort; 0: all."""
    values: Mapping[str, Any] = MappingProxyType({})
    """The named numbers of the tool's result; no part of the table."""


class Answer(NamedTuple):
    """What a tool gave. ``values`` are its named numbers; ``error`` is the line it gave instead of a result."""

    tool: str
    ran: str
    result: Any
    seconds: float
    error: str = ""

    @property
    def verdict(self) -> str:
        return str(getattr(self.result, "verdict", ""))

    def value(self, name: str) -> float:
        return float(self.result.values[name])

    def cell(self, column: str, **where: Any) -> Any:
        """A cell of the table, by the values of other columns (as far as they begin so)."""
        table = self.result.table
        for row in table.rows:
            named = dict(zip(table.columns, row, strict=True))
            if all(str(named[name]).startswith(str(value)) for name, value in where.items()):
                return named[column]
        raise KeyError(f"no row {where} in the table")


@dataclass(eq=False)
class Subject:
    """A model under test, by Gadfly and by transformers alone."""

    name: str
    folder: Path
    device: str = "cpu"
    dtype: str = "float32"
    scratch: Path = Path()
    most: int = 0
    """So many records of a file are read, of each sort; 0: all."""

    @cached_property
    def plain(self) -> Plain:
        return Plain(self.folder, self.device, self.dtype)

    @property
    def near(self) -> float:
        """How far two computations of one number may differ, relative to it."""
        return 0.01 if self.dtype == "float32" else 0.1

    def agree(self, one: float, other: float, floor: float = 0.01) -> bool:
        return abs(one - other) <= max(floor, self.near * abs(other))

    def records(self, name: str) -> list[dict[str, Any]]:
        """The records of a file of ``evals/data/real``."""
        lines = (_FILES / name).read_text(encoding="utf-8").splitlines()
        seen: Counter[tuple[str, ...]] = Counter()
        found = []
        for record in map(json.loads, lines):
            sort = tuple(record)
            seen[sort] += 1
            if not self.most or seen[sort] <= self.most:
                found.append(record)
        return found

    def ask(self, tool: str, data: str = "", **given: Any) -> Answer:
        """Run a tool. An error that Gadfly tells is an answer too; one of its own mistakes is raised.

        Args:
            data: the name of a file of ``evals/data/real``, ``task:NAME``, or a record as JSON.
        """
        declared = by_name(tool)
        arguments: dict[str, Any] = {"model": str(self.folder)}
        if "device" in declared.args.model_fields:
            arguments |= {"device": self.device, "dtype": self.dtype}
        told = {"model": self.name} | {k: v for k, v in arguments.items() if k != "model"}
        if data.endswith(".jsonl"):
            arguments["data"], told["data"] = self._file(data), f"evals/data/real/{data}"
        elif data:
            arguments["data"] = told["data"] = data
        ran = self.named(command(tool, {**told, **given}))
        try:
            result, seconds = took(lambda: declared(**arguments, **given))
        except GadflyError as error:
            return Answer(tool, ran, None, 0.0, self.named(str(error)))
        return Answer(tool, ran, result, seconds)

    def named(self, text: str) -> str:
        """A text without this machine's folders."""
        return text.replace(str(self.folder), self.name).replace(f"{self.scratch}/", "")

    def _file(self, name: str) -> str:
        """The file, with as many records as are read."""
        if not self.most:
            return str(_FILES / name)
        path = self.scratch / name
        lines = [json.dumps(record) + "\n" for record in self.records(name)]
        path.write_text("".join(lines), encoding="utf-8")
        return str(path)

    def type(self, tool: str, **given: Any) -> tuple[str, dict[str, Any], float]:
        """Run a tool as a command of its own, where the command line itself is in question: the command, what it
        printed, the seconds.

        Raises:
            GadflyError: the command failed.
        """
        typed = shlex.split(command(tool, {"model": str(self.folder), **given}))
        line = [sys.executable, "-m", "gadfly", *typed[1:], "--json"]
        done, seconds = took(lambda: subprocess.run(line, capture_output=True, text=True))
        if done.returncode:
            raise GadflyError(done.stderr.strip())
        return command(tool, {"model": self.name, **given}), json.loads(done.stdout), seconds

    def row(self, answer: Answer, fact: str, said: str, agreed: bool) -> Row:
        parts = (answer.tool, self.name, answer.ran, fact, said, answer.verdict)
        values = dict(getattr(answer.result, "values", {}))
        # numpy has a bool of its own
        return Row(*parts, bool(agreed), answer.seconds, self.most, values)

    def null(self, answer: Answer, what: str) -> Row:
        """A row on input without what the tool looks for."""
        said = answer.error or answer.verdict
        held = bool(answer.result) and answer.verdict != Verdict.SUPPORTED
        return self.row(answer, f"null: {what}; not supported", said, held)

    def refused(self, answer: Answer, fact: str) -> Row:
        """A row for a question that got an error in place of a result."""
        return self.row(answer, fact, f"error: {answer.error}", False)


def command(tool: str, given: dict[str, Any]) -> str:
    """The command line that asks the same. The model is named as in this table, not by its folder."""
    parts = []
    for name, value in given.items():
        if (name, value) in (("device", "cpu"), ("dtype", "float32")):
            continue  # what these models get anyway without a GPU
        flag = f"--{name.replace('_', '-')}"
        if isinstance(value, list):
            value = ",".join(str(each) for each in value)
        parts.append(f"{flag} {shlex.quote(str(value))}")
    return " ".join(["gadfly", tool, *parts])


Rows = Iterator[Row]
