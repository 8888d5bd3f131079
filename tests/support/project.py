"""A proposal from the bank, as `gadfly propose` would keep it."""

from __future__ import annotations

from gadfly.agent.jobs.propose import rubric
from gadfly.agent.jobs.propose.bank import templates
from gadfly.agent.jobs.propose.feasible import Limits, fit
from gadfly.agent.jobs.propose.machines import machine
from gadfly.agent.jobs.propose.proposal import Grounds, Pilot, Proposal, identify, stages


def proposal() -> Proposal:
    draft = next(each for each in templates() if each.slug == "dla-or-ablation")
    feasibility = fit(draft, Limits(machine("none"), 2, 50))
    draft = draft.filled(feasibility.model, "indirect-object")
    return Proposal(
        id=identify(draft, feasibility.model, "indirect-object"),
        origin="template",
        author="the bank",
        draft=draft,
        task="indirect-object",
        days=2,
        grounds=Grounds(why="w", claims=[], quotes=1),
        feasibility=feasibility,
        stages=stages(draft, 2),
        pilot=Pilot(state="not run", command=draft.pilot.line()),
        scores=rubric.judge(draft, feasibility),
    )
