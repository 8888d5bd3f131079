"""A proposal on one page of Markdown that reads well as plain text too. Its words are in ``page.md.j2``."""

from __future__ import annotations

from gadfly.agent.answers.answer import Claim
from gadfly.agent.jobs.propose.feasible import Feasibility, price_note
from gadfly.agent.jobs.propose.proposal import Proposal, Proposals
from gadfly.agent.markup import phrase, template
from gadfly.agent.markup import span as short

_PILOT = {
    "supported": "the effect it builds on is there",
    "not supported": "THE PHENOMENON IS ABSENT: do not start this as it is",
    "inconclusive": "undecided",
    "failed": "the pilot failed",
    "not run": "not run",
}
_NEIGHBOUR = (
    "the method finds an effect of this kind where there is one; the project's own is untested"
)


def pages(found: Proposals) -> str:
    """Every proposal, best first, then what was left out."""
    parts = [page(proposal) for proposal in found.proposals]
    if found.notices:
        parts.append("## Notes\n\n" + "\n".join(f"- {phrase(each)}" for each in found.notices))
    return "\n\n---\n\n".join(parts) + "\n"


def page(proposal: Proposal) -> str:
    """One proposal."""
    draft, pilot = proposal.draft, proposal.pilot
    only_like = draft.pilot_is == "neighbour" and pilot.present
    return template.page(
        __file__,
        "page",
        p=proposal,
        draft=draft,
        pilot=pilot,
        fit=proposal.feasibility,
        outcome=_NEIGHBOUR if only_like else _PILOT[pilot.state],
        commands="\n".join(call.line() for call in draft.tools),
        cost=_cost(proposal.feasibility),
        quotes=_quotes,
        duration=span,
        repr=repr,
    )


def span(seconds: float) -> str:
    """Seconds in words."""
    for unit, size in (("h", 3600.0), ("min", 60.0)):
        if seconds >= size:
            return f"{seconds / size:,.1f} {unit}"
    return f"{max(1.0, seconds):.0f} s" if seconds >= 0.5 else "under a second"


def _quotes(claim: Claim) -> str:
    found = (f"“{phrase(r.quote or '')}” {short(r.document or '')}" for r in claim.receipts)
    return template.Written("; ".join(found))


def _cost(fit: Feasibility) -> str:
    if not fit.api_dollars:
        return "none"
    return f"${fit.api_dollars:.2f} of ${fit.budget_dollars:g}, {price_note()}"
