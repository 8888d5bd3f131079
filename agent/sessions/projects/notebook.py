"""The first notebook (``first.md.j2``): the pilot again, on three seeds, all shown; then the same on the subject."""

from __future__ import annotations

from gadfly.agent.jobs.propose.proposal import Proposal
from gadfly.agent.markup import template
from gadfly.agent.sessions.notebooks import from_parts
from gadfly.tools.registry import by_name


def render(proposal: Proposal) -> str:
    """The notebook's JSON. Its cells run as they are, on the model of the pilot."""
    draft, pilot = proposal.draft, proposal.pilot
    return from_parts(
        template.parts(
            __file__,
            "first",
            draft=draft,
            pilot=pilot,
            model=pilot.model or "demo",
            subject=proposal.feasibility.model,
            arguments={
                k: v for k, v in draft.pilot.arguments.items() if k not in ("model", "seed")
            },
            calls=[(c.tool, c.arguments, by_name(c.tool).is_experiment) for c in draft.tools],
        )
    )
