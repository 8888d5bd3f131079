"""Reviewing a text in one call."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from gadfly.tools.review.engine import review_source
from gadfly.tools.review.reading.source import from_text
from gadfly.tools.review.report import Remark

Reviewed = Callable[..., list[Remark]]


@pytest.fixture
def reviewed() -> Reviewed:
    """The findings in a text; a rule that fails is a failure of the test."""

    def run(text: str, path: str = "code.py") -> list[Remark]:
        notices: list[str] = []
        found = review_source(from_text(path, text), notices)
        assert not [each for each in notices if "rule" in each], notices
        return found

    return run
