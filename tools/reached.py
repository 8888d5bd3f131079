"""What a call reaches beyond its own arguments: files outside the working folder, the hub, other people's machines.

Told by the types of ``reach`` alone. Leaves out what follows from it: the toolbox asks the researcher, the MCP server
has its options.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

from pydantic import BaseModel

from gadfly.settings import expanded, home
from gadfly.tools.checkpoints import BUILT_IN, cached
from gadfly.tools.ledger import Ledger
from gadfly.tools.reach import TASK, Names, declared
from gadfly.tools.registry import by_name
from gadfly.tools.runner import validate


class Reached(NamedTuple):
    """One thing that a call reaches, by which argument."""

    kind: Literal["read", "fetch", "send"]
    what: str
    argument: str

    def __str__(self) -> str:
        what = self.what if len(self.what) <= 200 else self.what[:200] + "…"
        match self.kind:
            case "read":
                return f"{self.argument} reads {what}, outside the working folder"
            case "fetch":
                return f"{self.argument} has {what} fetched from the hub"
            case "send":
                return f"{self.argument} sends content to {what}"


def home_ground() -> tuple[Path, ...]:
    """Where files may be read without a question: the working folder and what earlier runs wrote. A working folder
    that holds the user's whole home is none."""
    own = (home() / "ledger" / "artifacts").resolve()
    try:
        here = Path.cwd().resolve()
        too_wide = Path.home().resolve().is_relative_to(here)
    except (OSError, RuntimeError):  # a working folder that was removed, or no home
        return (own,)
    return (own,) if too_wide else (here, own)


def reached(
    arguments: BaseModel, inside: Sequence[Path], *, known: Collection[str] = ()
) -> list[Reached]:
    """What a call with these arguments reaches. What was left at its default reaches nothing.

    Args:
        inside: resolved folders whose files may be read; hidden ones below them are outside all the same.
        known: models that the user himself named.

    Raises:
        GadflyError: what an argument stands for cannot be looked up.
    """
    return list(_reached(arguments, _Ground(inside, frozenset(known))))


@dataclass(frozen=True)
class _Ground:
    inside: Sequence[Path]
    known: frozenset[str]

    def outside(self, path: Path, *, hidden: bool = False) -> str | None:
        """Where it really leads, if that is outside."""
        try:
            real = expanded(path).resolve()
        except (
            OSError,
            ValueError,
            RuntimeError,
        ):  # an unknown ~user, a zero byte, a circle of links
            return str(path)
        for folder in self.inside:
            if real.is_relative_to(folder):
                below = real.relative_to(folder).parts
                if hidden or not any(part.startswith(".") for part in below):
                    return None
        return str(real)


def _reached(arguments: BaseModel, ground: _Ground) -> Iterator[Reached]:
    for name, names in declared(type(arguments)).items():
        if name not in arguments.model_fields_set:
            continue
        value = getattr(arguments, name)
        for each in value if isinstance(value, list) else [value]:
            if each is not None and each is not False:
                yield from _one(name, names, each, arguments, ground)


def _one(
    name: str, names: Names, value: Any, arguments: BaseModel, ground: _Ground
) -> Iterator[Reached]:
    def read(path: Path, *, hidden: bool = False) -> Iterator[Reached]:
        place = ground.outside(path, hidden=hidden)
        if place is not None:
            yield Reached("read", place, name)

    folder = expanded(getattr(arguments, "folder", "."))
    match names:
        case Names.FILE:
            yield from read(Path(value))
        case Names.DATA:
            if isinstance(value, str) and not value.startswith(TASK):
                yield from read(Path(value))
        case Names.BELOW:
            yield from read(folder / expanded(value))
        case Names.FOLDER_CONTENT:
            yield from read(folder)
        case Names.REPOSITORY:
            for path in _repository(folder):
                yield from read(path, hidden=True)
        case Names.VECTOR:
            if _path_like(value) or Path(value).is_file():
                yield from read(Path(value))
        case Names.MODEL | Names.AUTOENCODER:
            yield from _weights(name, names, value, ground)
        case Names.LLM:
            kind, _, local = str(value).partition("/")
            if kind == "local" and local:
                yield from _weights(name, Names.MODEL, local, ground)
            elif value and kind not in ("offline", "local"):
                yield Reached("send", str(value), name)
        case Names.NDIF:
            yield Reached("send", "NDIF", name)
        case Names.RUN:
            yield from _recorded(value, ground)
        case Names.NOTHING:
            pass


def _weights(name: str, names: Names, value: str, ground: _Ground) -> Iterator[Reached]:
    if value in ground.known or (names is Names.MODEL and value in BUILT_IN):
        return
    path = Path(value)
    try:
        local = _path_like(value) or expanded(path).exists()
    except (OSError, ValueError, RuntimeError):
        local = True
    if local:
        place = ground.outside(path)
        if place is not None:
            yield Reached("read", place, name)
    elif value.strip() and not cached(value, whole=names is Names.MODEL):
        yield Reached("fetch", value, name)


def _recorded(run: str, ground: _Ground) -> Iterator[Reached]:
    """What the arguments of a recorded run reach. Raises GadflyError as the re-run itself would."""
    found = Ledger().get(run)
    yield from _reached(validate(by_name(found.tool), found.arguments), ground)


def _repository(folder: Path) -> Iterator[Path]:
    """The root of the repository that a folder is in, and where its history lies."""
    folder = folder.resolve()
    root = next((each for each in (folder, *folder.parents) if (each / ".git").exists()), folder)
    yield root
    history = root / ".git"
    yield history
    if history.is_file():  # a work tree beside its repository
        told = history.read_text("utf-8", "replace").partition("gitdir:")[2].strip()
        yield root / told


def _path_like(value: str) -> bool:
    """Whether it cannot be but a path: no name on the hub, no id of a run."""
    return value.startswith(("/", ".", "~", "\\")) or Path(value).is_absolute()
