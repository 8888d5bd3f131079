"""Workflow commands: annotations of a GitHub Actions step, and the step's summary. No token is needed.

GitHub shows at most ten annotations of a kind for a step; the rest stands in the summary.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from gadfly.agent.critic import markdown
from gadfly.tools.review.report import Report
from gadfly.visible import visible

PER_KIND = 10
_KIND = {"error": "error", "warning": "warning", "note": "notice"}
_LARGEST = 900_000  # bytes; a step summary may hold 1 MiB


def commands(report: Report) -> Iterator[str]:
    """One line for each annotation, in the order of the ranking."""
    said: Counter[str] = Counter()
    for each in report.findings:
        kind = _KIND[each.severity]
        said[kind] += 1
        if said[kind] > PER_KIND:
            continue
        first, last = each.file_lines
        message = each.message + (f"\nInstead: {each.fix}" if each.fix else "")
        yield (
            f"::{kind} file={_property(each.path)},line={first},endLine={last},"
            f"title={_property(each.rule)}::{_data(message)}"
        )


def write_summary(report: Report, limit: int) -> bool:
    """Appends the report to the step's summary; False where there is none."""
    path = os.environ.get("GITHUB_STEP_SUMMARY")
    if not path:
        return False
    text = markdown.summary(report, limit)
    while len(text.encode()) > _LARGEST:  # thousands of findings: GitHub drops a larger one whole
        report = report.model_copy(
            update={"findings": report.findings[: len(report.findings) // 2]}
        )
        text = markdown.summary(report, limit) + "\nThe rest did not fit here.\n"
    with Path(path).open("a", encoding="utf-8") as file:
        file.write(text)
    return True


def _data(text: str) -> str:
    return visible(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
