"""Order: an absent phenomenon sinks, duplicates merge, the plan has hours to stop at."""

from __future__ import annotations

from typing import Any

from gadfly.agent.jobs.propose import rubric
from gadfly.agent.jobs.propose.draft import Draft
from gadfly.agent.jobs.propose.feasible import Limits, fit
from gadfly.agent.jobs.propose.machines import machine
from gadfly.agent.jobs.propose.page import page
from gadfly.agent.jobs.propose.proposal import Grounds, Pilot, Proposal, identify, stages
from gadfly.agent.jobs.propose.rank import ranked


def made(draft: Draft, state: Any = "supported", **changed: Any) -> Proposal:
    draft = draft.model_copy(update=changed)
    feasibility = fit(draft, Limits(machine("24GB"), 2, 50))
    return Proposal(
        id=identify(draft, feasibility.model, "induction"),
        origin="template",
        author="the bank",
        draft=draft,
        task="induction",
        days=2,
        relevance=changed.get("relevance", 0.5),
        grounds=Grounds(why="w", claims=[], quotes=1),
        feasibility=feasibility,
        stages=stages(draft, 2),
        pilot=Pilot(state=state, command="gadfly attention"),
        scores=rubric.judge(draft, feasibility),
    )


def test_an_absent_phenomenon_sinks_below_everything(draft: Draft) -> None:
    other = {
        "title": "Does something else altogether hold?",
        "question": "What about quite another matter?",
    }
    best = ranked([made(draft, "not supported"), made(draft, "failed", **other)])
    assert [p.pilot.state for p in best] == ["failed", "not supported"]
    assert [p.rank for p in best] == [1, 2]
    assert "THE PHENOMENON IS ABSENT" in page(best[1])


def test_a_neighbouring_effect_is_not_called_the_phenomenon(draft: Draft) -> None:
    one, other = made(draft), made(draft, pilot_is="neighbour")
    assert "the effect it builds on is there" in page(one)
    assert "the project's own is untested" in page(other)
    assert ranked([other])[0].total < ranked([one])[0].total


def test_duplicates_merge_into_the_better_one(draft: Draft) -> None:
    twin = made(draft, "inconclusive", title=draft.title + " Again")
    best = ranked([twin, made(draft)])
    assert len(best) == 1
    assert best[0].pilot.state == "supported"
    assert best[0].merged == [draft.title + " Again"]


def test_nothing_verified_costs_the_rank(draft: Draft) -> None:
    bare = made(
        draft,
        title="Some unrelated words up here",
        question="And more that are different down there?",
    )
    bare = bare.model_copy(update={"grounds": Grounds(why="", claims=[], quotes=0)})
    assert ranked([bare, made(draft, "inconclusive")])[1].id == bare.id


def test_the_plan_covers_the_days_with_hours_to_stop_at(draft: Draft) -> None:
    for days in (1, 2, 5):
        plan = stages(draft, days)
        assert plan[0].start == 0
        assert plan[-1].end == days * 8
        assert [one.end for one in plan[:-1]] == [other.start for other in plan[1:]]
        assert [bool(stage.kill) for stage in plan] == [True, True, True, False, False]


def test_a_vague_draft_scores_low(draft: Draft) -> None:
    vague = draft.model_copy(
        update={
            "hypothesis": "Something interesting happens inside of the model here.",
            "baseline": "To be decided.",
            "simplest": "Look at it.",
            "wrong": ["It is wrong.", "It is not right."],
            "positive": "We see the expected thing.",
            "negative": "We do not see the expected thing.",
            "data": "Some texts from somewhere.",
            "plan": ["Begin.", "Go on.", "Do it.", "End."],
            "kill": ["it is bad", "it is worse", "it is hopeless"],
        }
    )
    scores = rubric.judge(vague, fit(vague, Limits(machine("24GB"), 2, 50)))
    assert sum(score.score for score in scores) <= 3
    assert all(score.reason for score in scores)
