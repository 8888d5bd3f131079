"""Every rule finds the wrong example of its page and is silent on the right one."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gadfly.tools.review.registry import PAGES, Page, rules
from gadfly.tools.review.report import LEVELS, Remark

Reviewed = Callable[..., list[Remark]]
RULES = list(rules())


@pytest.mark.parametrize("name", RULES)
def test_the_page_is_true(name: str, reviewed: Reviewed) -> None:
    page = rules()[name].page
    assert page.title and page.says and page.wrong and page.right and page.why and page.source
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
    assert finding.severity in LEVELS and finding.evidence == "static"
    assert finding.message and "\n" not in finding.message and "\n" not in finding.fix


FAMILIES = sorted(each for each in PAGES.parent.glob("*.py") if each.stem != "__init__")
Told = tuple[str, frozenset[str]]  # a label, and the names of the values


def _written(family: Path) -> tuple[set[str], set[Told]]:
    """The rules of a module, and what its hits are made with."""
    rules_here: set[str] = set()
    hits: set[Told] = set()
    for node in ast.walk(ast.parse(family.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            texts = [each.value for each in node.args if isinstance(each, ast.Constant)]
            if node.func.id == "rule":
                rules_here.add(str(texts[0]))
            elif node.func.id == "Hit":
                values = frozenset(each.arg or "**" for each in node.keywords)
                hits.add((str(texts[0]) if texts else "", values))
    return rules_here, hits


def _told(page: Page) -> Iterator[Told]:
    for label, says in page.says.items():
        yield label, frozenset(re.findall(r"\{(\w+)\}", " ".join(says)))


@pytest.mark.parametrize("family", FAMILIES, ids=lambda each: each.stem)
def test_what_a_rule_says_is_on_its_page_and_the_page_says_no_more(family: Path) -> None:
    names, hits = _written(family)
    assert hits == {told for name in names for told in _told(rules()[name].page)}
