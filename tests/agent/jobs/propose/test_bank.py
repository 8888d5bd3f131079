"""Every template of the bank holds: its quotes, its calls, its models, its plan."""

from __future__ import annotations

import re
from itertools import combinations

import pytest

from gadfly.agent.jobs.propose import rubric
from gadfly.agent.jobs.propose.bank import fitting, templates
from gadfly.agent.jobs.propose.draft import Call, Draft
from gadfly.agent.jobs.propose.feasible import Limits, fit
from gadfly.agent.jobs.propose.ground import ground
from gadfly.agent.jobs.propose.machines import machine
from gadfly.agent.jobs.propose.subjects import find, warning
from gadfly.corpus.index import Corpus
from gadfly.corpus.words import STOPWORDS, words
from gadfly.tools.ledger import Ledger
from gadfly.tools.registry import by_name

BANK = templates()
each = pytest.mark.parametrize("draft", BANK, ids=lambda draft: draft.slug)


def test_there_are_enough_and_they_spread() -> None:
    assert len(BANK) >= 30
    assert {draft.level for draft in BANK} == {"beginner", "intermediate", "advanced"}
    assert len({draft.days for draft in BANK}) >= 3
    assert len({draft.pilot.tool for draft in BANK}) >= 6


@each
def test_its_calls_are_ready(draft: Draft) -> None:
    for model in draft.models:
        for task in draft.tasks:
            filled = draft.filled(model, task)
            for call in [filled.pilot, *filled.tools]:
                call.check()
                old = [
                    name for group in getattr(by_name(call.tool).args, "OLD", ()) for name in group
                ]
                assert call.arguments.keys().isdisjoint(old)
                assert "{" not in call.line().replace('{"', "")
            assert "{model}" not in filled.model_dump_json()


def test_several_files_of_data_are_json_in_a_shell() -> None:
    call = Call(tool="steer", arguments={"data": ["a.jsonl", "b.jsonl"], "words": ["so", "no"]})
    assert call.line() == """gadfly steer --data '["a.jsonl", "b.jsonl"]' --words so --words no"""
    call.check()


@each
def test_its_subjects_are_current(draft: Draft) -> None:
    assert all(find(name) is not None for name in draft.models)
    assert not any(warning(name) for name in draft.models)


@each
def test_its_quotes_stand_and_its_reading_is_there(draft: Draft, corpus: Corpus) -> None:
    clean, grounds = ground(draft, draft.models[0], corpus, Ledger())
    assert not grounds.struck
    assert grounds.quotes >= 2
    assert len([r for r in grounds.reading if r.document]) == len(draft.reading)
    assert "not found in this corpus" in grounds.novelty or "not found in" in grounds.novelty
    assert clean.question == draft.question


@each
def test_it_fits_a_common_card_and_passes_the_rubric(draft: Draft) -> None:
    feasibility = fit(draft, Limits(machine("24GB"), draft.days, 50))
    assert feasibility.fits
    scores = rubric.judge(draft, feasibility)
    assert sum(score.score for score in scores) >= 10
    assert all(score.score >= 1 for score in scores)


@each
def test_it_never_boasts(draft: Draft) -> None:
    text = draft.model_dump_json().lower()
    assert not re.search(r"\bnovel\b|first to |state of the art|groundbreaking", text)
    assert "—" not in text


def test_no_two_ask_the_same() -> None:
    def key(draft: Draft) -> set[str]:
        return {word for word in words(f"{draft.title} {draft.question}") if word not in STOPWORDS}

    for one, other in combinations(BANK, 2):
        common = len(key(one) & key(other)) / len(key(one) | key(other))
        assert common < 0.6, (one.slug, other.slug)


def test_a_topic_comes_first_and_days_bound_it() -> None:
    best = fitting("attention sinks", days=2, level=None)
    assert "sink" in best[0][0].slug
    assert all(draft.days <= 2 for draft, _ in best)
    assert fitting("steering vectors side effects", days=5, level=None)[0][0].slug.startswith(
        "steering"
    )


def test_harder_than_asked_comes_last() -> None:
    levels = [draft.level for draft, _ in fitting("", days=5, level="beginner")]
    assert levels[0] == "beginner"
    assert "beginner" not in levels[levels.index("intermediate") :]
    assert "advanced" in levels


def test_without_a_topic_problems_differ() -> None:
    first = [draft.reading[0] for draft, _ in fitting("", days=5, level=None)[:10]]
    assert len(set(first)) == 10
