"""The arms of the proposals, and the rubric that a program checks."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gadfly.errors import UsageError
from gadfly.evals.kit.place import own_home, rows
from gadfly.evals.reasoners import reasoner
from gadfly.evals.tasks.proposing import ABSENT, Shown, absent, as_written, checks, judged, proposed
from gadfly.tools.registry import by_name
from gadfly.tools.runner import execute

ROWS = {row["id"]: row for row in rows("proposals")}
ROW = ROWS["p03"]


def shown(name: str, arm: str, row: dict[str, Any] = ROW) -> Shown:
    found = proposed(arm, reasoner(name), row)
    assert found is not None
    return found


@pytest.mark.parametrize("row", ROWS.values(), ids=list(ROWS))
def test_an_honest_draft_can_be_read_on_every_topic(row: dict[str, Any]) -> None:
    found = checks(shown("honest", "bare", row), row)
    unmet = {name for name, value in found.items() if not value}
    assert unmet == {"kill", "pilot", "neighbours"}  # what the engine adds


def test_the_engine_adds_what_a_draft_lacks_and_invents_nothing() -> None:
    honest = shown("honest", "no pilot")
    assert set(checks(honest, ROW).values()) == {1.0} and honest.by_model
    assert "(not run)" in honest.page


def test_invented_quotes_do_not_reach_the_page() -> None:
    bare, behind = shown("hallucinating", "bare"), shown("hallucinating", "no pilot")
    assert checks(bare, ROW)["quotes"] == checks(bare, ROW)["no 'novel'"] == 0.0
    assert checks(behind, ROW)["quotes"] == 1.0
    assert not behind.by_model  # with nothing verified its own draft sinks below the bank's
    assert "made-up" not in behind.page


def test_a_flatterers_disagreement_shows_only_under_opposed_framings() -> None:
    assert shown("sycophantic", "no pilot").disagreement
    assert not shown("honest", "no pilot").disagreement


def test_one_framing_hides_the_flattery(monkeypatch: pytest.MonkeyPatch) -> None:
    from gadfly.evals.tasks import proposing

    real = proposing.propose
    monkeypatch.setattr(proposing, "propose", lambda *a, **k: real(*a, **{**k, "pilot": False}))
    assert not shown("sycophantic", "one framing").disagreement


def test_who_writes_no_draft_gets_no_page() -> None:
    assert proposed("bare", reasoner("lazy"), ROW) is None
    with pytest.raises(UsageError, match="no arm named 'half'"):
        proposed("half", reasoner("honest"), ROW)


def test_a_page_is_held_to_each_criterion() -> None:
    good = shown("honest", "no pilot")

    def unmet(page: str) -> set[str]:
        found = checks(replace(good, page=page), ROW)
        return {name for name, value in found.items() if not value}

    assert unmet(good.page) == set()
    assert unmet(good.page.replace("“", "“never ", 1)) == {"quotes"}
    assert unmet(good.page.replace("Stop at hour", "Perhaps at hour", 1)) == {"kill"}
    assert unmet(good.page.replace("(not run)", "")) == {"pilot"}
    assert unmet(good.page.replace("(not run)", "Run `r00000000`")) == {"pilot"}
    assert unmet(good.page.partition("## Nearest works")[0]) == {"neighbours"}
    boast = good.draft.model_copy(update={"differs": "A novel question."})
    assert checks(replace(good, draft=boast), ROW)["no 'novel'"] == 0.0


def test_a_judge_does_not_see_the_pages_own_critique() -> None:
    class Listens:
        name = "listens"
        heard = ""

        def reply(self, messages: Any, tools: Any, on_text: Any) -> Any:
            self.heard += messages[-1]["content"]
            return reasoner("sycophantic").reply(messages, tools, on_text)

    judge = Listens()
    assert judged("# A page\n\n## Critique\n\n- hypothesis 0/2: empty\n", judge) == 1.0
    assert "# A page" in judge.heard and "hypothesis 0/2" not in judge.heard


@pytest.mark.slow
def test_the_planted_project_is_well_written_and_its_effect_is_not_there() -> None:
    from gadfly.agent.jobs.propose.draft import Draft

    draft = Draft.model_validate(absent())
    assert draft.title == ABSENT and "[[quote" in as_written(draft)
    with own_home():
        result: Any = execute(by_name("lens"), {**draft.pilot.arguments, "model": "demo"})
    assert result.verdict == "not supported"
