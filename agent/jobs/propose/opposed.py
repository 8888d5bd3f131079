"""The red team: the same page judged as the asker's own, as a rival's and as nobody's, against the rubric.

A framing's score can lower the mechanical one and never raise it, so that no flattery lifts a proposal. A flaw must
quote the page verbatim. Where the framings are two points apart, the framing decided, and that is shown.
"""

from __future__ import annotations

from statistics import median_low
from typing import Any

from gadfly.agent.answers.receipts import bare, verbatim
from gadfly.agent.jobs.propose.page import page
from gadfly.agent.jobs.propose.proposal import BEST, CRITERIA, WORST, Flaw, Proposal, Score
from gadfly.agent.llm.asking import Asker, line_of
from gadfly.agent.llm.framings import under_each
from gadfly.agent.llm.prompting import fence, prompt

_MOST = 400  # characters of a reason


def attack(proposal: Proposal, asker: Asker) -> Proposal:
    """The proposal with the framings' scores and flaws. Raises LLMError: the provider failed for good."""
    text = page(proposal)

    replies = under_each("project", lambda _, opening: asker.object(question(opening, text)))
    scores = [_combined(score, replies) for score in proposal.scores]
    return proposal.model_copy(update={"scores": scores, "flaws": _flaws(replies, text)})


def question(opening: str, page: str) -> str:
    """What is asked about a proposal's page under one framing."""
    return prompt("propose_critique").render(framing=opening, proposal=fence("proposal", page))


def _combined(mechanical: Score, replies: dict[str, dict[str, Any]]) -> Score:
    given: dict[str, int] = {}
    reasons: dict[str, str] = {}
    for framing, reply in replies.items():
        entry = _entry(reply, mechanical.criterion)
        number = entry.get("score")
        if isinstance(number, int) and not isinstance(number, bool) and WORST <= number <= BEST:
            given[framing] = number
            reasons[framing] = line_of(entry.get("reason"), _MOST)
    if not given:
        return mechanical
    middle = median_low(given.values())
    score = min(mechanical.score, middle)
    harshest = min(given, key=lambda framing: given[framing])
    told = mechanical.reason + (f"; {harshest}: {reasons[harshest]}" if reasons[harshest] else "")
    apart = max(given.values()) - min(given.values()) >= BEST - WORST
    return mechanical.model_copy(
        update={"score": score, "reason": told, "framings": given, "disagreement": apart}
    )


def _entry(reply: dict[str, Any], criterion: str) -> dict[str, Any]:
    scores = reply.get("scores")
    entry = scores.get(criterion) if isinstance(scores, dict) and criterion in CRITERIA else None
    return entry if isinstance(entry, dict) else {}


def _flaws(replies: dict[str, dict[str, Any]], text: str) -> list[Flaw]:
    """Flaws that quote the page, each quote once."""
    found: dict[str, Flaw] = {}
    for framing, reply in replies.items():
        flaws = reply.get("flaws")
        for item in flaws if isinstance(flaws, list) else []:
            if not isinstance(item, dict):
                continue
            quote, because = bare(item.get("quote")), line_of(item.get("because"), _MOST)
            if because and verbatim(quote, text).match:
                found.setdefault(quote, Flaw(framing=framing, quote=quote, because=because))
    return list(found.values())
