"""Realistic scripts in many styles: the bug is found in its place, the repaired twin is silent.

A pair is one file, ``cases/<name>.case``. A line that ends in ``#<bug`` stands only in the buggy script, one in
``#<fix`` only in the repaired one. The header ``#: match:`` is a pattern that the finding's text must match;
``NONE`` marks a clean script.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from gadfly.tools.review.report import Remark

Reviewed = Callable[..., list[Remark]]
NEAR = 3
CASES = Path(__file__).parent / "cases"
_MATCH = re.compile(r"^#: match: (.*)$", re.MULTILINE)


@dataclass(frozen=True)
class Twin:
    """One pair."""

    name: str
    pattern: str | None  # None: clean
    buggy: str
    repaired: str
    lines: tuple[int, int]  # of the bug, in the buggy script


def _load() -> list[Twin]:
    """Every pair of the folder."""
    return [_read(path) for path in sorted(CASES.glob("*.case"))]


def _read(path: Path) -> Twin:
    text = path.read_text(encoding="utf-8")
    found = _MATCH.search(text)
    assert found, f"{path.name} has no match header"
    buggy: list[str] = []
    repaired: list[str] = []
    marks: list[int] = []
    for line in text.split("\n"):
        if line.startswith("#: "):
            continue
        body = line[:-5].rstrip()
        if line.endswith("#<bug"):
            buggy.append(body)
            marks.append(len(buggy))
        elif line.endswith("#<fix"):
            repaired.append(body)
            marks.append(len(buggy))  # an omission: the bug is where the line is missing
        else:
            buggy.append(line)
            repaired.append(line)
    pattern = None if found[1].strip() == "NONE" else found[1].strip()
    span = (min(marks), max(marks)) if marks else (0, 0)
    return Twin(path.stem, pattern, "\n".join(buggy), "\n".join(repaired), span)


TWINS = _load()


@pytest.mark.parametrize(
    "twin", [each for each in TWINS if each.pattern], ids=lambda each: each.name
)
def test_the_bug_is_found(twin: Twin, reviewed: Reviewed) -> None:
    first, last = twin.lines
    found = [
        each
        for each in reviewed(twin.buggy)
        if each.start_line <= last + NEAR and each.end_line >= first - NEAR
    ]
    assert twin.pattern is not None
    assert any(re.search(twin.pattern, f"{e.message} {e.rule}", re.IGNORECASE) for e in found), (
        found
    )


@pytest.mark.parametrize("twin", TWINS, ids=lambda each: each.name)
def test_the_repaired_twin_is_silent(twin: Twin, reviewed: Reviewed) -> None:
    assert not [(each.rule, each.start_line) for each in reviewed(twin.repaired)]


def test_there_are_enough() -> None:
    assert sum(each.pattern is not None for each in TWINS) >= 250
