"""What a project folder knows of itself: ``project.json``, with the chain of sealed predictions.

One writer at a time: whoever changes the project or its log holds :func:`writing`. A seal holds a prediction's words
and time, and a hash over them and the seal before. Whoever edits one seal breaks the chain; whoever rewrites all of
them fools this program, and themselves.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from pydantic import BaseModel

from gadfly import files
from gadfly.agent.jobs.propose.feasible import HOURS
from gadfly.agent.jobs.propose.proposal import Proposal
from gadfly.errors import HomeError, UsageError

FILE = "project.json"
_LOCK = ".gadfly.lock"
_PATIENCE = 60  # seconds that a writer waits for the others
_DAY = 24 * 3600.0


class Seal(BaseModel):
    """A prediction as it was when it was made. ``runs`` counts the project's runs before it."""

    name: str
    text: str
    time: datetime
    runs: int
    chain: str


class Project(BaseModel):
    """A started project."""

    started: datetime
    proposal: Proposal
    seals: list[Seal] = []
    unwritten: list[str] = []
    """Names of seals whose line may not be in the log yet: a kill came between the two files."""

    @property
    def box(self) -> float:
        """Working hours in all."""
        return self.proposal.days * HOURS

    def hour(self, at: datetime) -> float:
        """Working hours since the start: at most eight for each stretch of 24 hours."""
        seconds = max(0.0, (at - self.started).total_seconds())
        days, rest = divmod(seconds, _DAY)
        return days * HOURS + min(HOURS, rest / 3600)

    def seal(self, text: str, runs: int) -> Seal:
        """Seal a prediction; it is kept by :func:`save`."""
        before = self.seals[-1].chain if self.seals else ""
        name, time = f"P{len(self.seals) + 1}", now()
        seal = Seal(name=name, text=text, time=time, runs=runs, chain=link(before, text, time))
        self.seals.append(seal)
        return seal

    def broken(self) -> Seal | None:
        """The first seal that does not follow from the ones before."""
        before = ""
        for seal in self.seals:
            if seal.chain != link(before, seal.text, seal.time):
                return seal
            before = seal.chain
        return None


def link(before: str, text: str, time: datetime) -> str:
    """The hash of one seal."""
    return hashlib.sha256(f"{before}\0{time.isoformat()}\0{text}".encode()).hexdigest()


@contextmanager
def writing(folder: Path) -> Iterator[Project]:
    """The project as it is now, while no other process writes it. What is changed is kept by :func:`save`.

    Raises:
        UsageError: this is no project.
        HomeError: another process held it for too long, or the folder cannot be written.
    """
    from filelock import FileLock, Timeout

    load(folder)  # a folder that is no project gets no lock file
    lock = FileLock(folder / _LOCK)
    try:
        lock.acquire(timeout=_PATIENCE)
    except Timeout:
        raise HomeError(
            f"another process has been writing {folder} for {_PATIENCE} s; try again when it is done"
        ) from None
    except OSError as error:
        raise HomeError(f"cannot write {folder} ({error.strerror or error})") from error
    try:
        files.sweep(folder)
        yield load(folder)
    finally:
        lock.release()


def now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


def load(folder: Path) -> Project:
    """The project in this folder. Raises UsageError if it is none, or cannot be read."""
    path = folder / FILE
    try:
        return Project.model_validate_json(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UsageError(
            f"{folder} is no project: it has no {FILE}; go into one, or 'gadfly project start ID'"
        ) from None
    except (OSError, ValueError) as error:
        raise UsageError(f"cannot read {path} ({type(error).__name__})") from error


def save(folder: Path, project: Project) -> None:
    """Write it whole or not at all. Raises HomeError if that is not possible."""
    files.keep(folder / FILE, project.model_dump_json(indent=1))
