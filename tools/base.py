"""The types that a tool is made of: its arguments, its result, what it may use while it runs, its declaration.

Holds types only. ``contract`` makes a tool of them, ``runner`` runs one, ``ledger`` keeps what came out.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Generic, Literal, Protocol, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PrivateAttr, field_validator

from gadfly.corpus.progress import Progress
from gadfly.tools.reach import ModelName

if TYPE_CHECKING:
    from gadfly.corpus import Corpus
    from gadfly.tools.model import LocalModel


class Verdict(StrEnum):
    """What an experiment found, after its controls."""

    SUPPORTED = "supported"
    NOT_SUPPORTED = "not supported"
    INCONCLUSIVE = "inconclusive"


class Control(BaseModel):
    """A baseline that could have produced the number, measured in the same run."""

    name: str
    value: float
    interval: tuple[float, float] | None = None
    meaning: str = Field(description="what it would mean if the effect were no larger than this")


class Table(BaseModel):
    """A small table, ready for an LLM's context. ``total`` counts the rows before paging."""

    columns: list[str] = []
    rows: list[list[str | int | float | None]] = []
    total: int = 0


class Figure(BaseModel):
    """A picture of the result. Paths are below the run's artifact folder."""

    title: str
    png: str | None = None
    html: str | None = None


class Result(BaseModel):
    """What every experiment returns. Token-bounded: long rows go to artifacts, not here."""

    # A stored run is read back as this class: fields that a tool's own result adds are kept.
    model_config = ConfigDict(extra="allow")

    tool: str = ""
    headline: str = Field(description="one sentence with the number and its interval")
    verdict: Verdict
    why: str = Field(description="the reason for the verdict, naming the controls that decided it")
    values: dict[str, float] = Field(
        default={}, description="the named numbers that a run receipt may cite"
    )
    controls: list[Control] = []
    table: Table = Table()
    figures: list[Figure] = []
    notes: list[str] = []
    reproduce: str = Field(default="", description="a script that stands alone, nnterp + PyTorch")
    run: str = Field(default="", description="ledger id, set by the runner")


class Commas:
    """Marks members of a list that hold no comma: the command line takes several in one option, ``A,B``. Texts have no
    such mark, and each is taken as it stands."""


Identifier = Annotated[str, Commas]


def _spread(given: object) -> object:
    """A range such as ``2-4`` as its numbers; all else is left to the check."""
    if not isinstance(given, list):
        return given
    found: list[object] = []
    for each in given:
        if not isinstance(each, str):
            found.append(each)
        elif ends := re.fullmatch(r"(\d{1,4})(?:-(\d{1,4}))?", each):
            found += range(int(ends[1]), int(ends[2] or ends[1]) + 1)
        else:
            raise ValueError("give numbers, or a range such as 2-4")
    if not found:
        raise ValueError("there is no layer in it; give numbers, or a range such as 2-4")
    return found


Layers = Annotated[list[int], BeforeValidator(_spread)]
"""Layers, from 0; on the command line also a range, ``--layers 2-4,8``."""


class ToolArgs(BaseModel):
    """Base of every argument model: unknown names are an error, so that a typo never passes."""

    model_config = ConfigDict(extra="forbid")

    _noticed: list[str] = PrivateAttr(default_factory=list)
    _heard: Callable[[str], None] | None = PrivateAttr(default=None)

    def notice(self, note: str) -> None:
        """Have a note of what was found wrong with the arguments among the notes of the result."""
        if note not in self._noticed:
            self._noticed.append(note)

    def heard_by(self, hear: Callable[[str], None]) -> None:
        """Let ``hear`` be told what :meth:`warn` says."""
        self._heard = hear

    def warn(self, note: str) -> None:
        """Say at once, before the work, what its result will say of itself."""
        if self._heard is not None:
            self._heard(note)

    @property
    def noticed(self) -> list[str]:
        """What :meth:`notice` took."""
        return self._noticed


class ExperimentArgs(ToolArgs):
    """Arguments that every experiment on a model takes."""

    model: ModelName = Field(
        default="demo",
        description="'demo' (packaged), 'planted' (known by construction), a hub name, or a folder",
    )
    device: str = Field(
        default="auto", description="auto, cpu, cuda:1, mps, balanced or a JSON map"
    )
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        default="auto", description="auto: float32 on CPU, else the checkpoint's"
    )
    seed: int = Field(default=0, ge=0, description="of sampling, splits, bootstrap and placebos")

    @field_validator("seed")
    @classmethod
    def _one_that_every_library_takes(cls, seed: int) -> int:
        if seed >= 2**32:
            raise ValueError(f"{seed} is too large; give one below {2**32}")
        return seed


class Context(Protocol):
    """What a running tool may use. The runner supplies it."""

    progress: Progress

    def model(self, args: ExperimentArgs) -> LocalModel:
        """The model that ``args`` names, loaded once per process and checked at load."""
        ...

    def corpus(self) -> Corpus:
        """The open corpus, synchronised."""
        ...

    def artifacts(self) -> Path:
        """This run's artifact folder, created on first use."""
        ...


ArgsT = TypeVar("ArgsT", bound=ToolArgs)
ResultT = TypeVar("ResultT", bound=BaseModel)


@dataclass(frozen=True)
class Declaration(Generic[ArgsT, ResultT]):
    """What is declared of a tool; ``contract.Tool`` is one that can be called."""

    name: str
    function: Callable[[ArgsT, Context], ResultT]
    args: type[ArgsT]
    result: type[ResultT]
    read_only: bool
    cost: str
    extra: str | None
    examples: Sequence[str]

    @property
    def description(self) -> str:
        """The docstring's first paragraph, on one line."""
        paragraphs = inspect.getdoc(self.function) or ""
        return " ".join(paragraphs.split("\n\n")[0].split())

    @property
    def is_experiment(self) -> bool:
        """Whether the result carries a verdict and is kept in the ledger."""
        return issubclass(self.result, Result)
