"""What a reply about code is worth: its mistakes at code that is there, a verdict on a claim, a repair."""

from __future__ import annotations

from dataclasses import dataclass

from gadfly.agent.critic.views import Spot, View
from gadfly.agent.llm.asking import line_of, list_in, object_in
from gadfly.tools.review.report import Level, level

_MOST = 12  # entries of one reply


@dataclass(frozen=True)
class Candidate:
    """A mistake that one reading reports, at code that is there."""

    view: View
    spot: Spot
    problem: str
    severity: Level
    framing: str


@dataclass(frozen=True)
class Lost:
    """An entry of a reply that cannot be placed."""

    problem: str
    reason: str


def candidates(reply: str, view: View, framing: str) -> tuple[list[Candidate], list[Lost]] | None:
    """The mistakes in a reply that stand at code of the view, and the others; None for a reply that is no list."""
    entries = list_in(reply)
    if entries is None:
        return None
    found: list[Candidate] = []
    lost: list[Lost] = []
    for entry in entries[:_MOST]:
        problem = line_of(entry.get("problem"))
        quote = entry.get("quote")
        if not problem or not isinstance(quote, str):
            lost.append(Lost(problem or "an entry without a problem", "malformed"))
            continue
        spots = view.find(quote)
        if not spots:
            lost.append(Lost(problem, "its quote is not in the code"))
            continue
        file = view.file
        counted = [spot for spot in spots if file.counts(*spot)]
        counted = counted or [spot for spot in spots if file.is_near(*spot)]
        if not counted:
            lost.append(Lost(problem, "its quote is outside the change"))
            continue
        said = entry.get("severity")
        severity = level(said) if said in ("high", "medium", "low") else "warning"
        found.append(Candidate(view, counted[0], problem, severity, framing))
    return found, lost


def verdict(reply: str) -> tuple[bool, str] | None:
    """Whether a claim was refuted, and why; None for a reply that says neither."""
    told = object_in(reply)
    if told.get("verdict") not in ("refuted", "stands"):
        return None
    return bool(told["verdict"] == "refuted"), line_of(told.get("reason"))


def repair(reply: str) -> tuple[str, str | None]:
    """The way out in words, and code for the quoted lines."""
    told = object_in(reply)
    code = told.get("replacement")
    return line_of(told.get("fix")), code if isinstance(code, str) and code.strip() else None
