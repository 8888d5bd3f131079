"""Every rule finds the wrong example of its page and is silent on the right one."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from gadfly.tools.review.findings import Finding
from gadfly.tools.review.registry import PAGES, rules

Reviewed = Callable[..., list[Finding]]
RULES = list(rules())


@pytest.mark.parametrize("name", RULES)
def test_the_page_is_true(name: str, reviewed: Reviewed) -> None:
    page = rules()[name].page
    assert page.title and page.wrong and page.right and page.why and page.source
    for example in page.wrong:
        assert name in {each.rule for each in reviewed(example)}
    for example in page.right:
        assert not reviewed(example)


def test_every_page_has_its_rule() -> None:
    assert {path.stem for path in PAGES.glob("*.md")} == set(RULES)


@pytest.mark.parametrize("name", RULES)
def test_a_rule_is_named_and_written_plainly(name: str, reviewed: Reviewed) -> None:
    assert name == name.lower() and " " not in name and "_" not in name
    finding = next(e for e in reviewed(rules()[name].page.wrong[0]) if e.rule == name)
    assert finding.severity in ("high", "medium", "low") and finding.evidence == "static"
    assert finding.message and "\n" not in finding.message and "\n" not in finding.fix
