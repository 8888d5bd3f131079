"""A proposal on one page of Markdown that reads well as plain text too."""

from __future__ import annotations

from gadfly.agent.jobs.propose.draft import Call, Draft
from gadfly.agent.jobs.propose.feasible import HOURS, Feasibility, price_note
from gadfly.agent.jobs.propose.proposal import Pilot, Proposal, Proposals, Reference, Stage
from gadfly.agent.markup import address, code, document, phrase, prose
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
        parts.append(_list("Notes", found.notices))
    return "\n\n---\n\n".join(parts) + "\n"


def page(proposal: Proposal) -> str:
    """One proposal."""
    draft, grounds = proposal.draft, proposal.grounds
    parts = [
        f"# {phrase(draft.title)}",
        f"{short(proposal.id)} · {proposal.days} days · "
        + " · ".join(map(phrase, (draft.level, proposal.feasibility.model, proposal.label))),
        _section("Question", prose(draft.question)),
        _section("Why it matters", _why(proposal)),
        _section("Hypothesis", prose(draft.hypothesis)),
        _list("Dumbest ways it could be false", draft.wrong),
        f"**If it is true:** {phrase(draft.positive)}\n\n**If it is false:** {phrase(draft.negative)}",
        _section("Simplest method first", prose(draft.simplest)),
        _section("Strongest baseline", prose(draft.baseline)),
        _section("Data", prose(draft.data)),
        _commands("Tools", draft.tools),
        _section("Pilot", pilot(proposal.pilot, draft)),
        "## Plan\n\n" + "\n".join(stage(each) for each in proposal.stages),
        _section("Compute", compute(proposal.feasibility)),
        _section("Reading, in order of use", "\n".join(map(_reference, grounds.reading))),
        _section("Nearest works", _nearest(proposal)),
        _critique(proposal),
    ]  # fmt: skip
    return document(parts)


def pilot(found: Pilot, draft: Draft) -> str:
    """The pilot's outcome with its run and controls; on which model, and whether it was the effect itself."""
    only_like = draft.pilot_is == "neighbour" and found.state == "supported"
    where = f", on {phrase(found.model)}" if found.run else ""
    outcome = _NEIGHBOUR if only_like else _PILOT[found.state]
    lines = [f"**{outcome}** ({found.state}{where}). {phrase(found.headline)}".strip()]
    if found.why:
        lines.append(phrase(found.why))
    lines += [f"- {phrase(control)}" for control in found.controls]
    lines.append(
        f"Run {short(found.run)}; again with {short(f'gadfly rerun {found.run}')}."
        if found.run
        else short(found.command)
    )
    if draft.pilot_means:
        means = f"{draft.pilot_means[0].lower()}{draft.pilot_means[1:]}"
        lines.append(f"What it says: {phrase(means)}")
    return "\n".join([*lines, phrase(found.note)] if found.note else lines)


def compute(found: Feasibility) -> str:
    """The estimate, what it is made of, and what was changed."""
    lines = [
        f"{phrase(found.model)} in {phrase(found.dtype)} on {phrase(found.machine)} "
        f"({phrase(found.machine_source)}): {found.memory_gb:.1f} of "
        f"{found.memory_limit_gb:g} GB ({found.weights_gb:.1f} GB weights), {found.flops:.1e} operations, about "
        f"{span(found.seconds)} of {span(found.limit_seconds)} machine time."
    ]
    for item in found.items:
        counted = f"{item.passes:,.0f} passes, {item.tokens:.1e} tokens, {span(item.seconds)}"
        lines.append(f"- {phrase(item.what)}: {counted}")
    cost = f"${found.api_dollars:.2f} of ${found.budget_dollars:g}, {price_note()}"
    lines.append(f"API: {cost if found.api_dollars else 'none'}.")
    lines += [f"- Changed to fit: {phrase(change)}" for change in found.changes]
    lines += [f"- Mind: {phrase(warning)}" for warning in found.warnings]
    if not found.fits:
        lines.append("- **It does not fit, even so.**")
    return "\n".join(lines)


def stage(each: Stage) -> str:
    """One stretch of the plan with its hours and the sign to stop at."""
    kill = f"\n  - Stop at hour {each.end:g} if: {phrase(each.kill)}" if each.kill else ""
    last = int((each.end - 0.01) // HOURS) + 1
    day = f"Day {each.day}" if last == each.day else f"Days {each.day} to {last}"
    return f"- {day}, hours {each.start:g} to {each.end:g}: {phrase(each.what)}{kill}"


def span(seconds: float) -> str:
    """Seconds in words."""
    for unit, size in (("h", 3600.0), ("min", 60.0)):
        if seconds >= size:
            return f"{seconds / size:,.1f} {unit}"
    return f"{max(1.0, seconds):.0f} s" if seconds >= 0.5 else "under a second"


def _why(proposal: Proposal) -> str:
    grounds = proposal.grounds
    lines = []
    for claim in grounds.claims:
        quotes = "; ".join(
            f"“{phrase(r.quote or '')}” {short(r.document or '')}" for r in claim.receipts
        )
        lines.append(f"- {phrase(claim.text)} {quotes}")
    if not lines:
        lines.append("**Nothing said of prior work could be verified.**")
    if grounds.struck:
        lines.append(f"({len(grounds.struck)} statements struck: no verbatim quote behind them.)")
    return "\n".join(lines)


def _nearest(proposal: Proposal) -> str:
    lines = [
        f"- {phrase(n.title)} {short(n.document)}, section {phrase(repr(n.heading))}"
        for n in proposal.grounds.nearest
    ]
    if proposal.draft.differs:
        lines.append(f"What is different: {phrase(proposal.draft.differs)}")
    return "\n".join([*lines, phrase(proposal.grounds.novelty)])


def _critique(proposal: Proposal) -> str:
    lines = []
    for score in proposal.scores:
        mark = " (framings disagree)" if score.disagreement else ""
        lines.append(f"- {phrase(score.criterion)} {score.score}/2{mark}: {phrase(score.reason)}")
    lines += [
        f"- {phrase(flaw.framing)} attacks “{phrase(flaw.quote)}”: {phrase(flaw.because)}"
        for flaw in proposal.flaws
    ]
    if proposal.merged:
        lines.append(f"- merged with: {phrase('; '.join(proposal.merged))}")
    total = f"Rank {proposal.rank}, {proposal.total:g} points." if proposal.rank else ""
    return "## Critique\n\n" + "\n".join([*lines, total]).strip() if lines else ""


def _commands(title: str, calls: list[Call]) -> str:
    return _section(title, code("\n".join(call.line() for call in calls)))


def _section(title: str, text: str) -> str:
    return f"## {title}\n\n{text}"


def _list(title: str, items: list[str]) -> str:
    return _section(title, "\n".join(f"- {phrase(item)}" for item in items))


def _reference(found: Reference) -> str:
    """A work with where it is, to be copied."""
    place = short(found.document) if found.document else address(found.url or "")
    return f"- {phrase(found.title)} {place}".rstrip()
