"""What happens in a turn, as a face sees it: small frozen records, in the order in which they happened.

A turn ends with exactly one of :class:`Final`, :class:`ApprovalRequest` or :class:`Stopped`, or with a GadflyError
raised out of the iterator. Leaves out how any of them looks.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from pydantic import BaseModel

if TYPE_CHECKING:
    from gadfly.agent.answers.answer import Answer, Cost


@dataclass(frozen=True)
class Text:
    """A piece of the draft as it streams. Its receipts are not checked yet: show it as provisional."""

    delta: str


@dataclass(frozen=True)
class DraftDropped:
    """What was streamed since the last tool call will be written again; a face may clear it."""

    reason: str


@dataclass(frozen=True)
class ToolStarted:
    """A call begins. ``arguments`` is the JSON that the model wrote, possibly malformed."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True)
class ToolProgress:
    """How far a call is. ``total`` is None where it is unknown."""

    id: str
    name: str
    label: str
    done: int
    total: int | None


@dataclass(frozen=True)
class ToolFinished:
    """A call ended. ``summary`` is one line: the headline and verdict, or the error told to the model."""

    id: str
    name: str
    ok: bool
    summary: str
    seconds: float
    run: str | None = None
    """Id in the ledger, if it was an experiment."""
    figures: tuple[str, ...] = ()
    """Absolute paths of its figures (PNG where there is one)."""


@dataclass(frozen=True)
class Notice:
    """One line worth reading: a budget used up, a retry, a receipt that did not resolve, a compaction."""

    kind: Literal[
        "budget", "retry", "fallback", "receipts", "skeptic", "context", "corpus", "approval"
    ]
    text: str


@dataclass(frozen=True)
class Spent:
    """What the turn and the session took so far, after each reply of a model."""

    turn: Cost
    session: Cost
    limit_dollars: float


@dataclass(frozen=True)
class PendingCall:
    """A call that waits for the researcher's word, and why."""

    id: str
    name: str
    arguments: str
    why: str


@dataclass(frozen=True)
class ApprovalRequest:
    """The turn waits, safely on disk. Answer with ``session.resume(approve=...)``, now or in another process."""

    calls: tuple[PendingCall, ...]


@dataclass(frozen=True)
class Stopped:
    """The turn was cancelled; ``session.resume()`` goes on with it, ``session.turn()`` leaves it behind."""

    reason: str


@dataclass(frozen=True)
class Final:
    """The checked answer."""

    answer: Answer


Event: TypeAlias = (
    Text
    | DraftDropped
    | ToolStarted
    | ToolProgress
    | ToolFinished
    | Notice
    | Spent
    | ApprovalRequest
    | Stopped
    | Final
)


def as_dict(event: Event) -> dict[str, Any]:
    """An event as plain data for JSON lines: ``event`` holds its kind (``tool_started``), the rest its fields."""
    kind = re.sub(r"(?<!^)(?=[A-Z])", "_", type(event).__name__).lower()
    fields = {
        name: value.model_dump(mode="json") if isinstance(value, BaseModel) else value
        for name, value in vars(event).items()
    }
    if isinstance(event, ApprovalRequest):
        fields["calls"] = [vars(call) for call in event.calls]
    return {"event": kind, **fields}
