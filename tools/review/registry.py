"""How a rule is written and found: a small generator function under ``@rule``, and a page.

The page (``rules/pages/<id>.md``) holds what the rule says, a wrong and a right example, why, and the source; the
examples are tests. A rule needs positive evidence of the bug *and* of the absence of its usual repair.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

from gadfly import folders
from gadfly.tools.review.code.flow import Code
from gadfly.tools.review.code.memory import kept
from gadfly.tools.review.report import Level

__all__ = ["PAGES", "Check", "Code", "Hit", "Hits", "Page", "Rule", "Says", "kept", "rule", "rules"]
PAGES = Path(__file__).parent / "rules" / "pages"
_SECTION = re.compile(r"^## (Says|Wrong|Right|Why|Source)\s*$", re.MULTILINE)
_SAYS = re.compile(r"^- (?:`([\w-]+)`: )?(.+)\n  Fix: (.+)$", re.MULTILINE)
_VALUE = re.compile(r"\{(\w+)\}")
_FENCE = re.compile(r"```python\n(.*?)```", re.DOTALL)


class Hit:
    """What a rule yields: the node that is wrong, and which message of the page says so, with its values.

    ``Hit(node)`` is the first message, ``Hit(node, "label", name=value)`` a labelled one, with ``{name}`` filled in.
    """

    def __init__(self, node: ast.AST, label: str = "", /, **values: object) -> None:
        self.node, self.label, self.values = node, label, values


Hits = Iterator[Hit]
Check = Callable[[Code], Hits]


class Rule(NamedTuple):
    """A registered check."""

    id: str
    severity: Level
    check: Check

    @property
    def page(self) -> Page:
        """The rule's page."""
        return read_page(self.id)

    def says(self, hit: Hit) -> Says:
        """The message and the fix of a hit, its values filled in."""
        message, fix = self.page.says[hit.label]
        return Says(_filled(message, hit.values), _filled(fix, hit.values))


class Says(NamedTuple):
    """What is wrong, and what to write instead; ``{name}`` stands for a value of the hit."""

    message: str
    fix: str


class Page(NamedTuple):
    """A rule explained."""

    title: str
    says: dict[str, Says]  # by label; the first has none
    wrong: list[str]
    right: list[str]
    why: str
    source: str


_RULES: dict[str, Rule] = {}


def rule(name: str, severity: Level) -> Callable[[Check], Check]:
    """Registers a check under its id."""

    def register(check: Check) -> Check:
        assert name not in _RULES, f"two rules are called {name}"
        _RULES[name] = Rule(name, severity, check)
        return check

    return register


@cache
def rules() -> dict[str, Rule]:
    """Every rule by id; imports the families on first use."""
    folders.modules("gadfly.tools.review.rules")
    return dict(sorted(_RULES.items()))


@cache
def read_page(name: str) -> Page:
    """The page of a rule, read from its file."""
    text = (PAGES / f"{name}.md").read_text(encoding="utf-8")
    head, *parts = _SECTION.split(text)
    sections = dict(zip(parts[::2], parts[1::2], strict=True))
    return Page(
        title=head.lstrip("# ").split("\n", 1)[0].strip(),
        says={label: Says(message, fix) for label, message, fix in _SAYS.findall(sections["Says"])},
        wrong=_FENCE.findall(sections.get("Wrong", "")),
        right=_FENCE.findall(sections.get("Right", "")),
        why=sections.get("Why", "").strip(),
        source=sections.get("Source", "").strip(),
    )


def _filled(text: str, values: dict[str, object]) -> str:
    return _VALUE.sub(lambda found: str(values[found[1]]), text)
