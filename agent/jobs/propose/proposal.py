"""What a finished proposal is, and where it is kept, so that a project can start from its id.

The JSON of ``gadfly propose --json`` is :class:`Proposals` dumped.
"""

from __future__ import annotations

import hashlib
import re
from typing import Literal

from pydantic import BaseModel

from gadfly import files, settings
from gadfly.agent.answers.answer import Claim
from gadfly.agent.jobs.propose.draft import Draft
from gadfly.agent.jobs.propose.feasible import HOURS, Feasibility
from gadfly.errors import UsageError

CRITERIA = ("hypothesis", "baseline", "leak", "falsifiable", "interesting", "days")
WORST, BEST = 0, 2
_ID = re.compile(r"^p[0-9a-f]{8}$")


class Neighbour(BaseModel):
    """A work of the corpus near the question."""

    document: str
    title: str
    heading: str
    names_model: bool


class Reference(BaseModel):
    """One thing to read. ``document`` is in the corpus; ``url`` is where an outside work is."""

    title: str
    document: str | None = None
    url: str | None = None


class Grounds(BaseModel):
    """What the proposal says of prior work, checked."""

    why: str
    claims: list[Claim]
    quotes: int
    struck: list[str] = []
    """Sentences that were taken out: a quote that is not there, or prior work without a quote."""
    nearest: list[Neighbour] = []
    documents: int = 0
    novelty: str = ""
    reading: list[Reference] = []


class Pilot(BaseModel):
    """The first experiment, run now. ``state`` is the run's verdict, or why there is none."""

    state: Literal["supported", "not supported", "inconclusive", "failed", "not run"]
    command: str
    model: str = ""
    run: str = ""
    headline: str = ""
    why: str = ""
    controls: list[str] = []
    note: str = ""

    @property
    def present(self) -> bool:
        return self.state == "supported"


class Score(BaseModel):
    """One criterion: 0 missing, 1 partly, 2 met. ``framings`` holds each framing's own score, where a model judged."""

    criterion: str
    score: int
    reason: str
    framings: dict[str, int] = {}
    disagreement: bool = False


class Flaw(BaseModel):
    """A flaw that a framing named, with the words of the proposal that it attacks."""

    framing: str
    quote: str
    because: str


class Stage(BaseModel):
    """A stretch of the plan in working hours from the start, and the sign at which to stop."""

    day: int
    start: float
    end: float
    what: str
    kill: str = ""

    @property
    def days(self) -> str:
        """The days that it takes, in words."""
        last = int((self.end - 0.01) // HOURS) + 1
        return f"Day {self.day}" if last == self.day else f"Days {self.day} to {last}"


class Proposal(BaseModel):
    """One page that a mentor could sign."""

    id: str
    origin: Literal["template", "model"]
    author: str
    draft: Draft
    task: str
    days: int
    relevance: float = 0.0
    grounds: Grounds
    feasibility: Feasibility
    stages: list[Stage]
    pilot: Pilot
    scores: list[Score] = []
    flaws: list[Flaw] = []
    total: float = 0.0
    rank: int = 0
    merged: list[str] = []

    @property
    def label(self) -> str:
        return (
            "template of the packaged bank"
            if self.origin == "template"
            else f"written by {self.author}, checked here"
        )


class Proposals(BaseModel):
    """What the job returns, best first."""

    topic: str
    proposals: list[Proposal]
    notices: list[str] = []
    dollars: float | None = 0.0


def identify(draft: Draft, model: str, task: str) -> str:
    """The same project has the same id every time."""
    text = "\0".join([draft.title, draft.question, model, task])
    return "p" + hashlib.sha256(text.encode()).hexdigest()[:8]


def stages(draft: Draft, days: int) -> list[Stage]:
    """The plan over the days: checkpoints at 10, 30 and 60 % of the hours, the last fifth for writing."""
    total = days * HOURS
    cuts = (0.0, 0.1, 0.3, 0.6, 0.8, 1.0)
    what = [
        *draft.plan,
        "Write up: one claim with its number, control and scope, or one clean negative.",
    ]
    kill = [*draft.kill, "", ""]
    found = []
    for index, text in enumerate(what):
        start, end = round(cuts[index] * total, 1), round(cuts[index + 1] * total, 1)
        found.append(
            Stage(day=int(start // HOURS) + 1, start=start, end=end, what=text, kill=kill[index])
        )
    return found


def keep(proposal: Proposal) -> None:
    """Write it; a proposal of the same id is replaced. Raises HomeError if that is not possible."""
    path = settings.folder("proposals") / f"{proposal.id}.json"
    files.keep(path, proposal.model_dump_json(indent=1))


def load(identifier: str) -> Proposal:
    """The proposal with this id.

    Raises:
        UsageError: there is none, or the file cannot be read; names the latest.
    """
    folder = settings.home() / "proposals"
    path = folder / f"{identifier}.json"
    if not _ID.match(identifier) or not path.is_file():
        kept = sorted(folder.glob("p*.json"), key=lambda p: -p.stat().st_mtime)[:5]
        listed = ", ".join(p.stem for p in kept)
        way = f"the latest are {listed}" if listed else "'gadfly propose' makes some"
        raise UsageError(f"no proposal {identifier!r}; {way}")
    try:
        return Proposal.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(
            f"the proposal {identifier} cannot be read ({type(error).__name__}); propose it again"
        ) from error
