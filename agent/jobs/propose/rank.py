"""Duplicates merged, the rest put in order. A project whose phenomenon is absent sinks below every other."""

from __future__ import annotations

from gadfly.agent.jobs.propose.proposal import Proposal
from gadfly.corpus.words import STOPWORDS, words

_ALIKE = 0.6  # share of common words of title and question above which two projects are one
_PILOT = {"supported": 2.0, "failed": -3.0, "not supported": -20.0}
_RELEVANT = 4.0  # points for a project that speaks of the whole topic
_UNGROUNDED = -10.0
_FLAW = -0.5
_NEIGHBOUR = -1.5  # a pilot of the kind, not of the effect itself, is worth little


def points(proposal: Proposal) -> float:
    """Rubric (0 to 12), the pilot's outcome, relevance to the topic, and what is missing."""
    total = sum(score.score for score in proposal.scores) + _PILOT.get(proposal.pilot.state, 0.0)
    if proposal.pilot.present and proposal.draft.pilot_is == "neighbour":
        total += _NEIGHBOUR
    total += _RELEVANT * proposal.relevance + _FLAW * len(proposal.flaws)
    total += _UNGROUNDED * ((proposal.grounds.quotes == 0) + (not proposal.feasibility.fits))
    return round(total, 2)


def ranked(proposals: list[Proposal]) -> list[Proposal]:
    """Best first, duplicates folded into the better one."""
    scored = [p.model_copy(update={"total": points(p)}) for p in proposals]
    kept: list[Proposal] = []
    for proposal in sorted(scored, key=lambda p: (-p.total, p.id)):
        twin = next((other for other in kept if alike(other, proposal)), None)
        if twin is None:
            kept.append(proposal)
        else:
            twin.merged.append(proposal.draft.title)
    return [p.model_copy(update={"rank": place}) for place, p in enumerate(kept, 1)]


def alike(one: Proposal, other: Proposal) -> bool:
    """Whether two proposals ask the same thing: by the words of title and question."""
    if one.id == other.id:
        return True
    first, second = _words(one), _words(other)
    return len(first & second) / max(1, len(first | second)) >= _ALIKE


def _words(proposal: Proposal) -> set[str]:
    text = f"{proposal.draft.title} {proposal.draft.question}"
    return {word for word in words(text) if word not in STOPWORDS}
