"""Twice the code, at most 2.4 times the time: every rule, on its own examples and on code that only looks like it."""

from __future__ import annotations

import time
from typing import Any

import pytest
from tests.doubling import code
from tests.doubling.measure import MOST, elapsed, growth

from gadfly.tools.review.code.flow import Code
from gadfly.tools.review.code.tree import BrokenCodeError
from gadfly.tools.review.engine import review_source
from gadfly.tools.review.reading.source import from_text
from gadfly.tools.review.registry import rules
from gadfly.tools.review.report import Remark

# Flows are followed for some hundred nodes: only on code that is longer is the time for more of it the same.
LARGE, DOUBLINGS = 48_000, 2
QUICK = (
    "hooks",
    "hook pairs",
    "registrations of one hook",
    "elifs",
    "sums",
    "statements of one function",
)


def _parsed(text: str) -> Code | None:
    try:
        return Code(from_text("x.py", text).text)
    except BrokenCodeError:
        return None


def _without_parsing(text: str, check: Any) -> float:
    """The time of a rule on code that was parsed before."""
    parsed = _parsed(text)
    return 0.0 if parsed is None else elapsed(parsed, lambda each: list(check(each)))


def _reviewed(text: str) -> tuple[list[Remark], list[str]]:
    notices: list[str] = []
    return review_source(from_text("x.py", text), notices), notices


def _every_rule(text: str) -> None:
    assert not [each for each in _reviewed(text)[1] if "the rule" in each]


@pytest.mark.parametrize("kind", QUICK)
def test_all_rules_on_some_code(kind: str) -> None:
    found = growth(code.GENERAL[kind], _every_rule)
    assert found.ratio <= MOST, str(found)


@pytest.mark.slow
@pytest.mark.parametrize("kind", code.GENERAL)
def test_all_rules(kind: str) -> None:
    found = growth(code.GENERAL[kind], _every_rule, large=LARGE, doublings=DOUBLINGS)
    assert found.ratio <= MOST, str(found)


@pytest.mark.slow
@pytest.mark.parametrize("name", rules())
def test_a_rule_on_its_own_examples(name: str) -> None:
    """A rule that is added is tried here by the wrong example of its page."""
    slow = []
    for arrangement, make in code.arranged(rules()[name].page.wrong[0]).items():
        for large in (LARGE, 4 * LARGE, 16 * LARGE):  # what grows up to a bound is no fault
            found = growth(
                make,
                rules()[name].check,
                large=large,
                least=1_000 if large == LARGE else large,
                doublings=DOUBLINGS,
                seconds=_without_parsing,
            )
            if found.ratio <= MOST:
                break
        if found.ratio > MOST:
            slow.append(f"{arrangement}: {found}")
    assert not slow, "; ".join(slow)


def test_four_thousand_hooks_hide_no_bug() -> None:
    """The time of the whole review was over before the rule that finds the last line had its turn."""
    hooks = code.GENERAL["hooks"](4_000 * 80)
    assert hooks.count("def hook") >= 4_000
    began = time.process_time()
    found, notices = _reviewed(f"{hooks}\nacts = [[]] * n_layers\n")
    assert "shared-list-in-every-slot" in {each.rule for each in found}
    assert not notices
    assert time.process_time() - began < 60  # was 10 seconds of the clock, and then nothing


def test_twenty_thousand_lines_hide_no_bug() -> None:
    padding = "".join(f"value_{n} = compute(values, {n})\n" for n in range(20_000))
    found, notices = _reviewed(f"{padding}acts = [[]] * n_layers\n")
    assert [each.rule for each in found] == ["shared-list-in-every-slot"]
    assert found[0].start_line == 20_001 and not notices
